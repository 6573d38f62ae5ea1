package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// format is the version of a burst's file. Fields may be added to it; a file of a newer format is left alone.
const format = 1

// maxLeaves and maxText bound what a file may say.
const (
	maxLeaves = 10_000
	maxText   = 4096
)

// A Burst is a finished burst as it is kept.
type Burst struct {
	Format       int               `json:"format"`
	Probe        string            `json:"probe"`
	Hash         string            `json:"hash"`    // of what shapes the load: bursts of one hash can be compared
	Version      string            `json:"version"` // of perfwatch
	Seed         uint64            `json:"seed"`
	Start        time.Time         `json:"start"`
	End          time.Time         `json:"end"`
	Result       load.Result       `json:"result"`
	Reason       string            `json:"reason,omitempty"`
	Cause        load.Cause        `json:"cause,omitempty"`  // why it is aborted
	Doubts       []load.Doubt      `json:"doubts,omitempty"` // why it is invalid
	Reduced      bool              `json:"reduced,omitempty"`
	UsersPeak    int               `json:"users_peak"`
	InFlightPeak int               `json:"in_flight_peak"`
	Dropped      uint64            `json:"dropped"`
	Late         uint64            `json:"late"`
	Asked        uint64            `json:"asked,omitempty"`   // requests that its iterations came to
	Items        float64           `json:"items,omitempty"`   // that each request carried
	Changed      map[string]string `json:"changed,omitempty"` // endpoint -> slower or faster than the bursts before; "" is all
	Lag          Counts            `json:"lag_us,omitempty"`
	Leaves       []Leaf            `json:"leaves"`
	Fairness     float64           `json:"fairness,omitempty"`
	Runs         []load.RunSummary `json:"runs,omitempty"` // of a matrix or a search
	Best         []int             `json:"best,omitempty"` // of Runs
	Capacity     *load.Capacity    `json:"capacity,omitempty"`
	Timeline     *load.Timeline    `json:"timeline,omitempty"`
	Slowest      []Request         `json:"slowest,omitempty"`
	Failed       []Request         `json:"failed,omitempty"` // the first of each endpoint and outcome
	// Watch is what the platform did meanwhile, as a collector.BurstWatch is written. This package knows nothing of it.
	Watch json.RawMessage `json:"watch,omitempty"`
}

// A Leaf is what a burst found out of one endpoint.
type Leaf struct {
	Task     string            `json:"task"`
	Endpoint string            `json:"endpoint"`
	Outcomes map[string]uint64 `json:"outcomes"` // those that occurred
	Bytes    int64             `json:"bytes"`
	Response Counts            `json:"response_us"`
	Service  Counts            `json:"service_us,omitempty"` // left out where it is the same (closed model)
	Phases   map[string]Phase  `json:"phases,omitempty"`     // those that happened
	Cache    map[string]uint64 `json:"cache,omitempty"`      // what the responses said of caches
}

// NewBurst is a burst to keep. The summary is not changed and not held.
func NewBurst(s *load.Summary, hash, version string) *Burst {
	b := &Burst{
		Format: format, Probe: s.Probe, Hash: hash, Version: version, Seed: s.Seed,
		Start: s.Start.UTC(), End: s.End.UTC(), Result: s.Result, Reason: bounded(s.Reason), Reduced: s.Reduced,
		Cause: s.Cause, Doubts: slices.Clone(s.Doubts), Asked: s.Asked, Items: s.Items,
		UsersPeak: s.UsersPeak, InFlightPeak: s.InFlightPeak, Dropped: s.Dropped, Late: s.Late,
		Lag: countsOf(s.Lag), Leaves: make([]Leaf, len(s.Leaves)),
		Fairness: s.Fairness, Runs: slices.Clone(s.Runs), Best: slices.Clone(s.Best), Capacity: s.Capacity,
		Slowest: requestsOf(s, s.Slowest), Failed: requestsOf(s, s.Failed),
	}
	if len(s.Timeline.Cells) > 0 {
		b.Timeline = &load.Timeline{Step: s.Timeline.Step, Cells: slices.Clone(s.Timeline.Cells)}
	}
	for i := range s.Leaves {
		l := &s.Leaves[i]
		kept := Leaf{
			Task: l.Task, Endpoint: l.Endpoint, Bytes: l.Bytes, Response: countsOf(l.Response), Outcomes: map[string]uint64{},
			Phases: phasesOf(l), Cache: cacheOf(l),
		}
		if l.Service != l.Response {
			kept.Service = countsOf(l.Service)
		}
		for o, n := range l.Outcomes {
			if n > 0 {
				kept.Outcomes[probes.Outcome(o).String()] = n
			}
		}
		b.Leaves[i] = kept
	}
	return b
}

// Valid says whether the burst may be compared with others, which a search may not.
func (b *Burst) Valid() bool { return b.Result == load.Completed && !b.Reduced && b.Capacity == nil }

// Failures is how many requests had an outcome other than ok and canceled.
func (l *Leaf) Failures() (n uint64) {
	for outcome, count := range l.Outcomes {
		if outcome != probes.OK.String() && outcome != probes.Canceled.String() {
			n += count
		}
	}
	return n
}

// errCorrupt is the error of a file that holds no burst of ours, and errNewer that of one we cannot know.
var (
	errCorrupt = errors.New("corrupt")
	errNewer   = errors.New("of a newer version of perfwatch")
)

// encode writes a burst for machines and for people.
func (b *Burst) encode() ([]byte, error) {
	text, err := json.MarshalIndent(b, "", " ")
	if err == nil && len(text) > maxBurst {
		err = fmt.Errorf("%w: %d bytes, want at most %d", errTooLong, len(text), maxBurst)
	}
	return append(text, '\n'), err
}

// decode reads a burst of a probe. It believes nothing that encode does not write.
func decode(text []byte, probe string) (*Burst, error) {
	var b Burst
	if err := json.Unmarshal(text, &b); err != nil || b.Format > format {
		var newer struct {
			Format int `json:"format"`
		}
		if json.Unmarshal(text, &newer) == nil && newer.Format > format {
			return nil, fmt.Errorf("format %d %w", newer.Format, errNewer)
		}
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if what := b.wrong(probe); what != "" {
		return nil, fmt.Errorf("%w: %s", errCorrupt, what)
	}
	return &b, nil
}

// wrong says what in a burst cannot be.
func (b *Burst) wrong(probe string) string {
	switch {
	case b.Format != format:
		return fmt.Sprintf("format %d, want %d", b.Format, format)
	case b.Probe != probe:
		return fmt.Sprintf("of probe %.100q, want %q", b.Probe, probe)
	case b.Start.IsZero() || b.End.Before(b.Start):
		return "it ends before it starts"
	case !slices.Contains([]load.Result{load.Completed, load.Aborted, load.Invalid}, b.Result):
		return fmt.Sprintf("result %.100q", b.Result)
	case max(len(b.Leaves), len(b.Changed), len(b.Runs), len(b.Slowest), len(b.Failed)) > maxLeaves:
		return "too many leaves, runs or requests"
	case b.Timeline != nil && (!(b.Timeline.Step > 0) || len(b.Timeline.Cells) > maxLeaves):
		return "a time line that cannot be"
	case slices.ContainsFunc(b.Best, func(i int) bool { return i < 0 || i >= len(b.Runs) }):
		return fmt.Sprintf("best %v of %d runs", b.Best, len(b.Runs))
	case max(len(b.Hash), len(b.Version), len(b.Reason)) > maxText:
		return "a text too long"
	}
	for i := range b.Leaves {
		if what := b.Leaves[i].wrong(); what != "" {
			return fmt.Sprintf("leaf %d: %s", i, what)
		}
	}
	for _, r := range slices.Concat(b.Slowest, b.Failed) {
		if what := r.wrong(); what != "" {
			return "a request: " + what
		}
	}
	return ""
}

func (l *Leaf) wrong() string {
	if max(len(l.Task), len(l.Endpoint)) > maxText {
		return "a name too long"
	}
	var requests uint64
	for name, n := range l.Outcomes {
		if !slices.ContainsFunc(allOutcomes(), func(o probes.Outcome) bool { return o.String() == name }) || n > uint64(maxTotal) {
			return fmt.Sprintf("outcome %.100q of %d", name, n)
		}
		if name != probes.Canceled.String() {
			requests += n
		}
	}
	for _, c := range []Counts{l.Response, l.Service} {
		if c != nil && uint64(c.Total()) != requests {
			return fmt.Sprintf("times of %d requests, outcomes of %d", c.Total(), requests)
		}
	}
	return ""
}

func allOutcomes() []probes.Outcome {
	all := make([]probes.Outcome, probes.NumOutcomes)
	for i := range all {
		all[i] = probes.Outcome(i)
	}
	return all
}
