// Package report is what a run, or the archive, says of a platform: objectives with what was measured, every probe, every
// burst by endpoint, and what changed since an earlier run. It fills one model and writes it as text, Markdown, JSON,
// JUnit or HTML; nothing is measured here.
package report

import (
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// Format is the version of the JSON. Fields may be added to it; one that is taken away or changes its meaning makes the
// next version.
const Format = 1

// A Report is everything that is told. Times are UTC, durations in seconds, memory in bytes, ratios from 0 to 1.
type Report struct {
	Format      int         `json:"format"`           // of this file; 1
	Version     string      `json:"version"`          // of perfwatch
	Source      Source      `json:"source"`           // where the figures are from
	Target      string      `json:"target,omitempty"` // the platform's base URL
	Config      string      `json:"config"`           // hash of the configuration file
	Start       time.Time   `json:"start"`
	End         time.Time   `json:"end"`
	Interrupted bool        `json:"interrupted,omitempty"` // somebody ended the run: the figures are those until then
	Verdict     Verdict     `json:"verdict"`
	Problems    []string    `json:"problems,omitempty"` // why the verdict is not good, in sentences
	Notes       []string    `json:"notes,omitempty"`    // what else a reader has to know
	Objectives  []Objective `json:"objectives"`
	Probes      []Probe     `json:"probes,omitempty"`
	Bursts      []Burst     `json:"bursts,omitempty"`
	Redis       []Redis     `json:"redis,omitempty"`
	Host        *Host       `json:"host,omitempty"`
	Comparison  *Comparison `json:"comparison,omitempty"`
}

// Source says where the figures of a report are from.
type Source string

// The sources.
const (
	FromRun     Source = "run"     // of a one-shot run
	FromArchive Source = "archive" // of the daemon's bursts
	FromDaemon  Source = "daemon"  // of a daemon at work
)

// A Verdict is the report in one word.
type Verdict string

// The verdicts, from good to bad.
const (
	Met       Verdict = "met"       // every objective that was judged, and all were
	Undecided Verdict = "undecided" // nothing was missed, and something could not be judged
	Missed    Verdict = "missed"    // an objective is missed, a probe is down, a burst did not end as it should
)

// An Objective is a row of the targets table.
type Objective struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Measure  objective.Measure `json:"measure"`
	Unit     objective.Unit    `json:"unit"`
	Of       string            `json:"of,omitempty"` // the probe, group or Redis that it is about
	Quantile float64           `json:"quantile,omitempty"`
	Higher   bool              `json:"higher_is_better,omitempty"`
	Target   *float64          `json:"target,omitempty"`
	Warning  *float64          `json:"warning,omitempty"`
	Critical *float64          `json:"critical,omitempty"`
	Value    *float64          `json:"value,omitempty"` // left out if there is none
	Samples  int               `json:"samples"`
	Floor    int               `json:"floor"` // samples that it is judged with at least
	State    objective.State   `json:"state"`
	Level    objective.Level   `json:"level,omitempty"`   // the worst threshold crossed
	Skipped  bool              `json:"skipped,omitempty"` // nothing of what it is about was run
}

// A Probe is one that was asked on its own, some times.
type Probe struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Error string `json:"error,omitempty"` // of the last run that failed
	Figures
}

// Figures are what requests, or runs of a probe, came to. Canceled ones are not in them.
type Figures struct {
	Requests   uint64            `json:"requests"`
	Failures   uint64            `json:"failures"`
	ErrorRatio float64           `json:"error_ratio"`
	Throughput float64           `json:"throughput"` // requests a second that succeeded
	Latency    Latency           `json:"latency"`
	Outcomes   map[string]uint64 `json:"outcomes,omitempty"` // those that occurred
	Bytes      int64             `json:"bytes"`
	CacheHits  uint64            `json:"cache_hits"`    // responses that came from a cache
	CacheOf    uint64            `json:"cache_lookups"` // responses that said whether they did
	Counts     archive.Counts    `json:"response_us"`   // microseconds to three digits, each with how often it was
}

// Latency is a distribution in seconds, from the instant a request was due.
type Latency struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// A Burst is one burst of load.
type Burst struct {
	Probe        string                `json:"probe"`
	Group        string                `json:"group"`
	Suite        string                `json:"suite"`          // api, benchmark or ml: its part of the performance plan
	Plan         string                `json:"plan,omitempty"` // its load in a few words
	Hash         string                `json:"hash"`           // of what shapes the load: bursts of one hash can be compared
	Seed         uint64                `json:"seed"`
	Start        time.Time             `json:"start"`
	End          time.Time             `json:"end"`
	Duration     float64               `json:"duration"`
	Result       load.Result           `json:"result"`
	Reason       string                `json:"reason,omitempty"` // why it is not completed
	Cause        load.Cause            `json:"cause,omitempty"`  // why it is aborted, of a closed set
	UsersPeak    int                   `json:"users_peak"`
	InFlightPeak int                   `json:"in_flight_peak"`
	Dropped      uint64                `json:"dropped"` // due, but no user was free
	Late         uint64                `json:"late"`    // sent too late
	Asked        uint64                `json:"asked,omitempty"`
	ItemsRate    float64               `json:"items_rate,omitempty"` // items a second
	Fairness     float64               `json:"fairness,omitempty"`   // Jain's index between the endpoints
	Best         string                `json:"best,omitempty"`       // of a matrix: which run, or that there is no clear one
	All          Figures               `json:"all"`
	Endpoints    []Endpoint            `json:"endpoints"`
	Runs         []load.RunSummary     `json:"runs,omitempty"` // of a matrix or a search
	Capacity     *load.Capacity        `json:"capacity,omitempty"`
	Timeline     *load.Timeline        `json:"timeline,omitempty"`
	Slowest      []archive.Request     `json:"slowest,omitempty"`
	Failed       []archive.Request     `json:"failed,omitempty"`  // the first of each endpoint and outcome
	Watch        *collector.BurstWatch `json:"watch,omitempty"`   // what the platform did meanwhile
	Earlier      []Earlier             `json:"earlier,omitempty"` // of the archive, the newest first
}

// An Endpoint is a request of a burst's task tree.
type Endpoint struct {
	Task string `json:"task"`
	Name string `json:"name"`
	Figures
}

// A Redis is what one Redis looked up while the run was on.
type Redis struct {
	Name     string   `json:"name"`
	Up       bool     `json:"up"`
	HitRatio *float64 `json:"hit_ratio,omitempty"` // left out without lookups
}

// A Host is the machine that perfwatch runs on.
type Host struct {
	CPUPeak    float64 `json:"cpu_peak"` // of the last minute, ratios
	MemoryPeak float64 `json:"memory_peak"`
}

// Duration is how long everything took.
func (r *Report) Duration() time.Duration { return r.End.Sub(r.Start) }
