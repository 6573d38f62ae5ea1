package web

import (
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
)

// A Page is everything that the status page shows. Lists without entries are left out of the page.
type Page struct {
	Now        time.Time
	Started    time.Time // of the program
	Dashboard  string    // URL of the dashboard; "" if there is none
	Objectives []Objective
	Bursts     []Burst
	Probes     []Probe
	Redis      []Redis
	Host       *Host // nil if the host is not sampled
	Processes  []Process
	Pipelines  []pipeline.Status
	Config     Config
}

// An Objective is one row of the targets table. Its texts are for people.
type Objective struct {
	Name, Title    string
	Target         string // "≤ 500ms"
	Levels         string // "warning 400ms, critical 600ms"
	Current        string // "480ms"; "" without data
	Samples, Floor int
	Window         time.Duration // 0 for the measures of bursts
	State          objective.State
	Level          objective.Level
	Runbook        string  // name of its runbook; "" if there is none
	Evidence       string  // where what it is judged on can be seen, from the status page
	Limit          float64 // the first of its thresholds, for the drawing
	Unit           objective.Unit
	Measure        objective.Measure
	Value          float64 // in the base unit; NaN without data
	Thresholds     []objective.Threshold
}

// ObjectiveRow writes an objective and its status as a row.
func ObjectiveRow(o *objective.Objective, s objective.Status, runbook string) Objective {
	unit, limit, levels := o.Unit(), "≤ ", []string(nil)
	if o.HigherIsBetter() {
		limit = "≥ "
	}
	row := Objective{
		Name: o.Name, Title: o.Title, Samples: s.Samples, Floor: o.Floor(), Window: o.Window,
		State: s.State, Level: s.Level, Runbook: runbook, Evidence: evidence(o), Unit: unit,
		Measure: o.Measure, Value: s.Value, Thresholds: o.Thresholds(),
	}
	for _, t := range o.Thresholds() {
		if row.Target == "" { // what has no target of its own is measured against its first threshold
			row.Target, row.Limit = limit+unit.Format(t.Value), t.Value
		}
		if t.Level != objective.Target {
			levels = append(levels, string(t.Level)+" "+unit.Format(t.Value))
		}
	}
	row.Levels = strings.Join(levels, ", ")
	if !math.IsNaN(s.Value) && s.State != objective.NoData {
		row.Current = unit.Format(s.Value)
	}
	return row
}

// pipelinesAnchor is where the page shows pipelines.
const pipelinesAnchor = "#pipelines"

// evidence leads to what an objective is judged on.
func evidence(o *objective.Objective) string {
	switch {
	case o.Measure == objective.PromQL:
		return "runbooks/" + o.AlertName()
	case o.Measure.OfBurst():
		return "#bursts"
	case o.Measure == objective.PipelineDuration:
		return pipelinesAnchor
	case o.Measure == objective.CacheHitRatio || o.Measure == objective.CPUUsage || o.Measure == objective.MemoryUsage:
		return "#platform"
	case o.Measure.OfPage() && o.Probe != "" && !o.Targets:
		return "pages/" + url.PathEscape(o.Probe)
	case o.Probe != "" && !o.Targets:
		return "probes/" + url.PathEscape(o.Probe)
	case o.Probe != "" || o.Group != "":
		return "?q=" + url.QueryEscape(o.Probe+o.Group) + "#probes"
	}
	return "#probes"
}

// A Burst is the last burst of one load probe.
type Burst struct {
	Probe         string
	Plan          string        // "100 users", "120/s"
	Running       bool          // one runs now
	Progress      load.Progress // of the one that runs, once it has begun to send
	Result        load.Result   // "" before the first
	Reason        string        // why it is not completed
	Requests      uint64
	Asked         uint64  // requests that its iterations come to; 0 without iterations
	Throughput    float64 // requests a second
	P50, P95, P99 time.Duration
	ErrorRatio    float64
	End           time.Time
	Skip          Skip // the last that did not begin

	Runs     []load.RunSummary // of a matrix, or the steps of a search; the table of them is shown below the bursts
	Search   bool              // they are steps
	Verdict  string            // on them: which is the best, or what the capacity is
	Fairness float64           // between endpoints; 0 where there is none
}

// A Skip is a burst that was due and did not begin. The zero value is none.
type Skip struct {
	At  time.Time
	Why string
}

// A Probe is one scheduled probe and its last results.
type Probe struct {
	Name, Group, Kind string
	Schedule          string
	Next              time.Time // when it is due; zero if unknown
	Lately
}

// A Redis is what the last INFO of one Redis said.
type Redis struct {
	Name                  string
	Up                    bool
	Error                 string // why it is not up
	Version, Role         string
	HitRatio              float64 // since the server's start; NaN without lookups
	MemoryUsed, MemoryMax int64   // bytes; a maximum of 0 is none
	Clients               int64
	Evicted               int64 // keys
}

// A Host is the machine's load. Ratios are those of the last second, peaks those of the last minute.
type Host struct {
	CPU, CPUPeak       float64
	Memory, MemoryPeak float64
	MemoryTotal        int64 // bytes
	CPUs               float64
	Load1              float64
}

// A Process is what the last reading of one process of the platform said.
type Process struct {
	Name               string
	Up                 bool
	Error              string  // why it is not up
	CPU, CPUPeak       float64 // cores; mean of the last second, and highest of the last minute
	Memory, MemoryPeak int64   // bytes resident, and their highest of the last minute
	Restarts           int
}

// A Config says which configuration is at work.
type Config struct {
	Path, Hash  string
	LoadedAt    time.Time
	ReloadError string // of the last reload, if it was refused
	Warnings    []string
}

// A Fault is a switch of the demo.
type Fault struct {
	Name, Title string
	Effect      string // what it does to the platform
	On          bool
}
