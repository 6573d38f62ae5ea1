package collector

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

// fullPipeline is a pipeline with a run that succeeded a while ago and one that goes on; it is to be called in a bubble.
func fullPipeline(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	due, err := schedule.Parse("CRON_TZ=UTC 0 18 * * *")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p, err := pipeline.New(pipeline.Spec{
		Name: "daily", Schedule: due, Grace: 15 * time.Minute, Budget: time.Hour, StuckAfter: time.Hour, Items: 100,
		Stages: []pipeline.Stage{{Name: "fetch", Budget: 5 * time.Minute}, {Name: "predict"}},
	}, nil, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range []pipeline.Event{
		{Stage: "fetch", Verb: pipeline.Start, Run: "a", Items: -1},
		{Stage: "fetch", Verb: pipeline.Finish, Run: "a", Items: 80, Memory: 4096},
		{Stage: "predict", Verb: pipeline.Start, Run: "a", Items: -1},
		{Stage: "predict", Verb: pipeline.Finish, Run: "a", Items: -1},
		{Stage: "fetch", Verb: pipeline.Start, Run: "b", Items: -1},
		{Stage: "fetch", Verb: pipeline.Progress, Run: "b", Items: 50},
		{Stage: "fetch", Verb: pipeline.Start, Run: "c", Items: -1},
	} {
		e.At = now.Add(time.Duration(i-7) * time.Minute)
		if _, err := p.Report(e, now); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func fullPipelines(t *testing.T) *Pipelines {
	t.Helper()
	p := fullPipeline(t)
	return NewPipelines(func() []*pipeline.Pipeline { return []*pipeline.Pipeline{p} })
}

// The value of an objective is what its rule compares: the last run that succeeded.
func TestAPipelineFeedsItsObjectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := objective.NewBook([]objective.Objective{
			{Name: "daily", Measure: objective.PipelineDuration, Pipeline: "daily", Target: new(150.0)},
			{Name: "other", Measure: objective.PipelineDuration, Pipeline: "other", Target: new(150.0)},
		})
		status := fullPipeline(t).Status(time.Now())
		FeedPipeline(book, &status)
		want := objective.Status{Value: 180, Samples: 1, State: objective.Missed, Level: objective.Target}
		if diff := cmp.Diff(want, book.All()[0].Status(time.Now())); diff != "" {
			t.Error(diff)
		}
		if got := book.All()[1].Status(time.Now()); got.State != objective.NoData {
			t.Errorf("another pipeline: %+v", got)
		}
	})
}
