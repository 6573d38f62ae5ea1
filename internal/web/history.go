package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// A historyView is the page of one probe.
type historyView struct {
	Now      time.Time
	Version  string
	Check    check
	Failures runs
	Results  runs
}

// runs are a table of them.
type runs struct {
	Now     time.Time
	Caption string
	Rows    []shownRun // the newest first
}

// A shownRun is a Result ready for its template.
type shownRun struct {
	Result
	Badge  badge
	Phases string // "dns 1ms, connect 2ms"
	Same   bool   // its answer is that of the run above
}

func newHistoryView(o *Options, p Probe, h *History) *historyView {
	now := time.Now()
	return &historyView{
		Now: now, Version: o.Version, Check: newCheck(p),
		Failures: runs{now, "The last failures, the newest first", newestFirst(h.Failures)},
		Results:  runs{now, "The last results, the newest first", newestFirst(h.Results)},
	}
}

func newestFirst(results []Result) []shownRun {
	all := make([]shownRun, 0, len(results))
	for i := range slices.Backward(results) {
		r := &results[i]
		s := shownRun{Result: *r, Phases: phaseText(&r.Phases), Badge: newBadge(fine, r.Outcome.String())}
		if r.Failed() {
			s.Badge = newBadge(broken, r.Outcome.String())
		}
		if n := len(all); n > 0 && r.Evidence != nil {
			s.Same = all[n-1].Evidence == r.Evidence
		}
		all = append(all, s)
	}
	return all
}

func phaseText(phases *probes.Phases) string {
	var parts []string
	for p := range probes.NumPhases {
		if d, ok := phases.Get(p); ok {
			parts = append(parts, p.String()+" "+objective.Seconds.Format(d.Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

// The JSON of the API. Times are in UTC, durations in seconds.
type (
	probeJSON struct {
		Name     string      `json:"name"`
		Group    string      `json:"group"`
		Kind     string      `json:"kind"`
		Schedule string      `json:"schedule"`
		Runs     uint64      `json:"runs"`   // since the start
		Failed   uint64      `json:"failed"` // of them
		Last     *resultJSON `json:"last,omitempty"`
	}
	historyJSON struct {
		probeJSON
		Results  []resultJSON `json:"results"`  // the newest first
		Failures []resultJSON `json:"failures"` // the newest first
	}
	resultJSON struct {
		At       time.Time          `json:"at"`
		Duration float64            `json:"duration_seconds"`
		Outcome  string             `json:"outcome"`
		Error    string             `json:"error,omitempty"`
		Status   int                `json:"status,omitempty"`
		Bytes    int64              `json:"bytes"`
		Phases   map[string]float64 `json:"phases,omitempty"` // seconds
		Trace    string             `json:"trace_id,omitempty"`
		Evidence *evidenceJSON      `json:"evidence,omitempty"`
	}
	evidenceJSON struct {
		Step      string   `json:"step,omitempty"`      // of a journey
		Redirects []string `json:"redirects,omitempty"` // status and location
		Proto     string   `json:"proto,omitempty"`
		Headers   []string `json:"headers,omitempty"` // "Name: value"
		Body      string   `json:"body"`
		BodyCut   bool     `json:"body_cut,omitempty"`
	}
)

// listProbes answers GET /api/v1/probes.
func (o *Options) listProbes(w http.ResponseWriter, _ *http.Request) {
	rows := o.Probes()
	list := make([]probeJSON, 0, len(rows))
	for _, p := range rows {
		list = append(list, newProbeJSON(&p))
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"probes": list})
}

// showProbe answers GET /api/v1/probes/{name}.
func (o *Options) showProbe(w http.ResponseWriter, r *http.Request) {
	p, h, ok := o.History(r.PathValue("name"))
	if !ok {
		refuse(w, http.StatusNotFound, "there is no probe of this name")
		return
	}
	writeJSON(w, http.StatusOK, "application/json", historyJSON{newProbeJSON(&p), resultsJSON(h.Results), resultsJSON(h.Failures)})
}

func newProbeJSON(p *Probe) probeJSON {
	j := probeJSON{Name: p.Name, Group: p.Group, Kind: p.Kind, Schedule: p.Schedule, Runs: p.Runs, Failed: p.Failed}
	if p.Last != nil {
		last := newResultJSON(p.Last)
		last.Evidence = nil // the list is long enough
		j.Last = &last
	}
	return j
}

func resultsJSON(results []Result) []resultJSON {
	all := make([]resultJSON, 0, len(results))
	for i := range slices.Backward(results) {
		all = append(all, newResultJSON(&results[i]))
	}
	return all
}

func newResultJSON(r *Result) resultJSON {
	j := resultJSON{
		At: r.At.UTC(), Duration: r.Duration.Seconds(), Outcome: r.Outcome.String(), Error: r.Error, Status: r.Status, Bytes: r.Bytes,
		Trace: r.Trace.String(), Phases: map[string]float64{},
	}
	for p := range probes.NumPhases {
		if d, ok := r.Phases.Get(p); ok {
			j.Phases[p.String()] = d.Seconds()
		}
	}
	if e := r.Evidence; e != nil {
		j.Evidence = &evidenceJSON{
			Step: e.Step, Redirects: lines(e.Redirects), Proto: e.Proto, Headers: lines(e.Head), Body: e.Body, BodyCut: e.Cut,
		}
	}
	return j
}

// lines splits a text at the ends of its lines.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
