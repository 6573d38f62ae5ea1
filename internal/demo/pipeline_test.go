package demo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A run takes three seconds a stage, tells each of its events once and in order, and is slower with the latency fault.
func TestThePipelineReportsItsStages(t *testing.T) {
	p := &Platform{faults: newFaults()}
	synctest.Test(t, func(t *testing.T) {
		var got []string
		stage := func(name string) pipelineStage {
			return pipelineStage{name, func(context.Context, int) error { return nil }}
		}
		report := func(stage, event string, items int) { got = append(got, fmt.Sprintf("%s %s %d", stage, event, items)) }
		start := time.Now()
		p.runStages(t.Context(), []pipelineStage{stage("a"), stage("b")}, report)
		if took := time.Since(start); took != 6*time.Second {
			t.Errorf("two stages took %v, want 6s", took)
		}
		want := []string{"a start 0", "a progress 10", "a progress 20", "a progress 30", "a progress 40", "a progress 50", "a finish 60", "b start 0"}
		if len(got) != 14 || !slices.Equal(got[:8], want) {
			t.Errorf("%q, want it to begin with %q", got, want)
		}
		if err := p.SetFault("latency", 700); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		p.runStages(t.Context(), []pipelineStage{stage("a")}, report)
		if took := time.Since(start); took != 13500*time.Millisecond {
			t.Errorf("with the fault: %v, want 13.5s, which is over its budget", took)
		}
		broken := pipelineStage{"c", func(_ context.Context, i int) error {
			if i == 3 {
				return fmt.Errorf("item %d", i)
			}
			return nil
		}}
		got, p.logger = nil, slog.New(slog.DiscardHandler)
		p.runStages(t.Context(), []pipelineStage{broken, stage("d")}, report)
		if want := []string{"c start 0", "c fail 3"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
