package schedule

import (
	"cmp"
	"slices"
	"time"
)

// Jobs with the same interval keep a distance from each other, so that the targets of a thousand probes are not asked at
// random: chance alone has 26 of them due in some 100 ms of 10 s, where the mean is 10.
const (
	// mostApart is the distance of jobs that have room enough.
	mostApart = 10 * time.Millisecond
	// roomTaken is the part of the interval that distances take where it is crowded. The rest is what lets nearly all jobs
	// stay near their own place.
	roomTaken = 0.8
)

// place gives each new job its phase: the one of its name or, where another job is due then, the first after it that is
// free. It depends on nothing but the names and schedules of the jobs, and a job that was there before keeps its phase.
func (s *Scheduler) place(jobs []Job) {
	circles := map[time.Duration]*circle{}
	for _, job := range jobs {
		if job.Spec.every == 0 {
			continue
		}
		c := circles[job.Spec.every]
		if c == nil {
			c = &circle{every: int64(job.Spec.every)}
			circles[job.Spec.every] = c
		}
		e := s.entries[job.Name]
		if e == nil {
			e = &entry{gone: true}
			s.entries[job.Name] = e
		}
		if e.keeps(job) {
			c.taken = append(c.taken, e.phase)
		} else {
			e.phase = job.Spec.phase(job.Name)
			c.fresh = append(c.fresh, placing{job.Name, e})
		}
	}
	for _, c := range circles {
		c.placeAll()
	}
}

// keeps says that a job goes on where the entry is.
func (e *entry) keeps(job Job) bool { return e.gone && e.due != 0 && e.job.Spec.text == job.Spec.text }

// A circle is an interval with the phases of the jobs that have it.
type circle struct {
	every int64
	taken []int64 // in order
	fresh []placing
}

// A placing is a job that has no place yet but its own.
type placing struct {
	name  string
	entry *entry
}

func (c *circle) placeAll() {
	slices.Sort(c.taken)
	slices.SortFunc(c.fresh, func(a, b placing) int {
		return cmp.Or(cmp.Compare(a.entry.phase, b.entry.phase), cmp.Compare(a.name, b.name))
	})
	apart := min(int64(mostApart), int64(roomTaken*float64(c.every)/float64(len(c.taken)+len(c.fresh))))
	if ms := int64(time.Millisecond); apart > ms {
		apart -= apart % ms // whole milliseconds read well in a log
	}
	for _, p := range c.fresh {
		p.entry.phase = c.take(p.entry.phase, apart)
	}
}

// take takes the first phase from one on that is so far from all others. Jobs that came one after the other may leave
// no such room, for what lies between two of them is too little; then it is looked for nearer to them.
func (c *circle) take(phase, apart int64) int64 {
	for {
		if free, ok := c.free(phase, apart); ok {
			i, _ := slices.BinarySearch(c.taken, free)
			c.taken = slices.Insert(c.taken, i, free)
			return free
		}
		apart /= 2
	}
}

func (c *circle) free(phase, apart int64) (int64, bool) {
	if len(c.taken) == 0 {
		return phase, true
	}
	i, _ := slices.BinarySearch(c.taken, phase)
	at := max(phase, c.at(i-1)+apart)
	for ; c.at(i)-at < apart; i++ {
		if at = c.at(i) + apart; at-phase >= c.every {
			return 0, false
		}
	}
	return at % c.every, true
}

// at is a phase that is taken, counted on beyond one turn of the circle in either direction.
func (c *circle) at(i int) int64 {
	n := len(c.taken)
	turn := (i+n)/n - 1 // i is -1 at the least
	return c.taken[i-turn*n] + int64(turn)*c.every
}
