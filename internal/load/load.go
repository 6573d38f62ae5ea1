// Package load fires short, bounded bursts of requests at a platform and says honestly how it answered. It drives users
// through a tree of tasks, or sends at a fixed rate, and ends with one Summary. It knows nothing of metrics.
package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/probes"
)

// Spec is a burst as written in the configuration. Users with Duration is the closed model, Rate the open one.
type Spec struct {
	Users     int           `yaml:"users"`      // concurrent users
	RampUp    float64       `yaml:"ramp_up"`    // users started a second, evenly spaced; 0 starts all at once
	Duration  time.Duration `yaml:"duration"`   // from the first user's start to the last request sent
	ThinkTime ThinkTime     `yaml:"think_time"` // wait after each task
	Rate      float64       `yaml:"rate"`       // requests a second, due at fixed instants
	MaxUsers  int           `yaml:"max_users"`  // the most requests in flight of the open model
	Tasks     []Task        `yaml:"tasks"`
}

// A Task is a node of the task tree: a request, or a group of tasks of which one is drawn.
type Task struct {
	Name   string       `yaml:"name"`
	Weight float64      `yaml:"weight"` // against its siblings; default 1
	HTTP   *probes.HTTP `yaml:"http"`
	Tasks  []Task       `yaml:"tasks"`
}

// Kind is the name of the kind as it stands in the configuration.
func (*Spec) Kind() string { return "load" }

// A Sink takes what happens during a burst. Its methods are called concurrently and must not block.
type Sink interface {
	// Observe is called for every request that finished, canceled ones included; leaf indexes Plan.Leaves. The sample
	// belongs to the user that sent it and is overwritten by that user's next request: a sink copies what it keeps.
	Observe(leaf int, s *probes.Sample)
	// SetUsers says how many users run now. Its calls are in order, and the last one says 0.
	SetUsers(n int)
}

// A Result says how a burst ended.
type Result string

// The results of a burst.
const (
	Completed Result = "completed"
	Aborted   Result = "aborted" // stopped before its end; the figures are those until then
	Invalid   Result = "invalid" // the generator could not keep its own plan; feeds no objective
)

// A Summary is what a burst found out.
type Summary struct {
	Probe        string
	Seed         uint64 // of the burst's random draws
	Start, End   time.Time
	Result       Result
	Reason       string // why it is not completed
	UsersPeak    int
	InFlightPeak int
	Dropped      uint64 // due, but no user was free; open model
	Late         uint64 // sent more than LateAfter after they were due; open model
	Lag          *hdrhistogram.Histogram
	Leaves       []LeafSummary // in the order of Plan.Leaves
	Slowest      []SlowRequest // by response time, slowest first; canceled ones left out
}

// A LeafSummary is what a burst found out of one endpoint. Histograms count microseconds to three digits, and leave
// canceled requests out.
type LeafSummary struct {
	Task, Endpoint string
	Outcomes       [probes.NumOutcomes]uint64
	Bytes          int64
	Response       *hdrhistogram.Histogram // from the due instant (open model); the same histogram as Service in the closed one
	Service        *hdrhistogram.Histogram // from the send
	Phases         [probes.NumPhases]PhaseSummary
}

// A PhaseSummary is what one phase of an endpoint's requests took. A request in which it did not happen has no part in
// it: connecting counts new connections only.
type PhaseSummary struct {
	Count    uint64
	Sum, Max time.Duration
}

// Mean is 0 if the phase never happened.
func (p PhaseSummary) Mean() time.Duration {
	if p.Count == 0 {
		return 0
	}
	return p.Sum / time.Duration(p.Count)
}
