package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// phases are those of all jobs of a scheduler, by name.
func phases(s *Scheduler) map[string]int64 {
	all := map[string]int64{}
	for name, e := range s.entries {
		all[name] = e.phase
	}
	return all
}

// mostWithin is how many phases lie in any 100 ms of the circle.
func mostWithin(all map[string]int64, every time.Duration) int {
	var at []int64
	for _, p := range all {
		at = append(at, p, p+int64(every))
	}
	slices.Sort(at)
	most, first := 0, 0
	for last := range at {
		for at[last]-at[first] > int64(100*time.Millisecond) {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func jobsAt(t testing.TB, every string, from, to int) []Job {
	spec := mustParse(t, "@every "+every)
	var jobs []Job
	for i := from; i < to; i++ {
		jobs = append(jobs, Job{Name: fmt.Sprint("t", i), Spec: spec, Run: func(context.Context, time.Time) {}})
	}
	return jobs
}

func TestJobsKeepTheirDistance(t *testing.T) {
	for _, row := range []struct {
		jobs     int
		every    string
		most     int           // in any 100 ms
		farthest time.Duration // from the place of a job's own
	}{
		{2, "15s", 2, 0},
		{100, "10s", 6, 30 * time.Millisecond},
		{1000, "10s", 13, 300 * time.Millisecond},
		{5000, "10s", 101, 300 * time.Millisecond},
		{10_000, "10s", 126, 300 * time.Millisecond},
		{10_000, "15s", 101, 300 * time.Millisecond},
		{3000, "1s", 380, 100 * time.Millisecond},
	} {
		s := &Scheduler{}
		jobs := jobsAt(t, row.every, 0, row.jobs)
		s.Replace(jobs)
		every := jobs[0].Spec.every
		if most := mostWithin(phases(s), every); most > row.most {
			t.Errorf("%d jobs every %s: %d in 100 ms, want at most %d", row.jobs, row.every, most, row.most)
		}
		var farthest time.Duration
		for _, job := range jobs {
			e := s.entries[job.Name]
			if e.phase < 0 || e.phase >= int64(every) {
				t.Fatalf("%s has the phase %v of %v", job.Name, time.Duration(e.phase), every)
			}
			moved := time.Duration(e.phase-job.Spec.phase(job.Name)+int64(every)) % every
			farthest = max(farthest, moved)
		}
		if farthest > row.farthest {
			t.Errorf("%d jobs every %s: one is %v after its own place, want at most %v", row.jobs, row.every, farthest, row.farthest)
		}
		shuffled := slices.Clone(jobs)
		rand.Shuffle(len(jobs), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := &Scheduler{}
		again.Replace(shuffled)
		for name, phase := range phases(s) {
			if got := again.entries[name].phase; got != phase {
				t.Fatalf("%s has the phase %v after a restart, want %v", name, time.Duration(got), time.Duration(phase))
			}
		}
	}
}

// Jobs that come and go move no other, and the distance is kept as far as those who stay let it.
func TestJobsStayWhereTheyAreWhenOthersComeAndGo(t *testing.T) {
	s := &Scheduler{}
	s.Replace(jobsAt(t, "10s", 0, 1000))
	before := phases(s)
	for _, others := range [][2]int{{990, 1100}, {2000, 2010}, {3000, 3000}, {0, 0}} {
		jobs := append(jobsAt(t, "10s", 0, 900), jobsAt(t, "10s", others[0], others[1])...)
		s.Replace(jobs)
		for _, job := range jobs[:900] {
			if got := s.entries[job.Name].phase; got != before[job.Name] {
				t.Fatalf("%s moved from %v to %v", job.Name, time.Duration(before[job.Name]), time.Duration(got))
			}
		}
		if len(s.entries) != len(jobs) {
			t.Errorf("%d jobs, want %d", len(s.entries), len(jobs))
		}
		if most := mostWithin(phases(s), 10*time.Second); most > 16 {
			t.Errorf("%d jobs in 100 ms, want at most 16", most)
		}
	}
	s.Replace(append(jobsAt(t, "10s", 0, 1000), jobsAt(t, "10s", 0, 1000)...)) // twice each
	if most := mostWithin(phases(s), 10*time.Second); most > 16 || len(s.entries) != 1000 {
		t.Errorf("%d jobs, %d in 100 ms, want 1000 and at most 16", len(s.entries), most)
	}
}

func TestPassedInstantsAreCounted(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	at := func(d time.Duration) int64 { return day + int64(d) }
	for _, row := range []struct {
		spec      string
		from, now time.Duration
		n         int
		next      time.Duration
	}{
		{"@every 15s", time.Second, 0, 0, time.Second},
		{"@every 15s", time.Second, time.Second, 1, 16 * time.Second},
		{"@every 15s", time.Second, 16*time.Second - 1, 1, 16 * time.Second},
		{"@every 1s", time.Second, 365 * 24 * time.Hour, 365 * 24 * 3600, 365*24*time.Hour + time.Second},
		{"CRON_TZ=UTC * * * * *", time.Minute, 24 * time.Hour, 24 * 60, 24*time.Hour + time.Minute},
		{"CRON_TZ=UTC * * * * * *", time.Second, 24 * time.Hour, 24 * 3600, 24*time.Hour + time.Second},
		{"CRON_TZ=UTC * * * * * *", time.Second, 48 * time.Hour, mostCounted, 48*time.Hour + time.Second},
	} {
		spec := mustParse(t, row.spec)
		n, next := spec.passed(at(row.from), at(row.now), at(row.from)%int64(max(spec.every, 1)))
		if n != row.n || next != at(row.next) {
			t.Errorf("%s from %v to %v: %d and then %v, want %d and %v", row.spec, row.from, row.now, n, time.Duration(next-day), row.n, row.next)
		}
	}
	if n, next := (Spec{}).passed(0, day, 0); n != 0 || next != 0 {
		t.Errorf("never: %d and then %d", n, next)
	}
}
