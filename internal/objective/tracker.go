package objective

import (
	"math"
	"sync"
	"time"
)

const (
	// windowSlots is how many slots a window is divided into; one more is kept, for the one that is only partly over.
	windowSlots = 60
	// defaultWindow is that of an objective without one.
	defaultWindow = 5 * time.Minute
	// mostLate is how many samples in a row may be older than the window before they are believed: the clock stepped
	// back, and what was recorded after them lies in the future.
	mostLate = 10
)

// A State says what is known of an objective.
type State string

// The states of an objective.
const (
	NoData    State = "no_data"    // nothing was measured in the window
	NotEnough State = "not_enough" // fewer samples than the floor
	Met       State = "met"        // the target is not crossed; without a target the warning, without that the critical
	Missed    State = "missed"     // it is crossed
	Elsewhere State = "elsewhere"  // Prometheus judges it, not we
)

// A Status is an objective's value at one instant and the judgement on it.
type Status struct {
	Value   float64 // base unit; NaN without samples
	Samples int
	State   State
	Level   Level // the worst threshold crossed: Critical, Warning, Target or ""; "" while samples are too few
}

// A Tracker keeps the rolling value of one objective. It is safe for concurrent use; Observe and Add do not allocate,
// but for the first sample of an octave in a slot.
//
// The window is a ring of 61 slots, each a sixtieth of it: the value covers the window and up to a sixtieth more, never
// less. It is the mean of the samples, the sum of parts over the sum of wholes, or a quantile within 1 % (from 1 µs to
// 68 min), which lies on the same side of every threshold as the exact counts that are kept there. A latency objective
// takes about 120 KiB if its durations span six octaves (a factor of 64) in every slot and 520 KiB at the very most;
// the others take 4 KiB.
//
// A measure of bursts, or of pipelines, has no window: its value is that of the last Burst, in order of arrival.
type Tracker struct {
	objective  *Objective
	thresholds []Threshold
	floor      int
	width      int64 // of a slot, ns

	mu     sync.Mutex
	slots  []slot
	newest int64 // number of the newest slot
	late   int   // samples in a row that were older than the window
}

// A slot holds the samples of one sixtieth of the window. Slots are numbered from the Unix epoch.
type slot struct {
	number    int64
	whole     float64   // events: samples, runs, lookups
	part      float64   // their sum: failures, hits, values
	within    [3]uint64 // samples at or under each threshold, of durations
	durations *histogram
}

// NewTracker makes a tracker without samples.
func NewTracker(o *Objective) *Tracker {
	t := &Tracker{objective: o, thresholds: o.Thresholds(), floor: o.Floor(), newest: math.MinInt64}
	if o.Measure.OfLast() {
		t.slots = make([]slot, 1)
		return t
	}
	window := o.Window
	if window <= 0 {
		window = defaultWindow
	}
	t.width = max(1, int64(window)/windowSlots)
	t.slots = make([]slot, windowSlots+1)
	for i := range t.slots {
		t.slots[i].number = math.MinInt64
	}
	return t
}

// Objective is what is tracked.
func (t *Tracker) Objective() *Objective { return t.objective }

// Observe records one value at an instant: a duration in seconds for Latency and the measures of pages, 1 for a failure
// and 0 for a success for ErrorRatio, a sample of the host. A value that is negative or not finite is ignored, and so is
// one older than the window. Ten of those in a row mean that the clock was set back: then they count, and what lies after
// them is forgotten. The measures of bursts take none of these.
func (t *Tracker) Observe(at time.Time, v float64) {
	if !usable(v) || t.objective.Measure.OfLast() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(at)
	if s == nil {
		return
	}
	s.whole++
	s.part += v
	if !t.objective.Measure.OverDurations() {
		return
	}
	if s.durations == nil {
		s.durations = &histogram{}
	}
	s.durations.observe(v)
	for i, threshold := range t.thresholds {
		if v <= threshold.Value {
			s.within[i]++
		}
	}
}

// Burst records the figure of a valid burst, or of a run of a pipeline, and how many samples it was taken from. It
// replaces the one before, even where there is none: a value that is not finite, or of no sample, says that the burst has
// no such figure. A measure over a window takes none.
func (t *Tracker) Burst(v float64, samples int) {
	if !t.objective.Measure.OfLast() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[0] = slot{}
	if !math.IsNaN(v) && !math.IsInf(v, 0) && samples > 0 {
		t.slots[0] = slot{whole: float64(samples), part: v}
	}
}

// Add records counted events: part hits (or failures) out of whole lookups (or runs). What is not a part of a whole is
// ignored. Quantiles of durations and the measures of bursts take no counts.
func (t *Tracker) Add(at time.Time, part, whole float64) {
	if !usable(part) || !usable(whole) || whole == 0 || part > whole {
		return
	}
	if m := t.objective.Measure; m.OverDurations() || m.OfLast() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slot(at); s != nil {
		s.part += part
		s.whole += whole
	}
}

// usable says that a value can be recorded. One NaN would poison every later sum.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }

// slot is where samples of an instant belong; nil if the instant is older than the window.
func (t *Tracker) slot(at time.Time) *slot {
	number := t.number(at)
	if t.newest != math.MinInt64 && number <= t.newest-int64(len(t.slots)) {
		t.late++
		if t.late < mostLate {
			return nil
		}
		t.forget(number)
	}
	t.late = 0
	t.newest = max(t.newest, number)
	s := &t.slots[t.index(number)]
	if s.number != number {
		if s.durations != nil {
			s.durations.reset()
		}
		*s = slot{number: number, durations: s.durations}
	}
	return s
}

// forget empties the slots after one, and makes it the newest.
func (t *Tracker) forget(number int64) {
	for i := range t.slots {
		if t.slots[i].number > number {
			t.slots[i].number = math.MinInt64 // cleared when it is next used
		}
	}
	t.newest = number
}

// number is that of the slot an instant lies in.
func (t *Tracker) number(at time.Time) int64 { return at.UnixNano() / t.width }

// index is where in the ring the slot of a number stands.
func (t *Tracker) index(number int64) int {
	n := int64(len(t.slots))
	return int((number%n + n) % n)
}
