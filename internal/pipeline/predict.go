package pipeline

import (
	"slices"
	"time"
)

// predict says how long an open run will have taken when it ends, from its stages that run and those to come: from the
// items that a stage has done, from earlier runs that succeeded and, where there is neither, from the budget. It is false
// if nothing is known of some stage. Stages that run now run side by side; those to come run one after the other.
func predict(spec *Spec, run *Run, earlier []*Run, now time.Time) (time.Duration, bool) {
	var running, later time.Duration
	for _, stage := range spec.Stages {
		s := run.Stage(stage.Name)
		if s != nil && s.State == Done {
			continue
		}
		took, items := histories(earlier, stage.Name)
		if s == nil || s.State == Broken {
			usual, ok := median(took, stage.Budget)
			if !ok {
				return 0, false
			}
			later += usual
			continue
		}
		left, ok := remaining(s, now, took, wanted(spec, items), stage.Budget)
		if !ok {
			return 0, false
		}
		running = max(running, left)
	}
	return run.Duration(now) + running + later, true
}

// histories are how long a stage took in earlier runs, and how many items it had, both in ascending order.
func histories(earlier []*Run, stage string) (took []time.Duration, items []int64) {
	for _, r := range earlier {
		s := r.Stage(stage)
		if s == nil {
			continue
		}
		if !s.Start.IsZero() {
			took = append(took, s.Duration(s.End))
		}
		if s.Items >= 0 {
			items = append(items, s.Items)
		}
	}
	slices.Sort(took)
	slices.Sort(items)
	return took, items
}

// wanted is how many items a stage will have done in the end; 0 if unknown.
func wanted(spec *Spec, items []int64) int64 {
	if spec.Items > 0 || len(items) == 0 {
		return spec.Items
	}
	return items[len(items)/2]
}

// remaining is how long a stage that runs will take from now on. The pace of its items counts the more, the more of them
// are done: at the beginning earlier runs know better, of which those count that were not over by now either.
func remaining(s *StageRun, now time.Time, took []time.Duration, items int64, budget time.Duration) (time.Duration, bool) {
	elapsed := s.Duration(now)
	longer, _ := slices.BinarySearch(took, elapsed+1)
	usual, known := median(took[longer:], 0)
	if items > 0 && s.Items > 0 && elapsed > 0 {
		done := min(1, float64(s.Items)/float64(items))
		whole := float64(elapsed) / done
		if known {
			whole = done*whole + (1-done)*float64(usual)
		}
		return time.Duration(whole) - elapsed, true
	}
	switch {
	case known:
		return usual - elapsed, true
	case len(took) > 0: // slower than all of them: it may end at any time
		return 0, true
	}
	return max(0, budget-elapsed), budget > 0
}

// median is the middle of durations in ascending order, the higher of two; otherwise what is said beside them, if that
// is anything.
func median(sorted []time.Duration, otherwise time.Duration) (time.Duration, bool) {
	if len(sorted) == 0 {
		return otherwise, otherwise > 0
	}
	return sorted[len(sorted)/2], true
}
