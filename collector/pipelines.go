package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
)

// Pipelines exposes pipelines that report their own stages, as they are at each scrape.
type Pipelines struct {
	descs
	pipelines func() []*pipeline.Pipeline
}

// NewPipelines makes a collector of the pipelines that there are at each scrape. It is for the caller to register.
func NewPipelines(pipelines func() []*pipeline.Pipeline) *Pipelines {
	return &Pipelines{descs: newDescs(pipelineFamilies(), nil), pipelines: pipelines}
}

// FeedPipeline tells the objectives on a pipeline how long its last run that succeeded took. It is to be called at the
// start and after each event.
func FeedPipeline(book *objective.Book, s *pipeline.Status) {
	last := s.LastSuccess()
	if last == nil {
		return
	}
	for _, t := range book.OfPipeline(s.Spec.Name) {
		t.Burst(last.Duration(last.End).Seconds(), 1)
	}
}

// Collect implements prometheus.Collector.
func (c *Pipelines) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, p := range c.pipelines() {
		status := p.Status(now)
		c.declared(ch, &status)
		c.happened(ch, &status)
		c.open(ch, &status, now)
		if last := status.LastSuccess(); last != nil {
			c.last(ch, &status, last)
		}
	}
}

// declared exposes the budgets, and when the next run is expected.
func (c *Pipelines) declared(ch chan<- prometheus.Metric, s *pipeline.Status) {
	name := s.Spec.Name
	if s.Spec.Budget > 0 {
		c.gauge(ch, pipelineBudget, s.Spec.Budget.Seconds(), name, "")
	}
	for _, stage := range s.Spec.Stages {
		if stage.Budget > 0 {
			c.gauge(ch, pipelineBudget, stage.Budget.Seconds(), name, stage.Name)
		}
	}
	if !s.Expected.IsZero() {
		c.gauge(ch, pipelineExpected, unixSeconds(s.Expected), name)
		c.gauge(ch, pipelineOverdue, unixSeconds(s.Overdue), name)
	}
}

// happened exposes what is counted.
func (c *Pipelines) happened(ch chan<- prometheus.Metric, s *pipeline.Status) {
	name := s.Spec.Name
	for _, o := range pipeline.Outcomes() {
		ch <- prometheus.MustNewConstMetric(c.descs[pipelineRuns], prometheus.CounterValue, float64(s.Counts[o]), name, string(o))
	}
	ch <- prometheus.MustNewConstMetric(c.descs[pipelineOverlaps], prometheus.CounterValue, float64(s.Overlaps), name)
	c.gauge(ch, pipelineFailures, float64(s.Failures), name)
	c.gauge(ch, pipelineRunning, float64(len(s.Open)), name)
}

// open exposes the runs that go on; of several the oldest, which is the one to worry about.
func (c *Pipelines) open(ch chan<- prometheus.Metric, s *pipeline.Status, now time.Time) {
	name, running, stuck := s.Spec.Name, map[string]int{}, 0
	for i := range s.Open {
		for _, stage := range s.Open[i].Stages {
			if stage.State == pipeline.Running {
				running[stage.Name]++
			}
		}
		if s.Open[i].Stuck {
			stuck++
		}
	}
	c.gauge(ch, pipelineStuck, float64(stuck), name)
	for _, stage := range s.Spec.Stages {
		c.gauge(ch, pipelineStageRunning, float64(running[stage.Name]), name, stage.Name)
	}
	if len(s.Open) == 0 {
		return
	}
	oldest := &s.Open[len(s.Open)-1]
	c.gauge(ch, pipelineElapsed, oldest.Elapsed.Seconds(), name, "")
	if oldest.Predicted > 0 {
		c.gauge(ch, pipelinePredicted, oldest.Predicted.Seconds(), name)
	}
	for i := range oldest.Stages {
		if stage := &oldest.Stages[i]; stage.State == pipeline.Running {
			c.gauge(ch, pipelineElapsed, stage.Duration(now).Seconds(), name, stage.Name)
			if stage.Items >= 0 {
				c.gauge(ch, pipelineItems, float64(stage.Items), name, stage.Name)
			}
		}
	}
}

// last exposes the last run that succeeded.
func (c *Pipelines) last(ch chan<- prometheus.Metric, s *pipeline.Status, run *pipeline.Run) {
	name := s.Spec.Name
	c.gauge(ch, pipelineLastSuccess, unixSeconds(run.End), name)
	c.gauge(ch, pipelineLastDuration, run.Duration(run.End).Seconds(), name, "")
	if items := run.Items(); items >= 0 {
		c.gauge(ch, pipelineLastItems, float64(items), name, "")
	}
	for _, declared := range s.Spec.Stages {
		stage := run.Stage(declared.Name)
		if stage == nil {
			continue
		}
		if !stage.Start.IsZero() {
			c.gauge(ch, pipelineLastDuration, stage.Duration(stage.End).Seconds(), name, stage.Name)
		}
		if stage.Items >= 0 {
			c.gauge(ch, pipelineLastItems, float64(stage.Items), name, stage.Name)
		}
		if stage.Memory > 0 {
			c.gauge(ch, pipelineLastMemory, float64(stage.Memory), name, stage.Name)
		}
	}
}

func pipelineFamilies() []Family {
	return []Family{
		{pipelineRunning, gauge, []string{"pipeline"}, "Runs of a pipeline that go on now."},
		{pipelineStageRunning, gauge, []string{"pipeline", "stage"}, "Runs of which a stage goes on now."},
		{pipelineElapsed, gauge, []string{"pipeline", "stage"},
			"How long the oldest open run has taken, and its stages that go on; stage \"\" is the run. Absent without an open run."},
		{pipelinePredicted, gauge, []string{"pipeline"},
			"How long the oldest open run will have taken when it ends, by the items that it has done, earlier runs and budgets. " +
				"Absent without an open run, and where nothing is known."},
		{pipelineItems, gauge, []string{"pipeline", "stage"},
			"Items that the stages of the oldest open run have done so far. Absent unless they say."},
		{pipelineStuck, gauge, []string{"pipeline"}, "Open runs that have reported nothing for longer than stuck_after."},
		{pipelineBudget, gauge, []string{"pipeline", "stage"}, "How long a run may take, and its stages; stage \"\" is the run."},
		{pipelineExpected, gauge, []string{"pipeline"},
			"When the next run is due: the first instant of the schedule that no run has served, which may be past. " +
				"Absent without a schedule."},
		{pipelineOverdue, gauge, []string{"pipeline"}, "From when on that run is late: when it is due, and the grace."},
		{pipelineRuns, counter, []string{"pipeline", "outcome"},
			"Runs by how they ended. missed is one that did not start in time, unknown one that was due while perfwatch was away, " +
				"abandoned one that another took the place of."},
		{pipelineOverlaps, counter, []string{"pipeline"}, "Runs that began while another was still at work."},
		{pipelineFailures, gauge, []string{"pipeline"},
			"How many of the last runs that began did not succeed, in a row; 0 after a success."},
		{pipelineLastSuccess, gauge, []string{"pipeline"}, "When the last run that succeeded ended. Absent before the first."},
		{pipelineLastDuration, gauge, []string{"pipeline", "stage"},
			"How long the last run that succeeded took, and its stages; stage \"\" is the run. Absent before the first."},
		{pipelineLastItems, gauge, []string{"pipeline", "stage"},
			"Items of the last run that succeeded; stage \"\" is the most of any stage. Absent where nobody said."},
		{pipelineLastMemory, gauge, []string{"pipeline", "stage"},
			"Highest resident memory of a stage's command in the last run that succeeded, that of its largest process. " +
				"Absent where nobody said."},
	}
}
