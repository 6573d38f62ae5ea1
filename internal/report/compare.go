package report

import (
	"math"
	"slices"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/baseline"
)

// A Comparison is what changed since something earlier.
type Comparison struct {
	With    string   `json:"with"`   // what, for people
	Method  string   `json:"method"` // how a change is told from chance, for people
	Changes []Change `json:"changes"`
	Missing []string `json:"missing,omitempty"` // what is here and was not there, or was other load
}

// A Change is of one probe, or of one endpoint of a burst; an empty endpoint is all of them.
type Change struct {
	Probe    string `json:"probe"`
	Endpoint string `json:"endpoint,omitempty"`
	P50      Shift  `json:"p50"`
	P95      Shift  `json:"p95"`
	// ErrorRatio is what was and what is; both are 0 where the archive compares.
	ErrorRatio [2]float64 `json:"error_ratio"`
	Verdict    string     `json:"verdict"` // slower, faster or "no change shown"
}

// A Shift is of a quantile, in seconds. Low and High hold the relative change with some confidence, where they differ.
type Shift struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Low    float64 `json:"low,omitempty"`
	High   float64 `json:"high,omitempty"`
}

// Change is by how much it took longer, as a part of before; 0 without a before.
func (s *Shift) Change() float64 {
	if s.Before <= 0 {
		return 0
	}
	return s.After/s.Before - 1
}

// The words of Change.Verdict.
const (
	Slower   = "slower"
	Faster   = "faster"
	NoChange = "no change shown"
)

// leastChange is the relative change of p95 below which two single runs are called the same: what a quiet machine shows
// between two runs of the same program.
const leastChange = 0.10

const oneRunEach = "one run against another: slower or faster where p95 moved by 10 % or more and the 99 % confidence " +
	"intervals of both do not overlap; it cannot tell a change of the platform from one of the machine or the hour"

// CompareWith compares with an earlier report. Bursts compare where their load is the same.
func (r *Report) CompareWith(earlier *Report, name string) {
	c := &Comparison{With: name, Method: oneRunEach}
	for i := range r.Probes {
		p := &r.Probes[i]
		if old := find(earlier.Probes, func(q *Probe) bool { return q.Name == p.Name && q.Kind == p.Kind }); old != nil {
			c.add(p.Name, "", &old.Figures, &p.Figures)
		} else {
			c.Missing = append(c.Missing, p.Name)
		}
	}
	for i := range r.Bursts {
		b := &r.Bursts[i]
		old := find(earlier.Bursts, func(q *Burst) bool { return q.Probe == b.Probe && q.Hash == b.Hash })
		if old == nil {
			c.Missing = append(c.Missing, b.Probe)
			continue
		}
		c.add(b.Probe, "", &old.All, &b.All)
		for k := range b.Endpoints {
			e := &b.Endpoints[k]
			was := find(old.Endpoints, func(q *Endpoint) bool { return q.Name == e.Name && q.Task == e.Task })
			if was != nil && len(b.Endpoints) > 1 {
				c.add(b.Probe, e.Name, &was.Figures, &e.Figures)
			}
		}
	}
	r.Comparison = c
}

// CompareArchived notes what the archive's comparison of a burst with the earlier ones found.
func (r *Report) CompareArchived(probe string, verdicts map[string]baseline.Verdict) {
	if r.Comparison == nil {
		r.Comparison = &Comparison{
			With:   "the earlier bursts of the archive",
			Method: "a rank test whose units are bursts; a false claim once in 200 bursts at most",
		}
	}
	endpoints := make([]string, 0, len(verdicts))
	for name := range verdicts {
		endpoints = append(endpoints, name)
	}
	slices.Sort(endpoints)
	for _, name := range endpoints {
		v := verdicts[name]
		word := NoChange
		switch {
		case v.Change > 0:
			word = Slower
		case v.Change < 0:
			word = Faster
		}
		r.Comparison.Changes = append(r.Comparison.Changes, Change{
			Probe: probe, Endpoint: name, P50: shiftOf(&v.P50), P95: shiftOf(&v.P95), Verdict: word,
		})
	}
	if len(verdicts) == 0 {
		r.Comparison.Missing = append(r.Comparison.Missing, probe)
	}
}

func shiftOf(d *baseline.Difference) Shift {
	return Shift{Before: d.Earlier / 1e6, After: d.Newest / 1e6, Low: d.Low, High: d.High}
}

func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// add compares two distributions.
func (c *Comparison) add(probe, endpoint string, before, after *Figures) {
	change := Change{
		Probe: probe, Endpoint: endpoint, Verdict: NoChange,
		P50:        Shift{Before: before.Latency.P50, After: after.Latency.P50},
		P95:        Shift{Before: before.Latency.P95, After: after.Latency.P95},
		ErrorRatio: [2]float64{before.ErrorRatio, after.ErrorRatio},
	}
	oldLow, oldHigh, known := interval(before.Counts)
	low, high, alsoKnown := interval(after.Counts)
	switch moved := change.P95.Change(); {
	case !known || !alsoKnown || math.Abs(moved) < leastChange:
	case moved > 0 && low > oldHigh:
		change.Verdict = Slower
	case moved < 0 && high < oldLow:
		change.Verdict = Faster
	}
	c.Changes = append(c.Changes, change)
}

// interval holds p95 with 99 % confidence, in microseconds: the order statistics whose ranks lie 2.58 standard
// deviations of the binomial distribution about n·q (Hahn and Meeker, Statistical Intervals, 5.2, in its normal
// approximation). It is false where they lie outside of the sample.
func interval(counts archive.Counts) (low, high int64, ok bool) {
	const q = 0.95
	n := float64(counts.Total())
	reach := 2.58 * math.Sqrt(n*q*(1-q))
	first, last := math.Floor(n*q-reach), math.Ceil(n*q+reach)+1
	if first < 1 || last > n {
		return 0, 0, false
	}
	return counts.At(int64(first)), counts.At(int64(last)), true
}
