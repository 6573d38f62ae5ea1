package probes

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// play does the steps, ends one second after the last, and returns the phases.
func play(x *timings, steps []step) Phases {
	x.begin()
	for _, step := range steps {
		time.Sleep(step.after)
		step.do(x)
	}
	time.Sleep(time.Second)
	phases, _ := x.seal(time.Now())
	return phases
}

type step struct {
	after time.Duration
	do    func(*timings)
}

// TestTimings plays the hooks in orders that net/http is known to have.
func TestTimings(t *testing.T) {
	const s = time.Second
	dns, resolved := func(t *timings) { t.dialPhase(DNS) }, func(t *timings) { t.leave(DNS) }
	dial, dialled := func(t *timings) { t.dialPhase(Connect) }, func(t *timings) { t.connectDone(nil) }
	unreachable := func(t *timings) { t.connectDone(net.ErrClosed) }
	start, got, wrote, first := (*timings).start, (*timings).gotConn, (*timings).wroteRequest, (*timings).firstByte
	for _, tt := range []struct {
		name  string
		steps []step
		want  map[Phase]time.Duration // until one second after the last step
	}{
		{"new connection",
			[]step{{0, start}, {0, dns}, {s, resolved}, {0, dial}, {2 * s, dialled}, {0, got}, {3 * s, wrote}, {4 * s, first}},
			map[Phase]time.Duration{DNS: s, Connect: 2 * s, Request: 3 * s, FirstByte: 4 * s, Transfer: s}},
		{"second address", []step{{0, start}, {0, dial}, {s, unreachable}, {0, dial}, {s, dialled}, {0, got}, {0, wrote}},
			map[Phase]time.Duration{Connect: 2 * s, Request: 0, FirstByte: s}},
		{"another connection came free", []step{{0, start}, {0, dial}, {s, got}, {0, dns}, {s, dialled}, {0, wrote}, {s, first}},
			map[Phase]time.Duration{Connect: s, Request: s, FirstByte: s, Transfer: s}},
		{"stale connection",
			[]step{{0, start}, {0, got}, {s, wrote}, {s, start}, {0, dial}, {s, dialled}, {0, got}, {s, wrote}, {s, first}},
			map[Phase]time.Duration{Connect: s, Request: 2 * s, FirstByte: 2 * s, Transfer: s}},
		{"answered before all was written", []step{{0, start}, {0, got}, {s, first}, {s, wrote}},
			map[Phase]time.Duration{Request: s, Transfer: 2 * s}},
		{"failed while resolving", []step{{0, start}, {0, dns}}, map[Phase]time.Duration{DNS: s}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTimings()
				phases := play(x, tt.steps)
				for _, late := range []func(*timings){start, dns, dial, got, wrote, first} {
					late(x) // changes nothing any more
				}
				again, _ := x.seal(time.Now())
				for p := range NumPhases {
					d, ok := phases.Get(p)
					if want, wanted := tt.want[p]; ok != wanted || d != want {
						t.Errorf("%v: %v, happened %v, want %v, %v", p, d, ok, want, wanted)
					}
				}
				if again != phases {
					t.Errorf("after the end %v, want %v", again, phases)
				}
			})
		})
	}
}

func TestSealGivesUpTheDial(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	x := newTimings()
	x.begin()
	if !x.dialing(cancel) || !x.dialled(ours) {
		t.Fatal("the dial of a run that goes on was refused")
	}
	x.seal(time.Now())
	if ctx.Err() == nil {
		t.Error("the dial goes on after the end of its request, want it canceled")
	}
	_ = ours.SetDeadline(time.Unix(0, 1)) // a write on a living pipe would wait for its reader
	if _, err := ours.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writing in a handshake after the end of its request: %v, want %v", err, io.ErrClosedPipe)
	}
	if x.dialing(cancel) || x.dialled(ours) {
		t.Error("a dial after the end of its request was let through")
	}
}

// TestHandshakeEndsWithItsRequest: net/http alone would wait for ten seconds.
func TestHandshakeEndsWithItsRequest(t *testing.T) {
	url := "https" + socketServer(t, hangs)[len("http"):]
	before := runtime.NumGoroutine()
	session, p := mustSession(t, Env{}), mustProber(t, &HTTP{URL: url}, Env{})
	for range 3 {
		s := session.Take(t.Context(), patience/3, p, nil, time.Now())
		if s.Outcome != Timeout || !slices.Contains(happened(s.Phases), "tls") {
			t.Errorf("%v in %v, want timeout in tls: %v", s.Outcome, happened(s.Phases), s.Err)
		}
	}
	wantGoroutines(t, before)
}

// TestSessionRenewsWhatMayBeInUse looks inside: the races that it prevents are too rare to wait for.
func TestSessionRenewsWhatMayBeInUse(t *testing.T) {
	srv := serve(t, hello)
	session, good := mustSession(t, Env{}), mustProber(t, &HTTP{URL: srv.URL}, Env{})
	refused := mustProber(t, &HTTP{URL: "http://" + deadAddress(t)}, Env{})
	sessionTake(t, session, good, OK)
	times, ctx := session.x.times, session.ctx
	sessionTake(t, session, good, OK)
	if session.x.times != times || session.ctx != ctx {
		t.Error("hooks or context were made anew after a success, want them kept")
	}
	sessionTake(t, session, refused, Refused)
	if session.x.times == times || session.ctx != nil {
		t.Error("hooks or context were kept after a failure, want new ones")
	}
	session.arm(t.Context(), 0)
	<-session.ctx.Done() // the timer fired just after a success
	session.x.dirty = false
	session.renew()
	sessionTake(t, session, good, OK)
}
