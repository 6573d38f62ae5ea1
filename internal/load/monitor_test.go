package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A tickOf is what a burst does between two ticks of its monitor.
type tickOf struct{ ok, failed, slow, ticks int }

func TestMonitorEndsABurstByItsLastFiveSeconds(t *testing.T) {
	limits := Abort{ErrorRatio: 0.1, LatencyP95: 3 * time.Second}
	tests := []struct {
		name   string
		limits Abort
		does   []tickOf
		want   string // of the last tick; none before it ends the burst
	}{
		{"all is well", limits, []tickOf{{ok: 100, ticks: 100}}, ""},
		{"errors at the limit", limits, []tickOf{{ok: 90, failed: 10, ticks: 100}}, ""},
		{"errors over the limit", limits, []tickOf{{ok: 89, failed: 11, ticks: 1}}, "11.0% of the last 100 requests failed, want at most 10%"},
		{"too few requests to judge", limits, []tickOf{{failed: 19, ticks: 1}}, ""},
		{"enough requests to judge", limits, []tickOf{{failed: 20, ticks: 1}}, "100.0% of the last 20 requests failed, want at most 10%"},
		{
			"a collapse after a long good time", limits, []tickOf{{ok: 100, ticks: 1000}, {ok: 100, failed: 0, ticks: 19}, {failed: 212, ticks: 1}},
			"10.0% of the last 2112 requests failed, want at most 10%",
		},
		{"what is older than the window is forgotten", limits, []tickOf{{ok: 100, failed: 9, ticks: 50}, {ok: 1, ticks: 20}, {ok: 90, failed: 2, ticks: 1}}, ""},
		{"slow at the limit", limits, []tickOf{{ok: 95, slow: 5, ticks: 60}}, ""},
		{"slow over the limit", limits, []tickOf{{ok: 94, slow: 6, ticks: 1}}, "6.0% of the last 100 requests took longer than 3s, want at most 5%"},
		{"no limit on latency", Abort{}, []tickOf{{slow: 100, ticks: 30}}, ""},
		{"half may fail where nothing is said", Abort{}, []tickOf{{ok: 50, failed: 50, ticks: 30}}, ""},
		{"more than half may not", Abort{}, []tickOf{{ok: 49, failed: 51, ticks: 1}}, "51.0% of the last 100 requests failed, want at most 50%"},
		{"all may fail where it is said", Abort{ErrorRatio: 1}, []tickOf{{failed: 100, ticks: 30}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &monitor{limits: tt.limits}
			user := m.join()
			var err error
			for _, step := range tt.does {
				for range step.ticks {
					if err != nil {
						t.Fatalf("ended early: %v", err)
					}
					finish(user, tt.limits, step)
					err = m.look()
				}
			}
			if got := text(err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func finish(user *count, limits Abort, does tickOf) {
	add := func(n int, o probes.Outcome, took time.Duration) {
		for range n {
			user.add(&probes.Sample{Outcome: o, Duration: took, Result: probes.Result{Bytes: 10}}, limits.LatencyP95)
		}
	}
	add(does.ok, probes.OK, 3*time.Second)
	add(does.failed, probes.HTTP5xx, time.Millisecond)
	add(does.slow, probes.OK, 3*time.Second+1)
	add(1000, probes.Canceled, time.Hour)
}

func TestMonitorHoldsTheCeilings(t *testing.T) {
	m := &monitor{}
	first, second := m.join(), m.join()
	first.requests.Store(maxRequests - 1)
	if err := m.look(); err != nil {
		t.Fatal(err)
	}
	second.requests.Store(1)
	wantCause(t, m.look(), ByRequests)
	m = &monitor{}
	m.join().bytes.Store(maxBytes)
	wantCause(t, m.look(), ByBytes)
}

func wantCause(t *testing.T, err error, want Cause) {
	t.Helper()
	var aborted *AbortError
	if !errors.As(err, &aborted) || aborted.Cause != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestMonitorReservesAheadAndEndsWithTheBudget(t *testing.T) {
	left := uint64(25_000)
	var asked []uint64
	m := &monitor{reserve: func(n uint64) (uint64, error) {
		asked = append(asked, n)
		n = min(n, left)
		left -= n
		return n, nil
	}}
	user := m.join()
	for _, sent := range []uint64{0, 100, 5_000, 5_001, 9_999, 20_000, 24_999} {
		user.requests.Store(sent)
		if err := m.look(); err != nil {
			t.Fatalf("after %d requests: %v", sent, err)
		}
	}
	user.requests.Store(25_000)
	wantCause(t, m.look(), ByBudget)
	if len(asked) != 5 || m.reserved != 25_000 { // at 0, 5,001, 20,000, 24,999 and 25,000
		t.Errorf("asked %d times for %d, want 5 times for 25000", len(asked), m.reserved)
	}
	full := errors.New("disk full")
	m = &monitor{reserve: func(uint64) (uint64, error) { return 0, full }}
	if err := m.look(); !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
}

func TestABurstEndsWhenItsTargetCollapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := planOf(t, Spec{Rate: 200, MaxUsers: 50, Duration: 10 * time.Minute, Abort: Abort{ErrorRatio: 0.1}},
			func(ctx context.Context) (probes.Result, error) {
				if time.Since(start) > 5*time.Minute {
					return probes.Result{}, &probes.StatusError{Code: 503}
				}
				return after(time.Millisecond)(ctx)
			})
		s := Run(t.Context(), p, &log{})
		if s.Result != Aborted || s.Cause != ByErrors || !strings.Contains(s.Reason, "requests failed, want at most 10%") {
			t.Errorf("%s by %s: %s, want aborted by its errors", s.Result, s.Cause, s.Reason)
		}
		if took := s.Duration(); took < 5*time.Minute+500*time.Millisecond || took > 5*time.Minute+time.Second {
			t.Errorf("ended after %s, want half a second after the collapse", took)
		}
		if s.Requests() < 60_000 || s.Valid() {
			t.Errorf("%d requests, valid %v, want what was measured until then", s.Requests(), s.Valid())
		}
	})
}

func TestABurstSaysWhyItWasStopped(t *testing.T) {
	tests := []struct {
		name   string
		cancel func(context.Context) (context.Context, func())
		cause  Cause
		reason string
	}{
		{"asked", func(ctx context.Context) (context.Context, func()) {
			ctx, stop := context.WithCancelCause(ctx)
			return ctx, func() { stop(&AbortError{ByStop, "stopped by hand"}) }
		}, ByStop, "stopped by hand"},
		{"too long", func(ctx context.Context) (context.Context, func()) {
			ctx, stop := context.WithTimeout(ctx, time.Second)
			_ = stop // the deadline comes first
			return ctx, func() {}
		}, ByTimeout, "context deadline exceeded"},
		{"without a word", func(ctx context.Context) (context.Context, func()) {
			ctx, stop := context.WithCancel(ctx)
			return ctx, stop
		}, ByOther, "context canceled"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := tt.cancel(t.Context())
			p := planOf(t, Spec{Rate: 100, MaxUsers: 10, Duration: time.Minute}, after(time.Millisecond))
			time.AfterFunc(time.Second, stop)
			s := Run(ctx, p, &log{})
			if s.Result != Aborted || s.Cause != tt.cause || s.Reason != tt.reason || s.Duration() != time.Second {
				t.Errorf("%s: %s by %s after %s: %s", tt.name, s.Result, s.Cause, s.Duration(), s.Reason)
			}
		})
	}
}

func TestAReducedBurstComparesWithNothing(t *testing.T) {
	s := Summary{Result: Completed}
	if !s.Valid() {
		t.Error("a completed burst is not valid")
	}
	if s.Reduced = true; s.Valid() {
		t.Error("a reduced burst is valid")
	}
}

func TestHalfABurst(t *testing.T) {
	s := &Spec{Users: 5, Iterations: 101, IterationsPerUser: 10, Rate: 120, MaxRate: 50, MaxUsers: 200, Stages: []Stage{{Rate: 10}}}
	h := s.Half()
	if h.Users != 3 || h.Iterations != 51 || h.IterationsPerUser != 10 || h.Rate != 60 || h.MaxRate != 25 || h.MaxUsers != 200 || h.Stages[0].Rate != 5 {
		t.Errorf("%+v", h)
	}
	if s.Users != 5 || s.Stages[0].Rate != 10 {
		t.Errorf("halving changed the spec: %+v", s)
	}
}

func TestRatioIsReadAsWritten(t *testing.T) {
	for text, want := range map[string]Ratio{"10%": 0.1, "0.1": 0.1, "100%": 1, "1": 1, " 0.5 %": -1, "0": -1, "101%": -1, "-1%": -1, "NaN": -1, "x": -1, "": -1} {
		var r Ratio
		err := r.UnmarshalText([]byte(text))
		if want < 0 != (err != nil) || err == nil && r != want {
			t.Errorf("%q: %v, %v, want %v", text, r, err, want)
		}
	}
	if got := Ratio(0.005).String(); got != "0.5%" {
		t.Errorf("%s, want 0.5%%", got)
	}
}
