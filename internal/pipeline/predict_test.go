package pipeline

import (
	"testing"
	"time"
)

// runs makes earlier runs whose two stages took some minutes each.
func runs(minutes ...[2]int) []*Run {
	var all []*Run
	for _, m := range minutes {
		fetched := evening().Add(time.Duration(m[0]) * time.Minute)
		predicted := fetched.Add(time.Duration(m[1]) * time.Minute)
		all = append(all, &Run{Start: evening(), End: predicted, Outcome: Success, Stages: []StageRun{
			{Name: "fetch", State: Done, Start: evening(), End: fetched, Items: 600},
			{Name: "predict", State: Done, Start: fetched, End: predicted, Items: 600},
		}})
	}
	return all
}

func TestPredict(t *testing.T) {
	earlier := runs([2]int{4, 10}, [2]int{5, 12}, [2]int{9, 14})
	running := func(stage string, items int64) StageRun {
		return StageRun{Name: stage, State: Running, Start: evening(), Items: items}
	}
	done := StageRun{Name: "fetch", State: Done, Start: evening(), End: evening().Add(2 * time.Minute)}
	noBudgets := daily(t)
	noBudgets.Budget, noBudgets.Items, noBudgets.Stages = 0, 0, []Stage{{Name: "fetch"}, {Name: "predict"}}
	byItems := noBudgets
	byItems.Items = 1000
	for _, tt := range []struct {
		name    string
		spec    Spec
		stages  []StageRun
		earlier []*Run
		after   int // minutes
		want    time.Duration
	}{
		{"the usual, in the first minute", daily(t), []StageRun{running("fetch", -1)}, earlier, 1, 17 * time.Minute},
		{"slower than most", daily(t), []StageRun{running("fetch", -1)}, earlier, 6, (9 + 12) * time.Minute},
		{"slower than all", daily(t), []StageRun{running("fetch", -1)}, earlier, 20, (20 + 12) * time.Minute},
		{"budgets, where nothing ran before", daily(t), []StageRun{running("fetch", -1)}, nil, 1, 15 * time.Minute},
		{"nothing known", noBudgets, []StageRun{running("fetch", -1)}, nil, 1, 0},
		{"the pace of items alone", byItems, []StageRun{done, running("predict", 250)}, nil, 3, 12 * time.Minute},
		{"half by items, half by earlier runs", byItems, []StageRun{done, running("predict", 500)}, earlier, 3,
			(6 + 12) / 2 * time.Minute},
		{"items of earlier runs", noBudgets, []StageRun{done, running("predict", 600)}, earlier, 3, 3 * time.Minute},
		{"more items than there are", byItems, []StageRun{done, running("predict", 5000)}, earlier, 3, 3 * time.Minute},
		{"two at once", daily(t), []StageRun{running("fetch", -1), running("predict", -1)}, earlier, 1, 12 * time.Minute},
		{"between stages", daily(t), []StageRun{done}, earlier, 3, 15 * time.Minute},
		{"a failed stage is to come again", daily(t), []StageRun{{Name: "fetch", State: Broken}}, earlier, 3, (3 + 5 + 12) * time.Minute},
	} {
		run := &Run{Start: evening(), Stages: tt.stages}
		got, ok := predict(&tt.spec, run, tt.earlier, evening().Add(time.Duration(tt.after)*time.Minute))
		if got != tt.want || ok != (tt.want > 0) {
			t.Errorf("%s: %v, %t, want %v", tt.name, got, ok, tt.want)
		}
	}
}

// A miss is told while there is still time: at the pace of its items the hour will not do.
func TestAMissIsPredicted(t *testing.T) {
	x := begin(t, daily(t), evening())
	x.expect("fetch start", "open")
	x.now = x.now.Add(9 * time.Minute)
	x.expect("fetch progress 600", "open")
	s := x.status()
	if c := s.Open[0]; !c.WillMiss || c.Elapsed != 10*time.Minute || c.Predicted < time.Hour || c.OverBudget == nil {
		t.Errorf("%+v, want a miss", c)
	}
}
