package load

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// stalling answers within 2 ms, except in the fifth second of every five, in which it answers nobody.
func stalling(start time.Time) answer {
	return func(ctx context.Context) (probes.Result, error) {
		in := time.Since(start) % (5 * time.Second)
		if in < 4*time.Second {
			return after(2 * time.Millisecond)(ctx)
		}
		return after(5*time.Second - in + 2*time.Millisecond)(ctx)
	}
}

// truth is when the users of an open system would have had their answers: request k, due at k/rate.
func truth(rate float64, n int) (seconds []float64) {
	for k := range n {
		in := float64(k) / rate
		for in >= 5 {
			in -= 5
		}
		seconds = append(seconds, 0.002+max(0, 5-max(4, in))*boolean(in >= 4))
	}
	slices.Sort(seconds)
	return seconds
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestOpenBurstTellsTheTruthUnderAStall(t *testing.T) {
	tests := []struct {
		name     string
		maxUsers int
		duration time.Duration
		result   Result
	}{
		{"enough users are on time", 250, 30 * time.Second, Completed},
		{"too few are late, and say so", 10, 29 * time.Second, Invalid},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			spec := Spec{Rate: 200, MaxUsers: tt.maxUsers, Duration: tt.duration}
			n := int(200 * tt.duration.Seconds())
			want := truth(200, n)
			s := Run(t.Context(), planOf(t, spec, stalling(time.Now())), &log{})
			all := s.All()
			if s.Result != tt.result {
				t.Errorf("%s: %s because of %q, want %s", tt.name, s.Result, s.Reason, tt.result)
			}
			if tt.result == Invalid {
				// A closed loop would call this 2 ms: it is how long the target took once it was asked.
				near(t, tt.name+": p95 from the send", seconds(all.Service.ValueAtQuantile(95)), 0.002, 0.0001)
				near(t, tt.name+": p95 from the due instant", all.Quantile(0.95), want[int(0.95*float64(n))-1], 0.05)
				return
			}
			if s.Requests() != 6000 || s.Dropped != 0 {
				t.Errorf("%s: %d requests and %d dropped, want 6000 and none", tt.name, s.Requests(), s.Dropped)
			}
			for _, q := range []float64{0.5, 0.95, 0.99, 1} {
				exact := want[int(q*6000)-1]
				near(t, tt.name+": quantile", all.Quantile(q), exact, 0.01*exact)
			}
			if s.InFlightPeak < 199 || s.InFlightPeak > 202 || s.Duration() != 30002*time.Millisecond {
				t.Errorf("%s: %d in flight in %s, want 200 in 30s", tt.name, s.InFlightPeak, s.Duration())
			}
		})
	}
}

func TestOpenBurstSendsAtItsInstantsWithAsFewUsersAsItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &log{}
		spec := Spec{Rate: 8, MaxUsers: 50, Duration: 2 * time.Second, Tasks: planTree()}
		s := Run(t.Context(), planOf(t, spec, after(200*time.Millisecond)), sink)
		var want []time.Duration
		for k := range 16 {
			want = append(want, time.Duration(k)*125*time.Millisecond)
		}
		if got := sink.offsets(s.Start); !slices.Equal(got, want) {
			t.Errorf("sent at %v, want %v", got, want)
		}
		if s.UsersPeak != 2 || s.InFlightPeak != 2 || s.Lag.Max() > 1 || s.Lag.TotalCount() != 16 {
			t.Errorf("%d users, %d in flight, lag up to %d us, want 2, 2, none", s.UsersPeak, s.InFlightPeak, s.Lag.Max())
		}
		near(t, "throughput", s.Throughput(), 16/2.075, 1e-9)
		if !s.Valid() {
			t.Errorf("%s because of %q, want completed", s.Result, s.Reason)
		}
	})
}

func TestOpenBurstKeepsToTheUserFreedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			users atomic.Int64
			sent  [50]atomic.Int64 // by each user
		)
		begin := time.Now()
		p := planOf(t, Spec{Rate: 10, MaxUsers: 50, Duration: 3 * time.Second}, nil)
		p.open = func() (session, error) {
			i := users.Add(1) - 1
			ask := answer(func(ctx context.Context) (probes.Result, error) {
				sent[i].Add(1)
				if time.Since(begin) < time.Second {
					return after(450 * time.Millisecond)(ctx)
				}
				return after(10 * time.Millisecond)(ctx)
			})
			return session{take: ask.take, close: func() {}}, nil
		}
		s := Run(t.Context(), p, &log{})
		// The slow second needs five users. From the one freed last in it on, nobody else has anything to do.
		var perUser []int64
		for i := range users.Load() {
			perUser = append(perUser, sent[i].Load())
		}
		slices.Sort(perUser)
		if s.UsersPeak != 5 || perUser[4] < 15 || perUser[3] > 6 {
			t.Errorf("%d users sent %v requests, want five and most by one", s.UsersPeak, perUser)
		}
	})
}

func TestOpenBurstCountsFromTheDueInstantWhenItSendsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One user, 300 ms an answer, a request due every 200 ms: request k is sent 100 ms later than the one before it.
		sink := &log{}
		s := Run(t.Context(), planOf(t, Spec{Rate: 5, MaxUsers: 1, Duration: time.Second}, after(300*time.Millisecond)), sink)
		for k, sample := range sink.samples {
			late := time.Duration(k) * 100 * time.Millisecond
			if sample.Lag() != late || sample.Response() != late+300*time.Millisecond || sample.Duration != 300*time.Millisecond {
				t.Errorf("request %d was %s late and took %s, %s from the send, want %s late",
					k, sample.Lag(), sample.Response(), sample.Duration, late)
			}
		}
		// It is sent at 0, 0.3, 0.6 and 0.9 s; the request due at 0.8 s finds nobody before the end.
		if s.Requests() != 4 || s.Dropped != 1 || s.Result != Invalid {
			t.Errorf("%d sent, %d dropped, %s, want 4, 1, invalid", s.Requests(), s.Dropped, s.Result)
		}
		all := s.All()
		near(t, "longest response", all.Max(), 0.6, 0.001)
		near(t, "longest service", seconds(all.Service.Max()), 0.3, 0.001)
		near(t, "longest lag", seconds(s.Lag.Max()), 0.3, 0.001)
	})
}

func TestOpenBurstDropsWhatWaitsLongerThanARequestMayTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &log{}
		p := planOf(t, Spec{Rate: 10, MaxUsers: 2, Duration: 10 * time.Second}, after(time.Hour))
		p.RequestTimeout = 1050 * time.Millisecond
		s := Run(t.Context(), p, sink)
		for _, sample := range sink.samples {
			if sample.Lag() > p.RequestTimeout {
				t.Errorf("sent %s late, want at most %s", sample.Lag(), p.RequestTimeout)
			}
		}
		// One user sends at 0, 1.05, ... 9.45 s, the other 100 ms later.
		if s.Requests() != 20 || s.Failures() != 20 || s.Dropped != 80 {
			t.Errorf("%d sent, %d failed, %d dropped, want 20, 20, 80", s.Requests(), s.Failures(), s.Dropped)
		}
		if want := "80 of 100 requests dropped, want at most 0.1 %: no user was free; "; s.Result != Invalid || !strings.HasPrefix(s.Reason, want) {
			t.Errorf("%s because of %q, want invalid because of %q", s.Result, s.Reason, want)
		}
	})
}

func TestCanceledOpenBurstCountsItsBacklogAsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 950*time.Millisecond)
		defer cancel()
		s := Run(ctx, planOf(t, Spec{Rate: 10, MaxUsers: 2, Duration: time.Minute}, after(time.Hour)), &log{})
		if got := s.Leaves[0].Outcomes[probes.Canceled]; got != 2 || s.Dropped != 8 || s.Result != Aborted {
			t.Errorf("%d canceled, %d dropped, %s, want 2, 8, aborted", got, s.Dropped, s.Result)
		}
	})
}

func TestOpenBurstCountsWhatItSentLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One user, due every 10 ms, 12 ms an answer: request k is sent 2k ms late, the sixth exactly at the bound.
		s := Run(t.Context(), planOf(t, Spec{Rate: 100, MaxUsers: 1, Duration: 100 * time.Millisecond}, after(12*time.Millisecond)), &log{})
		if s.Requests() != 9 || s.Late != 3 || s.Dropped != 1 {
			t.Errorf("%d sent, %d late, %d dropped, want 9, 3, 1", s.Requests(), s.Late, s.Dropped)
		}
	})
}
