package oneshot

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/report"
	"github.com/perfwatch/perfwatch/probes"
)

// A need is how many samples an objective still lacks. The probes that feed it share it.
type need struct {
	floor int64
	left  atomic.Int64
	page  *objective.Tracker // of a page load, which may end without a figure: what counts is what it took
}

// needsOf are the needs of all objectives that single probes feed.
func needsOf(units []*Unit) map[*objective.Tracker]*need {
	needs := map[*objective.Tracker]*need{}
	for _, u := range units {
		for _, t := range u.Feeds {
			if needs[t] != nil {
				continue
			}
			o := t.Objective()
			n := &need{floor: int64(o.Floor())}
			n.left.Store(n.floor)
			if o.Measure.OfPage() {
				n.page = t
			}
			needs[t] = n
		}
	}
	return needs
}

// met says that there are samples enough, or that as many runs as twice the floor did not bring them.
func (n *need) met(runs int) bool {
	if n.page == nil {
		return n.left.Load() <= 0
	}
	return int64(n.page.Status(time.Now()).Samples) >= n.floor || int64(runs) >= 2*n.floor
}

// asked is how the runs of one probe went.
type asked struct {
	end   time.Time
	needs []*need

	mu    sync.Mutex
	start time.Time
	leaf  load.LeafSummary
	times []int64 // microseconds of each run
	last  probes.Outcome
	why   string // of the last run that failed
}

func newAsked(end time.Time) *asked { return &asked{end: end} }

// ask runs a probe once, and again until its objectives can be judged or the end has come.
func (u *Unit) ask(ctx context.Context, end time.Time) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // also where both were ready
			return
		}
		next := time.Now().Add(pace)
		run, cancel := context.WithTimeout(ctx, u.Timeout)
		s := probes.Take(run, u.Prober, time.Now())
		cancel()
		u.Sample(&s)
		enough := u.asked.take(&s)
		if now := time.Now(); next.Before(now) {
			next = now
		}
		if enough || !next.Before(end) {
			return
		}
		timer.Reset(time.Until(next))
	}
}

// take counts a run and says whether it was the last that is needed.
func (a *asked) take(s *probes.Sample) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.start.IsZero() {
		a.start = s.Start
	}
	a.leaf.Outcomes[s.Outcome]++
	if s.Outcome == probes.Canceled {
		return false
	}
	a.leaf.Bytes += s.Bytes
	a.leaf.Cache[s.Cache]++
	a.times = append(a.times, max(1, s.Duration.Microseconds()))
	a.last = s.Outcome
	if s.Err != nil {
		a.why = s.Err.Error()
	}
	enough := true
	for _, n := range a.needs {
		n.left.Add(-1)
		enough = n.met(len(a.times)) && enough
	}
	return enough
}

// failure is why the last run failed; "" if it did not.
func (a *asked) failure() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == probes.OK {
		return ""
	}
	return a.last.String()
}

// row is what the report says of the probe.
func (u *Unit) row() report.Probe {
	a := u.asked
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leaf.Response = hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)
	for _, t := range a.times {
		_ = a.leaf.Response.RecordValue(min(t, int64(time.Hour/time.Microsecond)))
	}
	figures := report.FiguresOf(&a.leaf, 0)
	a.leaf.Response = nil
	return report.Probe{Name: u.Name, Group: u.Group, Kind: u.Kind, Error: a.why, Figures: figures}
}

// state is how the probe goes.
func (a *asked) state() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := State{Requests: a.leaf.Requests(), Failures: a.leaf.Failures(), Left: max(0, time.Until(a.end))}
	s.Done = 1
	for _, n := range a.needs {
		s.Done = min(s.Done, 1-float64(n.left.Load())/float64(max(1, n.floor)))
	}
	if seconds := time.Since(a.start).Seconds(); seconds > 0.1 && !a.start.IsZero() {
		s.Rate = float64(s.Requests) / seconds
	}
	if recent := slices.Clone(a.times[max(0, len(a.times)-liveTimes):]); len(recent) > 0 {
		slices.Sort(recent)
		s.P95 = float64(recent[len(recent)*95/100]) / 1e6
	}
	return s
}

// liveTimes is how many runs the p95 is of that is shown while it goes on.
const liveTimes = 200

func (a *asked) ended() State {
	s := a.state()
	s.Done, s.Left, s.Word = 1, 0, "done"
	if s.Failures > 0 {
		s.Word = "with failures"
	}
	if s.Requests == 0 {
		s.Word = "not run"
	}
	return s
}

// state is how the burst goes.
func (u *Unit) state() State {
	p, ok := u.live.Progress()
	if !ok {
		return State{WithUsers: true}
	}
	s := State{
		WithUsers: true, Users: p.Users, Requests: p.Requests, Failures: p.Failures, Rate: p.Rate, P95: p.P95,
		Left: time.Duration(max(0, p.Limit-p.Elapsed) * float64(time.Second)),
	}
	if p.Limit > 0 {
		s.Done = p.Elapsed / p.Limit
	}
	if p.Asked > 0 {
		s.Done = max(s.Done, float64(p.Requests)/float64(p.Asked))
	}
	return s
}

func ended(b *report.Burst) State {
	return State{
		Done: 1, WithUsers: true, Users: b.UsersPeak, Requests: b.All.Requests, Failures: b.All.Failures,
		Rate: b.All.Throughput, P95: b.All.Latency.P95, Word: string(b.Result),
	}
}

// watched adds what the platform did to a burst that is to be kept.
func watched(b *archive.Burst, platform *collector.BurstWatch) *archive.Burst {
	if platform != nil {
		if text, err := json.Marshal(platform); err == nil {
			b.Watch = text
		}
	}
	return b
}
