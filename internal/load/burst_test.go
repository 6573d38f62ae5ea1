package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A log is a sink that keeps copies.
type log struct {
	mu      sync.Mutex
	samples []probes.Sample
	leaves  []int
	users   []int
}

func (l *log) Observe(leaf int, s *probes.Sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples, l.leaves = append(l.samples, *s), append(l.leaves, leaf)
}

func (l *log) SetUsers(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users = append(l.users, n)
}

// offsets are the instants after start at which requests were sent.
func (l *log) offsets(start time.Time) (at []time.Duration) {
	for i := range l.samples {
		at = append(at, l.samples[i].Start.Sub(start))
	}
	slices.Sort(at)
	return at
}

type answer func(context.Context) (probes.Result, error)

// Probe implements probes.Prober.
func (a answer) Probe(ctx context.Context) (probes.Result, error) { return a(ctx) }

func (a answer) take(ctx context.Context, timeout time.Duration, _ *probes.HTTPProber, _ *probes.Draft, due time.Time) probes.Sample {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return probes.Take(ctx, a, due)
}

// after answers when d has passed, or says why not.
func after(d time.Duration) answer {
	return func(ctx context.Context) (probes.Result, error) { return probes.Result{Bytes: 10}, pass(ctx, d) }
}

func pass(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// planOf is a spec's plan whose users ask in memory.
func planOf(t *testing.T, s Spec, ask answer) *Plan {
	t.Helper()
	if s.Tasks == nil {
		s.Tasks = requests(1)
	}
	p, err := s.Plan("burst", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	p.usage = func() usage { return usage{} } // that of the tests says nothing, least of all in a bubble's time
	p.open = func() (session, error) {
		return session{take: ask.take, close: func() {}}, nil
	}
	return p
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s is %g, want %g within %g", what, got, want, within)
	}
}

func TestClosedBurstStartsUsersEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, Spec{Users: 10, RampUp: 4, Duration: 2 * time.Second, ThinkTime: ThinkTime{Min: time.Hour, Max: time.Hour}}, after(0))
		sink := &log{}
		s := Run(t.Context(), p, sink)
		if first := sink.samples[0]; !first.Due.Equal(first.Start) || first.Response() != first.Duration {
			t.Errorf("a request was due at %s and sent at %s, want one instant", first.Due, first.Start)
		}
		// Users 8 and 9 would start at 2 s and later, when the burst is over.
		var want []time.Duration
		for i := range 8 {
			want = append(want, time.Duration(i)*250*time.Millisecond)
		}
		if got := sink.offsets(s.Start); !slices.Equal(got, want) {
			t.Errorf("users started at %v, want %v", got, want)
		}
		if s.UsersPeak != 8 || s.Result != Completed || s.Duration() != 2*time.Second || !s.Valid() {
			t.Errorf("%d users at most, %s after %s, want 8, completed after 2s", s.UsersPeak, s.Result, s.Duration())
		}
		if got, want := sink.users[:8], []int{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(got, want) {
			t.Errorf("numbers of users %v, want %v", got, want)
		}
		if last := sink.users[len(sink.users)-1]; last != 0 {
			t.Errorf("the last number of users is %d, want 0", last)
		}
	})
}

func TestClosedBurstKeepsTheMixOfThePlan(t *testing.T) {
	tests := []struct {
		name     string
		users    int
		duration time.Duration
		least    uint64
	}{
		{"a small burst", 10, 30 * time.Second, 120},
		{"the plan's", 100, time.Minute, 2500},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			spec := Spec{
				Users: tt.users, RampUp: 10, Duration: tt.duration,
				ThinkTime: ThinkTime{Min: time.Second, Max: 3 * time.Second}, Tasks: planTree(),
			}
			s := Run(t.Context(), planOf(t, spec, after(20*time.Millisecond)), &log{})
			n := s.Requests()
			if n < tt.least || s.Failures() != 0 {
				t.Fatalf("%s: %d requests, %d failed, want at least %d and none", tt.name, n, s.Failures(), tt.least)
			}
			for i := range s.Leaves {
				l := &s.Leaves[i]
				near(t, tt.name+": requests of "+l.Endpoint, float64(l.Requests()), planShares[i]*float64(n), 1)
				if tt.users == 100 {
					near(t, "share of "+l.Endpoint, float64(l.Requests())/float64(n), planShares[i], 0.005)
				}
			}
		})
	}
}

func TestThinkTimesAreDrawnFromTheSeed(t *testing.T) {
	run := func(t *testing.T, seed uint64) (starts []time.Duration, reported uint64) {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, Spec{Users: 3, Duration: time.Minute, ThinkTime: ThinkTime{Min: time.Second, Max: 3 * time.Second}}, after(0))
			p.Seed = seed
			sink := &log{}
			s := Run(t.Context(), p, sink)
			starts, reported = sink.offsets(s.Start), s.Seed
		})
		return starts, reported
	}
	first, seed := run(t, 0)
	if again, _ := run(t, seed); seed == 0 || !slices.Equal(first, again) {
		t.Errorf("seed %d gives\n%v, then\n%v", seed, first, again)
	}
	if other, _ := run(t, seed+1); slices.Equal(first, other) {
		t.Errorf("seeds %d and %d give the same waits", seed, seed+1)
	}
	if first[3] == first[4] {
		t.Errorf("two users waited the same: %v", first[3:6])
	}
	if first[3] < time.Second || first[5] > 3*time.Second {
		t.Errorf("first waits %v, want them from 1s to 3s", first[3:6])
	}
}

func TestClosedBurstMeasuresFromTheSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		slow := func(ctx context.Context) (probes.Result, error) {
			n++
			if n%10 == 0 {
				return probes.Result{}, pass(ctx, 900*time.Millisecond)
			}
			return after(100 * time.Millisecond)(ctx)
		}
		s := Run(t.Context(), planOf(t, Spec{Users: 1, Duration: 18 * time.Second}, slow), &log{})
		all := s.All()
		if s.Requests() != 100 || s.Duration() != 18*time.Second {
			t.Fatalf("%d requests in %s, want 100 in 18s", s.Requests(), s.Duration())
		}
		near(t, "median", all.Quantile(0.5), 0.1, 0.0001)
		near(t, "p90", all.Quantile(0.9), 0.1, 0.0001)
		near(t, "p91", all.Quantile(0.91), 0.9, 0.001)
		near(t, "mean", all.Mean(), 0.18, 0.0002)
		near(t, "min", all.Min(), 0.1, 0.0001)
		near(t, "max", all.Max(), 0.9, 0.001)
		near(t, "throughput", s.Throughput(), 100./18, 1e-9)
		near(t, "lag samples", float64(s.Lag.TotalCount()), 0, 0)
		near(t, "bytes", float64(all.Bytes), 900, 0)
		if s.InFlightPeak != 1 || s.UsersPeak != 1 {
			t.Errorf("%d in flight of %d users, want 1 of 1", s.InFlightPeak, s.UsersPeak)
		}
	})
}

func TestRequestsTimeOutAndStayInTheDistribution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, Spec{Users: 2, Duration: 3 * time.Second}, after(time.Hour))
		p.RequestTimeout = 2 * time.Second
		s := Run(t.Context(), p, &log{})
		if got := s.Leaves[0].Outcomes[probes.Timeout]; got != 4 || s.Requests() != 4 || s.Failures() != 4 || s.ErrorRatio() != 1 {
			t.Errorf("%d timeouts of %d requests, %d failed, want 4 of 4", got, s.Requests(), s.Failures())
		}
		near(t, "fastest", s.Leaves[0].Min(), 2, 0.002)
		if s.Duration() != 4*time.Second || s.Result != Completed || s.Throughput() != 0 {
			t.Errorf("%s after %s with %g answers a second, want completed after 4s with none", s.Result, s.Duration(), s.Throughput())
		}
	})
}

func TestNothingRunsAfterTheHardEnd(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		want time.Duration // the last request's send and its whole timeout
	}{
		{"closed", Spec{Users: 3, RampUp: 1, Duration: 2900 * time.Millisecond}, 7 * time.Second},
		{"open", Spec{Rate: 10, MaxUsers: 50, Duration: 3 * time.Second, Abort: Abort{ErrorRatio: 1}}, 7900 * time.Millisecond},
		{"open, late", Spec{Rate: 10, MaxUsers: 1, Duration: 3 * time.Second}, 5 * time.Second},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, tt.spec, after(time.Hour))
			if s := Run(t.Context(), p, &log{}); s.Duration() != tt.want || s.Duration() > p.MaxDuration() {
				t.Errorf("%s burst ran %s, want %s and never over %s", tt.name, s.Duration(), tt.want, p.MaxDuration())
			}
		})
	}
}

func TestRequestSentLateEndsAtTheHardEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBurst(planOf(t, Spec{Users: 1, Duration: 10 * time.Second}, after(time.Hour)), &log{})
		u, err := b.newUser(0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Second)
		u.send(t.Context(), time.Time{})
		if u.sample.Duration != 3*time.Second || u.sample.Outcome != probes.Timeout {
			t.Errorf("%s after %s, want a timeout after the 3s that were left", u.sample.Outcome, u.sample.Duration)
		}
	})
}

func TestCanceledBurstStopsAtOnceAndKeepsWhatItHas(t *testing.T) {
	for name, spec := range map[string]Spec{
		"closed": {Users: 2, Duration: time.Minute},
		"open":   {Rate: 2, MaxUsers: 20, Duration: time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10750*time.Millisecond, func() { cancel(errors.New("stopped by the operator")) })
			sink := &log{}
			s := Run(ctx, planOf(t, spec, after(time.Second)), sink)
			if s.Result != Aborted || s.Reason != "stopped by the operator" || s.Valid() {
				t.Errorf("%s: %s because of %q, want aborted by the operator", name, s.Result, s.Reason)
			}
			if s.Duration() != 10750*time.Millisecond {
				t.Errorf("%s: ended after %s, want 10.75s", name, s.Duration())
			}
			all := s.All()
			if got := all.Outcomes[probes.Canceled]; got != 2 || all.Outcomes[probes.OK] != 20 || s.Requests() != 20 || s.Failures() != 0 {
				t.Errorf("%s: %v outcomes and %d requests, want 20 ok, 2 canceled, 20 requests", name, all.Outcomes, s.Requests())
			}
			if n := all.Service.TotalCount(); n != 20 || all.Response.TotalCount() != 20 || len(sink.samples) != 22 || s.Dropped != 0 {
				t.Errorf("%s: %d in the distribution, %d observed, %d dropped, want 20, 22, 0", name, n, len(sink.samples), s.Dropped)
			}
		})
	}
}

// The scheduler's own timeout ends a burst with a deadline: its requests were cut off by us and did not time out.
func TestBurstCutOffByADeadlineHasNoTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		s := Run(ctx, planOf(t, Spec{Users: 1, Duration: time.Minute}, after(time.Second)), &log{})
		if o := s.Leaves[0].Outcomes; o[probes.Canceled] != 1 || o[probes.Timeout] != 0 || o[probes.OK] != 2 {
			t.Errorf("outcomes %v, want 2 ok and 1 canceled", o)
		}
		if s.Result != Aborted || s.Reason != "context deadline exceeded" {
			t.Errorf("%s because of %q, want aborted by the deadline", s.Result, s.Reason)
		}
	})
}

func TestOutcomeOfARequestCutOff(t *testing.T) {
	status := &probes.StatusError{Code: 503, Want: "2xx"}
	tests := []struct {
		name   string
		err    error
		took   time.Duration
		ended  bool
		expect probes.Outcome
	}{
		{"answered as the burst ended", nil, 1, true, probes.OK},
		{"refused by the server as the burst ended", status, 1, true, probes.HTTP5xx},
		{"canceled", context.Canceled, 1, true, probes.Canceled},
		{"cut off by the burst's deadline", context.DeadlineExceeded, 1, true, probes.Canceled},
		{"its own timeout", context.DeadlineExceeded, time.Second, true, probes.Timeout},
		{"broken off by us", errors.New("use of closed connection"), 1, true, probes.Canceled},
		{"broken by itself", errors.New("use of closed connection"), 1, false, probes.Error},
		{"timeout while the burst runs", context.DeadlineExceeded, 1, false, probes.Timeout},
	}
	for _, tt := range tests {
		ctx, cancel := context.WithCancel(t.Context())
		if tt.ended {
			cancel()
		}
		b := &burst{timeout: time.Second}
		if got := b.outcome(ctx, &probes.Sample{Outcome: probes.OutcomeOf(tt.err), Duration: tt.took}); got != tt.expect {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.expect)
		}
		cancel()
	}
}

func TestCanceledBeforeItBeganSendsNothing(t *testing.T) {
	for name, spec := range map[string]Spec{
		"closed": {Users: 2, Duration: time.Minute}, "open": {Rate: 2, MaxUsers: 20, Duration: time.Minute},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		sink := &log{}
		if s := Run(ctx, planOf(t, spec, after(0)), sink); len(sink.samples) != 0 || s.Result != Aborted {
			t.Errorf("%s: %d requests and %s, want none and aborted", name, len(sink.samples), s.Result)
		}
	}
}

func TestPanicIsAnOutcomeAndTheBurstGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		ask := func(ctx context.Context) (probes.Result, error) {
			if n++; n == 2 {
				panic("a defect")
			}
			return after(time.Second)(ctx)
		}
		sink := &log{}
		s := Run(t.Context(), planOf(t, Spec{Users: 1, Duration: 3 * time.Second}, ask), sink)
		if o := s.Leaves[0].Outcomes; o[probes.Panic] != 1 || o[probes.OK] != 3 || s.Result != Completed {
			t.Errorf("outcomes %v of a %s burst, want 3 ok and 1 panic, completed", o, s.Result)
		}
		if got := sink.samples[1].Err.Error(); got != "panic: a defect" {
			t.Errorf("error %q, want the panic's", got)
		}
	})
}

func TestBurstWithoutSessionsIsAborted(t *testing.T) {
	for name, spec := range map[string]Spec{
		"closed": {Users: 3, Duration: time.Minute}, "open": {Rate: 2, MaxUsers: 20, Duration: time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, spec, after(0))
			p.open = func() (session, error) { return session{}, errors.New("reading ca.pem: gone") }
			sink := &log{}
			s := Run(t.Context(), p, sink)
			// Whichever of the closed model's users fails first names itself.
			who, why, _ := strings.Cut(s.Reason, ": ")
			if s.Result != Aborted || !strings.HasPrefix(who, "opening the session of user ") || why != "reading ca.pem: gone" {
				t.Errorf("%s: %s because of %q, want aborted for want of a session", name, s.Result, s.Reason)
			}
			if s.Duration() != 0 || len(sink.samples) != 0 || sink.users[len(sink.users)-1] != 0 {
				t.Errorf("%s: %d requests in %s, users %v", name, len(sink.samples), s.Duration(), sink.users)
			}
		})
	}
}
