package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

func TestSlowestAreTheSlowestInOrder(t *testing.T) {
	const n = 2000
	responses := rand.New(rand.NewPCG(1, 2)).Perm(n)
	var (
		l     slowest
		wg    sync.WaitGroup
		start = time.Unix(1_700_000_000, 0)
	)
	for u := range 4 {
		wg.Go(func() {
			for i := u; i < n; i += 4 {
				late := time.Duration(responses[i]/2) * time.Millisecond // half of the response is lag
				took := time.Duration(responses[i])*time.Millisecond - late
				l.put(i, &probes.Sample{Due: start, Start: start.Add(late), Duration: took})
			}
		})
	}
	wg.Wait()
	l.put(0, &probes.Sample{Due: start, Start: start, Duration: time.Hour, Outcome: probes.Canceled})
	var got []time.Duration
	for _, r := range l.kept {
		got = append(got, r.Response/time.Millisecond)
		if responses[r.Leaf] != int(r.Response/time.Millisecond) || r.Response != r.Start.Sub(r.Due)+r.Service {
			t.Errorf("leaf %d took %s, %s of it from the send", r.Leaf, r.Response, r.Service)
		}
	}
	if want := []time.Duration{1999, 1998, 1997, 1996, 1995, 1994, 1993, 1992, 1991, 1990}; !slices.Equal(got, want) {
		t.Errorf("the slowest took %v ms, want %v", got, want)
	}
}

func TestSlowestKeepWhatWasFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := answer(func(ctx context.Context) (probes.Result, error) {
			res := probes.Result{Status: 503}
			res.Phases.Set(probes.FirstByte, 2*time.Second)
			return res, errors.Join(pass(ctx, 2*time.Second), &probes.StatusError{Code: 503, Want: "2xx"})
		})
		s := Run(t.Context(), planOf(t, Spec{Users: 1, Duration: time.Second}, fails), &log{})
		if len(s.Slowest) != 1 {
			t.Fatalf("%d slowest of one request", len(s.Slowest))
		}
		r := s.Slowest[0]
		if d, ok := r.Phases.Get(probes.FirstByte); !ok || d != 2*time.Second || r.Status != 503 || r.Outcome != probes.HTTP5xx ||
			r.Err != "status 503, want 2xx" || r.Service != 2*time.Second || !r.Due.Equal(s.Start) || !r.Start.Equal(s.Start) {
			t.Errorf("%+v, want a 503 of 2 s at the start", r)
		}
		phase := s.All().Phases[probes.FirstByte]
		if phase.Count != 1 || phase.Mean() != 2*time.Second || phase.Max != 2*time.Second {
			t.Errorf("first byte %+v, want one of 2 s", phase)
		}
		if none := s.All().Phases[probes.TLS]; none != (PhaseSummary{}) || none.Mean() != 0 {
			t.Errorf("tls %+v, want none", none)
		}
	})
}

// TestTracesReachThePlatform repeats a seed: the draws are the same, the traces are not.
func TestTracesReachThePlatform(t *testing.T) {
	var (
		mu  sync.Mutex
		got = map[string]bool{}
	)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("Traceparent"); len(id) == 55 {
			got[id[3:35]] = true
		}
	}))
	defer srv.Close()
	spec := Spec{Rate: 200, MaxUsers: 10, Duration: 100 * time.Millisecond, Tasks: []Task{{Name: "t", HTTP: &probes.HTTP{URL: srv.URL}}}}
	p, err := spec.Plan("traced", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	p.Seed = 7
	sent := uint64(0)
	for range 2 {
		s := Run(t.Context(), p, &log{})
		sent += s.Requests()
		for _, r := range s.Slowest {
			if !got[r.TraceID.String()] {
				t.Errorf("the trace %q of a slow request never arrived", r.TraceID)
			}
		}
	}
	if uint64(len(got)) != sent || sent == 0 {
		t.Errorf("%d traces of %d requests, want one each", len(got), sent)
	}
}
