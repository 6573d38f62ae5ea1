package config

import (
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

const (
	defaultGrace = 15 * time.Minute
	// defaultStuck is how long a run without a budget may be silent.
	defaultStuck       = 6 * time.Hour
	minSpan, maxSpan   = time.Second, 31 * 24 * time.Hour
	maxStages          = 64
	maxItems           = int64(1e12)
	wantPipelineStages = "the stages of a run, the first of which begins it"
)

// pipelines checks every pipeline that reports its own stages.
func (c *checker) pipelines() {
	taken := map[string]string{}
	for i := range c.file.Pipelines {
		at := fmt.Sprintf("pipelines[%d]", i)
		in := &c.file.Pipelines[i]
		c.name(at+".name", in.Name, taken)
		c.cfg.Pipelines = append(c.cfg.Pipelines, c.onePipeline(at, in))
	}
}

func (c *checker) onePipeline(at string, in *pipelineSection) pipeline.Spec {
	out := pipeline.Spec{
		Name:   in.Name,
		Budget: c.duration(at+".budget", in.Budget, 0, minSpan, maxSpan),
		Items:  in.Items,
	}
	c.expected(at, in, &out)
	silent := out.Budget
	if silent == 0 {
		silent = defaultStuck
	}
	out.StuckAfter = c.duration(at+".stuck_after", in.StuckAfter, silent, minSpan, maxSpan)
	if c.has(at+".items") && (in.Items < 1 || in.Items > maxItems) {
		c.refuse(at+".items", "%d, want 1 to %d items of a whole run", in.Items, maxItems)
	}
	out.Stages = c.stages(at, in, out.Budget)
	return out
}

// expected checks when a run must have started. Two runs may not be expected at once.
func (c *checker) expected(at string, in *pipelineSection, out *pipeline.Spec) {
	grace := c.duration(at+".grace", in.Grace, defaultGrace, minSpan, maxSpan)
	if !c.has(at + ".schedule") {
		if c.has(at + ".grace") {
			c.refuse(at+".grace", "%s without a schedule, want one that it follows", quote(written(grace)))
		}
		return
	}
	before := len(c.mistakes)
	c.schedule(at+".schedule", in.Schedule)
	spec, err := schedule.Parse(in.Schedule)
	if err != nil || len(c.mistakes) > before {
		return
	}
	out.Schedule, out.Grace = spec, grace
	every := c.interval(in.Schedule)
	if !c.has(at+".grace") && every > 0 {
		out.Grace = min(grace, every/2)
	} else if every > 0 && grace >= every {
		c.refuse(at+".grace", "%s, want less than the %s between two runs", quote(written(grace)), written(every))
	}
}

// stages checks the stages of a pipeline. Budgets of stages that exceed that of the run are a warning: stages may run
// side by side.
func (c *checker) stages(at string, in *pipelineSection, budget time.Duration) (stages []pipeline.Stage) {
	switch {
	case !c.has(at+".stages") || len(in.Stages) == 0:
		c.missing(at+".stages", wantPipelineStages)
		return nil
	case len(in.Stages) > maxStages:
		c.refuse(at+".stages", "%d stages, want at most %d", len(in.Stages), maxStages)
	}
	taken, sum := map[string]string{}, time.Duration(0)
	for i, s := range in.Stages {
		path := fmt.Sprintf("%s.stages[%d]", at, i)
		c.name(path+".name", s.Name, taken)
		stage := pipeline.Stage{Name: s.Name, Budget: c.duration(path+".budget", s.Budget, 0, minSpan, maxSpan)}
		stages = append(stages, stage)
		sum += stage.Budget
	}
	if budget > 0 && sum > budget && !c.doubtful(at) {
		c.warn(at+".budget", "%s for a run, but its stages may take %s together", written(budget), written(sum))
	}
	return stages
}

// selectsPipeline checks the selector of the duration of a pipeline: there is no figure of two together.
func (c *checker) selectsPipeline(path string, o *objective.Objective) {
	if !c.has(path) {
		c.missing(path, "the name of a pipeline")
		return
	}
	names := make([]string, 0, len(c.cfg.Pipelines))
	for _, p := range c.cfg.Pipelines {
		if p.Name == o.Pipeline {
			return
		}
		names = append(names, p.Name)
	}
	c.refuse(path, "%s is not a pipeline, %s", quote(o.Pipeline), instead(o.Pipeline, names))
}
