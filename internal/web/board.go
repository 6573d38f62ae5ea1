package web

import (
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	// ringSize is how many results of a probe are kept: a quarter of an hour at 15 s.
	ringSize = 50
	// maxErrorText bounds the text of an error, in bytes; a target can put anything into it.
	maxErrorText = 240
)

// A Board keeps the last results of every probe for people to read. Its zero value is empty and ready. It is safe for
// concurrent use, and recording a success does not allocate.
type Board struct {
	mu     sync.Mutex
	probes map[string]*ring
}

// A Result is one finished run as it is shown.
type Result struct {
	At       time.Time // when it was sent
	Duration time.Duration
	Outcome  probes.Outcome
	Error    string // at most 240 bytes; "" for a success
}

// Failed says that the run counts as a failure.
func (r *Result) Failed() bool { return r.Outcome != probes.OK }

// ring holds the last results of one probe.
type ring struct {
	results        [ringSize]Result
	runs, failures uint64
}

// Observe records one run of a probe. Runs that we stopped ourselves say nothing of the target and are left out. It
// keeps nothing of the sample.
func (b *Board) Observe(name string, s *probes.Sample) {
	if s.Outcome == probes.Canceled {
		return
	}
	r := Result{At: s.Start, Duration: s.Duration, Outcome: s.Outcome}
	if s.Err != nil {
		r.Error = strings.Clone(bounded(s.Err.Error(), maxErrorText)) // a clone, so that a long text can go
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.probes[name]
	if h == nil {
		if b.probes == nil {
			b.probes = map[string]*ring{}
		}
		h = &ring{}
		b.probes[name] = h
	}
	h.results[h.runs%ringSize] = r
	h.runs++
	if r.Failed() {
		h.failures++
	}
}

// Remove forgets a probe. A run that ends later is remembered again: remove a probe after its last run.
func (b *Board) Remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.probes, name)
}

// A History is what a Board knows of one probe.
type History struct {
	Runs, Failures uint64   // since the start, without those that we stopped
	Results        []Result // the last 50, oldest first
}

// History copies what is known of a probe. It is empty for a name that never ran.
func (b *Board) History(name string) History {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.probes[name]
	if h == nil {
		return History{}
	}
	kept := min(h.runs, ringSize)
	results := make([]Result, 0, kept)
	for i := h.runs - kept; i < h.runs; i++ {
		results = append(results, h.results[i%ringSize])
	}
	return History{Runs: h.runs, Failures: h.failures, Results: results}
}

// Last is the last result, nil before the first.
func (h *History) Last() *Result {
	if len(h.Results) == 0 {
		return nil
	}
	return &h.Results[len(h.Results)-1]
}

// RecentFailures is how many of the Results failed.
func (h *History) RecentFailures() int {
	n := 0
	for i := range h.Results {
		if h.Results[i].Failed() {
			n++
		}
	}
	return n
}
