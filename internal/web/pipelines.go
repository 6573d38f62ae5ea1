package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/pipeline"
)

// ErrNoPipeline is the error of a ReportPipeline that knows no pipeline of the name.
var ErrNoPipeline = errors.New("no such pipeline")

// keyHeader names one attempt to report, so that a start that is sent twice starts once.
const keyHeader = "Idempotency-Key"

// The JSON of pipelines. Times are in UTC, durations in seconds.
type (
	receiptJSON struct {
		Pipeline string `json:"pipeline"`
		Run      string `json:"run"`
		Stage    string `json:"stage"`
		Event    string `json:"event"`
		Changed  bool   `json:"changed"` // false if the same was reported before
		State    string `json:"state"`   // of the run: open, or its outcome
	}
	pipelineJSON struct {
		Name                string            `json:"name"`
		Schedule            string            `json:"schedule,omitempty"`
		Grace               float64           `json:"grace_seconds,omitempty"`
		Budget              float64           `json:"budget_seconds,omitempty"`
		Items               int64             `json:"items,omitempty"`
		Stages              []stageJSON       `json:"stages"`
		Expected            *time.Time        `json:"expected,omitempty"` // the first due instant without a run
		Late                bool              `json:"late"`
		Runs                map[string]uint64 `json:"runs"` // by outcome
		Overlaps            uint64            `json:"overlaps"`
		ConsecutiveFailures int               `json:"consecutive_failures"`
		Open                []openRunJSON     `json:"open"`  // the newest first
		Ended               []runJSON         `json:"ended"` // the last first
	}
	stageJSON struct {
		Name   string  `json:"name"`
		Budget float64 `json:"budget_seconds,omitempty"`
	}
	runJSON struct {
		ID       string         `json:"id"`
		State    string         `json:"state"`
		Start    time.Time      `json:"start"`
		End      *time.Time     `json:"end,omitempty"`
		Duration float64        `json:"duration_seconds"` // so far, of an open one
		Items    *int64         `json:"items,omitempty"`
		Stages   []stageRunJSON `json:"stages"`
	}
	openRunJSON struct {
		runJSON
		Predicted  *float64 `json:"predicted_duration_seconds,omitempty"`
		Stuck      bool     `json:"stuck"`
		OverBudget []string `json:"over_budget"` // stages; "" is the run
		WillMiss   bool     `json:"predicted_miss"`
	}
	stageRunJSON struct {
		Name     string     `json:"name"`
		State    string     `json:"state"`
		Start    *time.Time `json:"start,omitempty"`
		End      *time.Time `json:"end,omitempty"`
		Duration *float64   `json:"duration_seconds,omitempty"`
		Items    *int64     `json:"items,omitempty"`
		Attempts int        `json:"attempts"`
		Exit     *int       `json:"exit_code,omitempty"`
		Memory   int64      `json:"memory_peak_bytes,omitempty"`
	}
)

// reportPipeline answers POST /api/v1/pipelines/{name}/{stage}/{event}.
func (o *Options) reportPipeline(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	event, err := pipelineEvent(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, bounded(err.Error(), maxErrorText))
		return
	}
	receipt, err := o.ReportPipeline(name, event)
	switch {
	case errors.Is(err, ErrNoPipeline), errors.Is(err, pipeline.ErrNoStage):
		refuse(w, http.StatusNotFound, bounded(err.Error(), maxErrorText))
	case errors.Is(err, pipeline.ErrInvalid):
		refuse(w, http.StatusBadRequest, bounded(err.Error(), maxErrorText))
	case errors.Is(err, pipeline.ErrConflict):
		refuse(w, http.StatusConflict, bounded(err.Error(), maxErrorText))
	case err != nil:
		o.Logger.Error("pipeline event not stored", "pipeline", name, "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "the event could not be stored and is not taken: send it again")
	default:
		writeJSON(w, http.StatusOK, "application/json", receiptJSON{
			Pipeline: name, Run: receipt.Run, Stage: event.Stage, Event: string(event.Verb),
			Changed: receipt.Changed, State: runState(receipt.Outcome),
		})
	}
}

// pipelineEvent reads an event from the path and the query of a request. A parameter that is not known is a mistake: a
// figure that is lost for want of a letter would be missed too late.
func pipelineEvent(r *http.Request) (pipeline.Event, error) {
	e := pipeline.Event{
		Stage: r.PathValue("stage"), Verb: pipeline.Verb(r.PathValue("event")), Items: -1, Key: r.Header.Get(keyHeader),
	}
	for name, values := range r.URL.Query() {
		if len(values) != 1 || values[0] == "" {
			return e, fmt.Errorf("parameter %.40q: want one value", name)
		}
		if err := setEvent(&e, name, values[0]); err != nil {
			return e, err
		}
	}
	return e, nil
}

func setEvent(e *pipeline.Event, name, value string) (err error) {
	var n int64
	switch name {
	case "run":
		e.Run = value
		return nil
	case "at":
		if e.At, err = time.Parse(time.RFC3339Nano, value); err != nil {
			return fmt.Errorf("at: %.40q, want a time as 2026-11-24T18:00:00Z", value)
		}
		return nil
	case "items":
		e.Items, err = strconv.ParseInt(value, 10, 64)
		n = e.Items
	case "exit_code":
		n, err = strconv.ParseInt(value, 10, 32)
		code := int(n)
		e.Exit = &code
	case "memory_peak_bytes":
		e.Memory, err = strconv.ParseInt(value, 10, 64)
		n = e.Memory
	default:
		return fmt.Errorf("parameter %.40q is not known, want run, items, at, exit_code or memory_peak_bytes", name)
	}
	if err != nil || n < 0 {
		return fmt.Errorf("%s: %.40q, want a whole number from 0", name, value)
	}
	return nil
}

// listPipelines answers GET /api/v1/pipelines.
func (o *Options) listPipelines(w http.ResponseWriter, _ *http.Request) {
	all := o.Pipelines()
	list := make([]pipelineJSON, 0, len(all))
	for i := range all {
		list = append(list, newPipelineJSON(&all[i]))
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"pipelines": list})
}

// showPipeline answers GET /api/v1/pipelines/{name}.
func (o *Options) showPipeline(w http.ResponseWriter, r *http.Request) {
	all := o.Pipelines()
	i := slices.IndexFunc(all, func(s pipeline.Status) bool { return s.Spec.Name == r.PathValue("name") })
	if i < 0 {
		refuse(w, http.StatusNotFound, "there is no pipeline of this name")
		return
	}
	writeJSON(w, http.StatusOK, "application/json", newPipelineJSON(&all[i]))
}

func newPipelineJSON(s *pipeline.Status) pipelineJSON {
	j := pipelineJSON{
		Name: s.Spec.Name, Schedule: s.Spec.Schedule.String(), Grace: s.Spec.Grace.Seconds(), Budget: s.Spec.Budget.Seconds(),
		Items: s.Spec.Items, Expected: known(s.Expected), Late: s.Late, Runs: map[string]uint64{}, Overlaps: s.Overlaps,
		ConsecutiveFailures: s.Failures, Stages: []stageJSON{}, Open: []openRunJSON{}, Ended: []runJSON{},
	}
	for _, stage := range s.Spec.Stages {
		j.Stages = append(j.Stages, stageJSON{stage.Name, stage.Budget.Seconds()})
	}
	for _, outcome := range pipeline.Outcomes() {
		j.Runs[string(outcome)] = s.Counts[outcome]
	}
	for i := range s.Open {
		c := &s.Open[i]
		open := openRunJSON{runJSON: newRunJSON(&c.Run, c.Elapsed), Stuck: c.Stuck, OverBudget: c.OverBudget, WillMiss: c.WillMiss}
		if open.OverBudget == nil {
			open.OverBudget = []string{}
		}
		if c.Predicted > 0 {
			seconds := c.Predicted.Seconds()
			open.Predicted = &seconds
		}
		j.Open = append(j.Open, open)
	}
	for i := range s.Ended {
		j.Ended = append(j.Ended, newRunJSON(&s.Ended[i], s.Ended[i].Duration(s.Ended[i].End)))
	}
	return j
}

func newRunJSON(r *pipeline.Run, took time.Duration) runJSON {
	j := runJSON{
		ID: r.ID, State: runState(r.Outcome), Start: r.Start.UTC(), End: known(r.End), Duration: took.Seconds(),
		Items: told(r.Items()), Stages: []stageRunJSON{},
	}
	for i := range r.Stages {
		s := &r.Stages[i]
		stage := stageRunJSON{
			Name: s.Name, State: string(s.State), Start: known(s.Start), End: known(s.End), Items: told(s.Items),
			Attempts: s.Attempts, Exit: s.Exit, Memory: s.Memory,
		}
		if !s.Start.IsZero() {
			seconds := s.Duration(r.Start.Add(took)).Seconds()
			stage.Duration = &seconds
		}
		j.Stages = append(j.Stages, stage)
	}
	return j
}

// runState is an outcome in a word; an open run has none.
func runState(o pipeline.Outcome) string {
	if o == "" {
		return "open"
	}
	return strings.ToLower(string(o))
}

// known is a time, or nothing.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// told is a number of items, or nothing.
func told(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}
