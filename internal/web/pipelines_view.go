package web

import (
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
)

// shownRuns is how many runs that ended the page shows of each pipeline.
const shownRuns = 5

// A pipelineView is a pipeline as the page shows it.
type pipelineView struct {
	pipeline.Status
	Severity severity
	Badge    badge
	Why      string
	Runs     []runView
}

// A runView is one run, open or ended, with a cell for each stage of the pipeline.
type runView struct {
	pipeline.Run
	Badge     badge
	Took      time.Duration
	Predicted time.Duration // 0 if unknown, or ended
	Stages    []stageView
}

// A stageView is a stage of a run; its Word is empty if it has not begun.
type stageView struct {
	Name     string
	Class    string
	Symbol   string
	Word     string
	Took     time.Duration
	Budget   time.Duration
	Over     bool
	Items    int64 // -1 if nobody told
	Wanted   int64 // 0 if unknown
	Attempts int
	Exit     *int
	Memory   int64
}

func newPipelineView(s pipeline.Status, now time.Time) pipelineView {
	v := pipelineView{Status: s}
	v.Severity, v.Badge, v.Why = judgePipeline(&s)
	for i := range s.Open {
		c := &s.Open[i]
		run := runView{Run: c.Run, Badge: badge{"run", "▶", "running"}, Took: c.Elapsed, Predicted: c.Predicted}
		switch {
		case c.Stuck:
			run.Badge = newBadge(broken, "stuck")
		case len(c.OverBudget) > 0:
			run.Badge = badge{"warn", "▶", "over budget"}
		case c.WillMiss:
			run.Badge = badge{"warn", "▶", "will take too long"}
		}
		run.Stages = stageViews(&s.Spec, &c.Run, now)
		v.Runs = append(v.Runs, run)
	}
	for i := range s.Ended[:min(shownRuns, len(s.Ended))] {
		r := &s.Ended[i]
		run := runView{Run: *r, Took: r.Duration(r.End), Badge: newBadge(fine, string(r.Outcome))}
		run.Stages = stageViews(&s.Spec, r, r.End)
		if r.Outcome != pipeline.Success {
			run.Badge = newBadge(broken, string(r.Outcome))
		}
		v.Runs = append(v.Runs, run)
	}
	return v
}

// judgePipeline says how a pipeline does, the worst first.
func judgePipeline(s *pipeline.Status) (severity, badge, string) {
	var over, miss bool
	for i := range s.Open {
		c := &s.Open[i]
		if c.Stuck {
			return broken, newBadge(broken, "stuck"), "nothing was reported for " + coarse(s.Spec.StuckAfter)
		}
		over = over || len(c.OverBudget) > 0
		miss = miss || c.WillMiss
	}
	switch {
	case s.Late:
		return broken, newBadge(broken, "late"), "a run was due and did not start"
	case s.Failures > 0 && len(s.Open) == 0:
		return broken, newBadge(broken, "failed"), "the last run did not succeed"
	case over:
		return missed, newBadge(missed, "over budget"), "it takes longer than it may"
	case miss:
		budget := objective.Seconds.Format(s.Spec.Budget.Seconds())
		return noticed, newBadge(noticed, "will be late"), "at this pace it takes longer than " + budget
	case len(s.Open) > 1:
		return noticed, newBadge(noticed, "overlap"), "runs go on side by side"
	case len(s.Open) == 1:
		return fine, badge{"run", "▶", "running"}, ""
	case len(s.Ended) == 0:
		return unknown, newBadge(unknown, "no run yet"), ""
	}
	return fine, newBadge(fine, "done"), ""
}

func stageViews(spec *pipeline.Spec, r *pipeline.Run, now time.Time) []stageView {
	all := make([]stageView, 0, len(spec.Stages))
	for _, declared := range spec.Stages {
		v := stageView{Name: declared.Name, Budget: declared.Budget, Items: -1, Wanted: spec.Items, Class: "idle", Symbol: "·"}
		if s := r.Stage(declared.Name); s != nil {
			v.Took, v.Items, v.Attempts, v.Exit, v.Memory = s.Duration(now), s.Items, s.Attempts, s.Exit, s.Memory
			v.Over = v.Budget > 0 && v.Took > v.Budget
			switch s.State {
			case pipeline.Running:
				v.Class, v.Symbol, v.Word = "run", "▶", "running"
			case pipeline.Done:
				v.Class, v.Symbol, v.Word = "ok", "✓", "done"
			case pipeline.Broken:
				v.Class, v.Symbol, v.Word = "bad", "✕", "failed"
			}
			if v.Over && s.State != pipeline.Broken {
				v.Class = "warn"
			}
		}
		all = append(all, v)
	}
	return all
}
