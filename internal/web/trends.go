package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"strconv"
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

// keptTrends are they on disk. Numbers have four digits, which is more than a drawing shows; null is none.
type keptTrends struct {
	At     time.Time             `json:"at"` // of the last value of each
	Values map[string][]*float64 `json:"values"`
}

// Keep writes all values as Restore reads them, the last of which are of an instant.
func (t *Trends) Keep(at time.Time) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := keptTrends{at.UTC(), make(map[string][]*float64, len(t.values))}
	for name, values := range t.values {
		list := make([]*float64, len(values))
		for i, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64); err == nil {
				list[i] = &short
			}
		}
		kept.Values[name] = list
	}
	return json.Marshal(kept)
}

// Restore takes up what was kept, with a gap for the time that has gone by since. Values are so far apart as they will be.
func (t *Trends) Restore(data []byte, now time.Time, every time.Duration) error {
	var kept keptTrends
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("reading drawings: %w", err)
	}
	if kept.At.IsZero() {
		return errors.New("reading drawings: no instant of the last value")
	}
	gap := int(min(max(0, now.Sub(kept.At)/every), trendPoints))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values = make(map[string][]float64, len(kept.Values))
	for name, list := range kept.Values {
		values := make([]float64, 0, len(list)+gap)
		for _, v := range list {
			if v == nil {
				values = append(values, math.NaN())
			} else {
				values = append(values, *v)
			}
		}
		for range gap {
			values = append(values, math.NaN())
		}
		t.values[name] = values[max(0, len(values)-trendPoints):]
	}
	return nil
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
	begun, lastX, lastY := false, 0, 0
	for i, v := range values {
		if math.IsNaN(v) {
			begun = false
			continue
		}
		x, y := trendWidth-(len(values)-1-i)*trendWidth/(trendPoints-1), y(v)
		if begun { // steps are shorter than places
			fmt.Fprintf(&path, "l%d %d", x-lastX, y-lastY)
		} else {
			fmt.Fprintf(&path, "M%d %d", x, y)
		}
		begun, lastX, lastY = true, x, y
	}
	said := fmt.Sprintf("from %s to %s", unit.Format(first), unit.Format(last))
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers, and units written by us
		`<svg class="trend" viewBox="0 0 %d %d" role="img" aria-label="%s"><path class="limit" d="M0 %dH%d"/><path d="%s"/></svg>`,
		trendWidth, trendHeight, template.HTMLEscapeString(said), y(threshold), trendWidth, path.String()))
}
