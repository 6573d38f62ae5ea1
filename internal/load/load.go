// Package load fires short, bounded bursts of requests at a platform and says honestly how it answered. It drives users
// through a tree of tasks, or sends at a fixed rate, and ends with one Summary. It knows nothing of metrics.
package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/probes"
)

// Spec is a burst as written in the configuration. Users make it the closed model: each sends, waits for the answer,
// thinks, and sends again. Rate or Stages make it the open one: requests are due at their instants, whatever the target
// does.
//
// The closed model lasts for Duration, or until its iterations are done, or whichever comes first; an iteration is one
// request. Its latency is the service time, from the send: neither think time nor the wait under MaxRate is in it. That
// of the open model counts from the due instant.
type Spec struct {
	Users             int           `yaml:"users"`               // concurrent users
	RampUp            float64       `yaml:"ramp_up"`             // users started a second, evenly spaced; 0 starts all at once
	Duration          time.Duration `yaml:"duration"`            // from the first user's start to the last request sent
	ThinkTime         ThinkTime     `yaml:"think_time"`          // wait after each task
	Iterations        int           `yaml:"iterations"`          // requests of all users together
	IterationsPerUser int           `yaml:"iterations_per_user"` // requests of each user
	MaxRate           float64       `yaml:"max_rate"`            // requests a second of all users together, at most; 0 is no bound
	Rate              float64       `yaml:"rate"`                // requests a second, due at fixed instants; the first of stages
	Stages            []Stage       `yaml:"stages"`              // how the rate goes on from there
	MaxUsers          int           `yaml:"max_users"`           // the most requests in flight of the open model
	Abort             Abort         `yaml:"abort"`               // when to end early
	Tasks             []Task        `yaml:"tasks"`
	Seed              Seed          `yaml:"seed"`   // so that a burst can be repeated
	Writes            bool          `yaml:"writes"` // methods other than GET, HEAD, OPTIONS and POST are meant

	// Templates in the URLs, headers and bodies of steps and tasks are filled in for each request: ${token} of Setup,
	// ${symbol} of Data, ${user}, ${int:1:100}, ${vector:50}, ${matrix:10:50}, ${uuid}, ${env:NAME}; $${ is the text ${.
	Setup   []Step            `yaml:"setup"`
	Headers map[string]string `yaml:"headers"` // of every task; its own win
	Data    map[string]Feed   `yaml:"data"`

	// Matrix are variables of the templates. The burst is run once for each value, in turn, or for each combination of
	// the values of several: its duration and its iterations are those of one run.
	Matrix map[string][]int `yaml:"matrix"`
	Items  Items            `yaml:"items"` // that a request carries
	// FindCapacity makes the burst a search for the highest rate that the target keeps up with, beside Rate, the one
	// that it has to.
	FindCapacity *Search `yaml:"find_capacity"`
	Watch        Watch   `yaml:"watch"`
}

// A Stage is a part of the open model. In its Duration the rate goes in a straight line from that of the stage before it,
// or the Spec's Rate before the first, to its own. A stage without a duration is a jump; one that keeps the rate says it
// again.
type Stage struct {
	Rate     float64       `yaml:"rate"` // requests a second at its end
	Duration time.Duration `yaml:"duration"`
}

// String writes the stage as it stands in the configuration.
func (s Stage) String() string {
	return fmt.Sprintf("{rate: %g, duration: %s}", s.Rate, written(s.Duration))
}

// A Task is a node of the task tree: a request, or a group of tasks of which one is drawn.
type Task struct {
	Name   string       `yaml:"name"`
	Weight float64      `yaml:"weight"` // against its siblings; default 1
	HTTP   *probes.HTTP `yaml:"http"`
	Tasks  []Task       `yaml:"tasks"`

	Capture map[string]Capture `yaml:"capture"` // of a request: what a step of setup has captured first, anew

	// A user who enters a sticky group draws its tasks in it until they draw the exit, whose weight stands against those
	// of the group's tasks: with tasks of weights 3 and 6, and an exit of 1, a visit is nine requests on average. The
	// exit is not a request, and leads back to the next sticky group above or to the top of the tree.
	Sticky     bool    `yaml:"sticky"`
	ExitWeight float64 `yaml:"exit_weight"`
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
	Reason       string  // why it is not completed
	Cause        Cause   // why it is aborted
	Doubts       []Doubt // why it is invalid
	Reduced      bool    // smaller than it was written
	UsersPeak    int
	InFlightPeak int
	Dropped      uint64 // due, but no user was free; open model
	Late         uint64 // sent more than LateAfter after they were due; open model
	Asked        uint64 // requests that its iterations come to; 0 without iterations
	Lag          *hdrhistogram.Histogram
	Leaves       []LeafSummary // in the order of Plan.Leaves
	Slowest      []Request     // ten by response time, slowest first; canceled ones left out
	Failed       []Request     // the first of each endpoint and outcome other than ok and canceled; a hundred at most
	Timeline     Timeline

	Fairness float64 // Jain's index, between the endpoints; 0 where there is none
	Items    float64 // that each request carried; 0 if nobody counted, or in a matrix

	Runs     []RunSummary // of a matrix or a search, in their order; what stands above is of all of them
	Best     []int        // of a matrix: the run of the most items a second, and those that noise does not tell from it
	Capacity *Capacity    // what a search found; nil of any other burst
}

// A LeafSummary is what a burst found out of one endpoint. Histograms count microseconds to three digits, and leave
// canceled requests out.
type LeafSummary struct {
	Task, Endpoint string
	Outcomes       [probes.NumOutcomes]uint64
	Bytes          int64
	Cache          [probes.NumCacheVerdicts]uint64 // what the responses said of caches
	Response       *hdrhistogram.Histogram         // from the due instant; the same histogram as Service in the closed model
	Service        *hdrhistogram.Histogram         // from the send
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
