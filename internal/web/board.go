package web

import (
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	// ringSize is how many results of a probe are kept, and how many failures: a quarter of an hour at 15 s.
	ringSize = 50
	// maxErrorText bounds the text of an error, in bytes; a target can put anything into it.
	maxErrorText = 240
	// briefText bounds it where a hundred may stand below each other.
	briefText = 140
)

// The bounds of the answers that a Board keeps, in bytes: of all probes, and of one. Ten thousand probes have their
// least, a hundred all that there is to keep.
const (
	maxAnswers    = 16 << 20
	leastOfProbe  = 2 << 10
	mostOfProbe   = 160 << 10
	sizeOfDetails = 64 // beside the texts
)

// A Board keeps the last results of every probe for people to read. Its zero value is empty and ready. It is safe for
// concurrent use, and recording a success whose answer is that of the run before does not allocate.
type Board struct {
	mu     sync.Mutex
	probes map[string]*record
}

// A Result is one finished run as it is shown.
type Result struct {
	At       time.Time // when it was sent
	Duration time.Duration
	Outcome  probes.Outcome
	Error    string // at most 240 bytes; "" for a success
	Status   int    // of HTTP; 0 if there is none
	Bytes    int64
	Phases   probes.Phases
	Trace    probes.TraceID   // of the last failures only
	Evidence *probes.Evidence // nil if there is none, or too much to be kept of so many probes
}

// Failed says that the run counts as a failure.
func (r *Result) Failed() bool { return r.Outcome != probes.OK }

// Observe records one run of a probe. Runs that we stopped ourselves say nothing of the target and are left out. It
// keeps nothing of the sample but its evidence.
func (b *Board) Observe(name string, s *probes.Sample) {
	if s.Outcome == probes.Canceled {
		return
	}
	text := ""
	if s.Err != nil {
		text = bounded(s.Err.Error(), maxErrorText)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.probes[name]
	if h == nil {
		if b.probes == nil {
			b.probes = map[string]*record{}
		}
		h = &record{}
		b.probes[name] = h
	}
	h.add(s, text)
	h.trim(min(max(maxAnswers/len(b.probes), leastOfProbe), mostOfProbe))
}

// Remove forgets a probe. It is for the caller to see that no run which ends later is recorded.
func (b *Board) Remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.probes, name)
}

// A History is what a Board knows of one probe.
type History struct {
	Lately
	Results  []Result // the last 50, oldest first
	Failures []Result // the last 50 that failed, oldest first; some of them are Results too
}

// History copies what is known of a probe. It is empty for a name that never ran.
func (b *Board) History(name string) History {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.probes[name]
	if h == nil {
		return History{}
	}
	all := History{Lately: h.lately()}
	h.results.each(func(r *run) { all.Results = append(all.Results, r.result()) })
	h.failures.each(func(f *failure) {
		r := f.result()
		r.Trace = f.trace
		all.Failures = append(all.Failures, r)
	})
	return all
}

// Lately is the short of a History.
type Lately struct {
	Runs, Failed uint64  // since the start, without those that we stopped
	Kept         int     // how many of the last runs are kept
	KeptFailed   int     // and how many of these failed
	Last         *Result // nil before the first
}

// Lately is cheaper than History, for the page that shows every probe.
func (b *Board) Lately(name string) Lately {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.probes[name]; h != nil {
		return h.lately()
	}
	return Lately{}
}
