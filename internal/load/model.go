package load

import (
	"math"
	"slices"
	"time"
)

// DefaultLimit bounds a burst of iterations that gives no duration. A target that has not answered them by then will not
// soon, and other bursts against its host wait.
const DefaultLimit = 10 * time.Minute

// maxLeast keeps what no burst has the time for within a time.Duration.
const maxLeast = 1000 * time.Hour

// open says that this is the open model, right or wrong.
func (s *Spec) open() bool { return s.Rate != 0 || len(s.Stages) > 0 }

// Unbounded says that the burst ends with its iterations and gives no duration that would end it before.
func (s *Spec) Unbounded() bool {
	return s.Duration == 0 && (s.Iterations != 0 || s.IterationsPerUser != 0)
}

// Bound gives such a burst a duration for all its runs, or the longest there may be if that is shorter.
func (s *Spec) Bound(d time.Duration) { s.Duration = min(d, maxDuration) / time.Duration(s.Runs()) }

// stages are the stages of the open model: a rate without any is one that stays.
func (s *Spec) stages() []Stage {
	if len(s.Stages) == 0 {
		return []Stage{{Rate: s.Rate, Duration: s.Duration}}
	}
	return s.Stages
}

func (s *Spec) pacer() Pacer { return NewPacer(s.Rate, s.stages()) }

// highest is the highest rate of the open model.
func (s *Spec) highest() float64 {
	most := s.Rate
	for _, stage := range s.Stages {
		most = max(most, stage.Rate)
	}
	return most
}

// Limit is how long the burst sends at most: its duration, the stages' together, or DefaultLimit for iterations without
// a duration, in all runs. Iterations that are not done by then stay undone: Summary.Asked beside Summary.Requests tells.
func (s *Spec) Limit() time.Duration {
	if s.FindCapacity != nil {
		return s.FindCapacity.limit()
	}
	if each := s.span(); each <= maxDuration {
		return each * time.Duration(s.Runs())
	}
	return s.span() // too long, and refused for it
}

// span is how long one run sends at most.
func (s *Spec) span() time.Duration {
	switch {
	case len(s.Stages) > 0:
		return s.pacer().Duration()
	case s.Unbounded():
		return DefaultLimit / time.Duration(s.Runs())
	}
	return s.Duration
}

// Waits is how often the burst waits for the answer to its last request: at the end of every run, and of every step of a
// search.
func (s *Spec) Waits() int {
	if s.FindCapacity != nil {
		return s.FindCapacity.steps()
	}
	return s.Runs()
}

// asked is how many requests the iterations come to.
func (s *Spec) asked() float64 {
	return float64(s.Iterations) + float64(s.IterationsPerUser)*float64(s.Users)
}

// Least is the shortest time in which all iterations of all runs can be done, at a target that answers at once: what think time,
// max_rate and ramp_up leave of it. It is 0 without iterations.
func (s *Spec) Least() time.Duration {
	most, _ := s.PeakThroughput()
	least := s.asked() / most
	if s.IterationsPerUser > 0 && s.RampUp > 0 {
		least = max(least, float64(s.Users-1)/s.RampUp)
	}
	return time.Duration(min(least*float64(s.Runs()), maxLeast.Seconds()) * float64(time.Second))
}

// Half is the burst with half the users, half the requests and half the rate, rounded up.
func (s *Spec) Half() *Spec {
	h := *s
	h.Users, h.Iterations, h.IterationsPerUser = (s.Users+1)/2, (s.Iterations+1)/2, s.IterationsPerUser
	h.Rate, h.MaxRate = s.Rate/2, s.MaxRate/2
	h.Stages = slices.Clone(s.Stages)
	for i := range h.Stages {
		h.Stages[i].Rate /= 2
	}
	if s.FindCapacity != nil {
		// Its rates stay as far apart as they were, so that it takes no longer; the rate it is held against is not sent.
		h.FindCapacity, h.Rate = s.FindCapacity.half(), s.Rate
	}
	return &h
}

// PeakUsers is the most users that the burst can have at once.
func (s *Spec) PeakUsers() int {
	if s.open() {
		return s.MaxUsers
	}
	if started := math.Ceil(s.RampUp * s.span().Seconds()); started > 0 {
		return int(min(float64(s.Users), started))
	}
	return s.Users
}

// PeakThroughput is the most requests a second that the burst can send over its whole length, and what bounds it. In the
// closed model that is N/(Z+R) with the best response time of zero: each user waits between its requests, but not after
// the last of its iterations.
func (s *Spec) PeakThroughput() (perSecond float64, bound string) {
	switch {
	case s.FindCapacity != nil:
		return s.FindCapacity.Max, "its find_capacity"
	case len(s.Stages) > 0:
		p := s.pacer()
		return float64(p.Total()) / p.Duration().Seconds(), "its stages"
	case s.Rate > 0:
		return s.Rate, "its rate"
	}
	users, asked := float64(s.PeakUsers()), s.asked()
	perSecond, bound = math.Inf(1), "nothing"
	if think := s.ThinkTime.Average().Seconds(); think > 0 {
		perSecond, bound = users/think, "its users over their think time"
		if asked > 0 {
			perSecond *= asked / max(0, asked-users)
		}
	}
	if s.MaxRate <= 0 {
		return perSecond, bound
	}
	paced := s.MaxRate
	if asked > 0 {
		paced *= asked / (asked - 1)
	}
	if paced < perSecond {
		return paced, "its max_rate"
	}
	return perSecond, bound
}

// MostRequests is how many requests the burst can send at most, each user's first one beside what PeakThroughput allows.
func (s *Spec) MostRequests() float64 {
	perSecond, _ := s.PeakThroughput()
	most := perSecond * s.Limit().Seconds()
	if !s.open() {
		most += float64(s.PeakUsers())
	}
	if asked := s.asked(); asked > 0 {
		most = min(most, asked*float64(s.Runs()))
	}
	return most
}
