package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

const (
	trendPoints = 60 // that are drawn: an hour of a value each minute
	// TrendEvery is how far apart the points are.
	TrendEvery = time.Minute
)

// Trends keep the last hour of the objectives' values, for their small drawings. Its zero value is empty and ready. It is
// safe for concurrent use.
type Trends struct {
	mu     sync.Mutex
	values map[string][]float64 // the oldest first; NaN where nothing was known
}

// Observe adds the values of all objectives at one instant; NaN for those that have none. Objectives that are not among
// them are forgotten.
func (t *Trends) Observe(values map[string]float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[string][]float64, len(values))
	for name, v := range values {
		all := append(t.values[name], v)
		next[name] = all[max(0, len(all)-trendPoints):]
	}
	t.values = next
}

// of copies the values of an objective.
func (t *Trends) of(name string) []float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]float64(nil), t.values[name]...)
}

// The size of a drawing, in its own units.
const (
	trendWidth  = 120
	trendHeight = 28
)

// drawTrend draws values in as few bytes as it takes, with a threshold as a dashed line. Nothing is drawn of fewer than
// two values.
func drawTrend(values []float64, threshold float64, unit objective.Unit) template.HTML {
	low, high, known := threshold, threshold, 0
	first, last := math.NaN(), math.NaN()
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if known++; math.IsNaN(first) {
			first = v
		}
		low, high, last = min(low, v), max(high, v), v
	}
	if known < 2 {
		return ""
	}
	if high == low {
		high = low + 1
	}
	y := func(v float64) int { return int(math.Round(trendHeight - 2 - (v-low)/(high-low)*(trendHeight-4))) }
	var path strings.Builder
	command := 'M'
	for i, v := range values {
		if math.IsNaN(v) {
			command = 'M'
			continue
		}
		x := trendWidth - (len(values)-1-i)*trendWidth/(trendPoints-1)
		fmt.Fprintf(&path, "%c%d %d", command, x, y(v))
		command = 'L'
	}
	said := fmt.Sprintf("from %s to %s", unit.Format(first), unit.Format(last))
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers, and units written by us
		`<svg class="trend" viewBox="0 0 %d %d" role="img" aria-label="%s"><path class="limit" d="M0 %dH%d"/><path d="%s"/></svg>`,
		trendWidth, trendHeight, template.HTMLEscapeString(said), y(threshold), trendWidth, path.String()))
}
