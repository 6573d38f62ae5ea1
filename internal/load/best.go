package load

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	// maxMarks is how many instants are kept of a run, however long it is.
	maxMarks = 64
	// noiseBatches is into how many parts a run is divided to tell its noise: enough to estimate a deviation to a fifth,
	// and each long enough that requests which were slow together stay together.
	noiseBatches = 16
	// clearLead is by how many standard errors of the difference a run must lead: the 99.5 % quantile of Student's t with
	// the 30 degrees of freedom of two runs. Of two values that are the same, one is called the best in 1 of 100 bursts.
	clearLead = 2.75
)

// marks wraps the sink of a run and keeps the instants at which its requests succeeded: each at first, and every second
// of those that it has whenever it has too many, so that its memory is constant.
type marks struct {
	Sink

	mu    sync.Mutex
	every int // requests between two instants
	since int // requests after the last one
	at    []time.Time
}

func newMarks(sink Sink) *marks { return &marks{Sink: sink, every: 1} }

// Observe implements Sink.
func (m *marks) Observe(leaf int, s *probes.Sample) {
	m.Sink.Observe(leaf, s)
	if s.Outcome != probes.OK {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since++; m.since < m.every {
		return
	}
	m.since = 0
	m.at = append(m.at, s.Start.Add(s.Duration))
	if len(m.at) == maxMarks {
		for i := range maxMarks / 2 {
			m.at[i] = m.at[2*i+1]
		}
		m.at, m.every = m.at[:maxMarks/2], 2*m.every
	}
}

// noise estimates the standard error of a run's throughput over that throughput, below 0 if there were too few requests.
// It is that of a ratio estimator over batches: of n_i requests in t_i each, with the rate R = sum n / sum t, the residuals
// are n_i - R t_i. Batches of requests, and not of time, do not round to whole requests; and unlike the spread of single
// requests they see that slow ones come together.
func (m *marks) noise(start time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.at) < noiseBatches {
		return -1
	}
	slices.SortFunc(m.at, time.Time.Compare) // observed by many users, who overtake each other
	requests := float64(len(m.at))
	rate := requests / m.at[len(m.at)-1].Sub(start).Seconds()
	last, done, squares := start, 0, 0.0
	for i := range noiseBatches {
		upTo := (i + 1) * len(m.at) / noiseBatches
		end := m.at[upTo-1]
		residual := float64(upTo-done) - rate*end.Sub(last).Seconds()
		squares += residual * residual
		last, done = end, upTo
	}
	relative := math.Sqrt(squares*noiseBatches/(noiseBatches-1)) / requests
	if math.IsNaN(relative) || math.IsInf(relative, 0) {
		return -1
	}
	return relative
}

// best finds the run of the most items a second, and after it, by their rates, those whose distance to it may be noise.
// Only runs that completed are compared, and only two or more of them: there is no best of one. What it cannot see is a
// target that changed between the runs, which come one after another.
func best(runs []RunSummary) []int {
	var order []int
	for i := range runs {
		if runs[i].Result == Completed && runs[i].ItemsRate() > 0 {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(runs[b].ItemsRate(), runs[a].ItemsRate()) })
	first := &runs[order[0]]
	return slices.DeleteFunc(order, func(i int) bool { return i != order[0] && clearlyBelow(&runs[i], first) })
}

func clearlyBelow(run, first *RunSummary) bool {
	if run.Noise < 0 || first.Noise < 0 {
		return false
	}
	lead := first.ItemsRate() - run.ItemsRate()
	return lead > 0 && lead >= clearLead*math.Hypot(first.Noise*first.ItemsRate(), run.Noise*run.ItemsRate())
}

// Verdict says in a line which value of a matrix was the best, or between which noise does not tell; nothing if there was
// nothing to compare.
func (s *Summary) Verdict() string {
	compared := 0
	for i := range s.Runs {
		if s.Runs[i].Result == Completed {
			compared++
		}
	}
	switch {
	case len(s.Best) == 0 || compared < 2:
		return ""
	case len(s.Best) == 1:
		return "best: " + s.Runs[s.Best[0]].Name
	}
	names := make([]string, len(s.Best))
	for i, run := range s.Best {
		names[i] = s.Runs[run].Name
	}
	first, last := &s.Runs[s.Best[0]], &s.Runs[s.Best[len(s.Best)-1]]
	return fmt.Sprintf("no clear best: %s and %s within %.2g %%",
		strings.Join(names[:len(names)-1], ", "), names[len(names)-1], 100*(1-last.ItemsRate()/first.ItemsRate()))
}
