package load

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"
)

// The bounds within which a burst is believed. Beyond any of them its generator, or too few users, shaped the figures
// more than the target did.
const (
	// maxLag bounds the 99th percentile of lag of what was sent. Response times count from the due instant and stay
	// true; but a generator this late sends in clumps, which is another load than the one that was asked for.
	maxLag = 100 * time.Millisecond
	// maxDropped bounds the part of what was due that was never sent: those would have been the slowest, and beyond one
	// in a thousand a p99 would notice.
	maxDropped = 0.001
	// maxBusy bounds the CPU time of this process over what its processors could have given. From 0.8 on work waits four
	// times as long for a processor as it runs on it (1/(1-0.8) of M/M/1), and that wait is measured as the target's.
	maxBusy = 0.8
	// maxStarved bounds how late 99 of 100 wake-ups of an idle goroutine were: twice that may be in a p99, and a tenth of a
	// second is what the targets of a web platform can bear.
	maxStarved = 50 * time.Millisecond
	// maxThrottled bounds how long cgroups kept this process from running, over the time of the burst: one in a hundred
	// requests held up is what a p99 can bear.
	maxThrottled = 0.01
	// maxPause bounds the longest stop of the garbage collector: every request in flight is measured that much longer,
	// which a small burst of ten users sees in every tenth of its requests.
	maxPause = 20 * time.Millisecond
	// maxMixError bounds how far a leaf's part of all requests may lie from its share: half a point, beside the request
	// and a half that any exact draw may be off.
	maxMixError = 0.005
	mixRounding = 1.5 // requests
)

// A Doubt is a bound that a burst lies beyond: one of a closed set, as it is counted.
type Doubt string

// The doubts.
const (
	OfDropped   Doubt = "dropped"   // requests were due and no user was free
	OfLag       Doubt = "lag"       // they were sent late
	OfBusy      Doubt = "busy"      // perfwatch used all its processors
	OfStarved   Doubt = "starved"   // other programs used them
	OfThrottled Doubt = "throttled" // its cgroup kept it from running
	OfPause     Doubt = "gc_pause"  // garbage collection did
	OfMix       Doubt = "mix"       // tasks were off their shares
)

// Doubts lists them all.
func Doubts() []Doubt {
	return []Doubt{OfDropped, OfLag, OfBusy, OfStarved, OfThrottled, OfPause, OfMix}
}

// evidence is what a burst is judged by, beside the target's answers.
type evidence struct {
	sent, dropped uint64
	lagP99        time.Duration
	leaves        []Leaf   // with their shares; nil if the plan promises no mix
	counts        []uint64 // requests of each leaf, canceled ones too
	wall          time.Duration
	processors    int // that this process may use at once
	used          usage
	starved       time.Duration // how late 99 of 100 wake-ups were at most
}

// reason says why the burst is not to be believed, or nothing: for people, and as it is counted.
func (e *evidence) reason() (text string, doubts []Doubt) {
	var reasons []string
	not := func(d Doubt, format string, args ...any) {
		reasons, doubts = append(reasons, fmt.Sprintf(format, args...)), append(doubts, d)
	}
	if due := e.sent + e.dropped; float64(e.dropped) > maxDropped*float64(due) {
		not(OfDropped, "%d of %d requests dropped, want at most %g %%: no user was free", e.dropped, due, maxDropped*100)
	}
	if e.lagP99 > maxLag {
		not(OfLag, "99th percentile of lag %s, want at most %s", e.lagP99.Round(time.Millisecond), maxLag)
	}
	if busy := share(e.used.cpu, e.wall) / float64(max(1, e.processors)); busy > maxBusy {
		not(OfBusy, "perfwatch used %.0f %% of its %d processors, want at most %g %%", busy*100, e.processors, maxBusy*100)
	}
	if e.starved > maxStarved {
		not(OfStarved, "starved of CPU: 99th percentile of a wake-up %s late, want at most %s",
			e.starved.Round(time.Millisecond), maxStarved)
	}
	if throttled := share(e.used.throttled, e.wall); throttled > maxThrottled {
		not(OfThrottled, "throttled by its cgroup for %s, want at most %g %% of the burst",
			e.used.throttled.Round(time.Millisecond), maxThrottled*100)
	}
	if e.used.pause > maxPause {
		not(OfPause, "garbage collection paused for %s, want at most %s", e.used.pause.Round(time.Millisecond), maxPause)
	}
	if leaf, off := e.mixError(); off > 0 {
		not(OfMix, "%q is %.1f points off its share, want at most %g", leaf, off*100, maxMixError*100)
	}
	return strings.Join(reasons, "; "), doubts
}

// mixError finds the leaf that is farthest off its share, and by which part of all requests; none if all are within the
// bound.
func (e *evidence) mixError() (leaf string, by float64) {
	total := uint64(0)
	for _, n := range e.counts {
		total += n
	}
	for i := range e.leaves {
		off := math.Abs(ratio(e.counts[i], total) - e.leaves[i].Share)
		if total > 0 && off > max(by, maxMixError+mixRounding/float64(total)) {
			leaf, by = e.leaves[i].Endpoint, off
		}
	}
	return leaf, by
}

func share(part, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return part.Seconds() / of.Seconds()
}

// evidence collects what s and the process's own use say.
func (b *burst) evidence(s *Summary) *evidence {
	e := &evidence{
		sent: s.Requests(), dropped: s.Dropped, lagP99: time.Duration(s.Lag.ValueAtQuantile(99)) * time.Microsecond,
		wall: s.Duration(), processors: runtime.GOMAXPROCS(0), // which knows of a cgroup's quota
		used: b.plan.usage().since(b.began), starved: b.starved,
	}
	if b.plan.search != nil && s.InFlightPeak == b.plan.users {
		// Where every user waits for the target, being late and dropping is what a search looks for.
		e.dropped, e.lagP99 = 0, 0
	}
	if b.plan.Exact() {
		e.leaves = b.plan.Leaves
	}
	for i := range s.Leaves {
		n := uint64(0)
		for _, count := range s.Leaves[i].Outcomes {
			n += count
		}
		e.counts = append(e.counts, n)
	}
	return e
}
