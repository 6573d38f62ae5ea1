package load

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A stopper is a server that stops for the last second of every five, as if collecting garbage, and notes its arrivals.
type stopper struct {
	start time.Time
	delay time.Duration // of an answer, beside the stops
	stops bool

	mu       sync.Mutex
	arrivals []time.Duration // after the start
	took     []time.Duration // by the server's own clock
}

const stopEvery, stopFor = 5 * time.Second, time.Second

// stopped is how long the server still stands still at an instant after its start.
func stopped(at time.Duration) time.Duration {
	if in := at % stopEvery; in >= stopEvery-stopFor {
		return stopEvery - in
	}
	return 0
}

func (s *stopper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Since(s.start)
	wait := s.delay
	if s.stops {
		wait += stopped(at)
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	_, _ = io.WriteString(w, targetBody)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals, s.took = append(s.arrivals, at), append(s.took, time.Since(s.start)-at)
}

// attack fires a burst of the open model at the server.
func (s *stopper) attack(tb testing.TB, rate float64, maxUsers int, d time.Duration) *Summary {
	tb.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	spec := Spec{Rate: rate, MaxUsers: maxUsers, Duration: d, Tasks: []Task{{Name: "t", HTTP: &probes.HTTP{URL: srv.URL}}}}
	p, err := spec.Plan("truth", probes.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	s.start = time.Now()
	return Run(tb.Context(), p, &counter{})
}

// waits are what the clients of an open system would have waited at least: from each due instant to the end of the stop
// that it fell into. They are in seconds, shortest first.
func (s *stopper) waits(sum *Summary, rate float64, n int) (seconds []float64) {
	for k := range n {
		due := sum.Start.Add(time.Duration(float64(k) / rate * float64(time.Second)))
		seconds = append(seconds, stopped(due.Sub(s.start)).Seconds())
	}
	slices.Sort(seconds)
	return seconds
}

// answers are what those clients waited by the server's own clock, which a busy machine may stretch as well. They are in
// seconds, shortest first.
func (s *stopper) answers(sum *Summary, rate float64) (seconds []float64) {
	ends := make([]time.Duration, len(s.arrivals))
	for i := range ends {
		ends[i] = s.arrivals[i] + s.took[i]
	}
	slices.Sort(ends) // the k-th answer is, near enough, that of the k-th request
	for k, end := range ends {
		due := sum.Start.Add(time.Duration(float64(k) / rate * float64(time.Second)))
		seconds = append(seconds, (end - due.Sub(s.start)).Seconds())
	}
	slices.Sort(seconds)
	return seconds
}

// TestOpenBurstTellsTheTruthOfARealStall is the reason for the open model: over real sockets, with a server that stops.
// Under `make bench` the same runs for 30 s, with the bound of 1 %.
func TestOpenBurstTellsTheTruthOfARealStall(t *testing.T) {
	t.Parallel()
	for _, users := range []int{250, 10} {
		t.Run(fmt.Sprint("max_users ", users), func(t *testing.T) {
			t.Parallel()
			server := &stopper{stops: true}
			const rate, seconds, n = 200, 10, 2000
			s := server.attack(t, rate, users, seconds*time.Second)
			all := s.All()
			if users == 10 {
				// They hang in the stop with ten requests; what they could not send in time must show.
				if s.Result != Invalid || s.Late+s.Dropped < n/10 || all.Quantile(0.95) < 0.5 {
					t.Errorf("%s because of %q, %d late, %d dropped, p95 %g s, want invalid, a tenth late or dropped, p95 over 0.5 s",
						s.Result, s.Reason, s.Late, s.Dropped, all.Quantile(0.95))
				}
				return
			}
			if s.Requests() != n || s.Failures() != 0 || s.Dropped != 0 {
				t.Errorf("%d sent, %d failed, %d dropped, want all %d sent", s.Requests(), s.Failures(), s.Dropped, n)
			}
			if s.Result == Invalid { // what the machine did to us is said, and no figure is claimed
				machine := []Doubt{OfLag, OfBusy, OfStarved, OfThrottled, OfPause}
				if !slices.ContainsFunc(s.Doubts, func(d Doubt) bool { return slices.Contains(machine, d) }) {
					t.Errorf("not judged: %s", s.Reason)
				}
				return
			}
			least, most := server.waits(s, rate, n), server.answers(s, rate)
			for _, q := range []float64{0.95, 0.99} {
				got, lo, hi := all.Quantile(q), 0.99*least[int(q*n)-1], 0.02+1.05*most[int(q*n)-1]
				if got < lo || got > hi {
					t.Errorf("response at %g is %g s, want %g to %g", q, got, lo, hi)
				}
			}
			if p50 := all.Quantile(0.5); p50 > 0.05 {
				t.Errorf("median %g s, want that of a server at work", p50)
			}
		})
	}
}

// TestOpenBurstIsEvenlySpaced has no other machine in the way: what is due every 5 ms is sent every 5 ms.
func TestOpenBurstIsEvenlySpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &log{}
		s := Run(t.Context(), planOf(t, Spec{Rate: 200, MaxUsers: 100, Duration: 10 * time.Second}, after(7*time.Millisecond)), sink)
		cv, most := spacing(sink.offsets(s.Start))
		if cv != 0 || most != 2 || s.Lag.Max() > 1 || s.Late != 0 {
			t.Errorf("coefficient of variation %g, %d in 10 ms, lag %d us, %d late, want 0, 2, none, none", cv, most, s.Lag.Max(), s.Late)
		}
	})
}

// spacing is the coefficient of variation of the times between arrivals, and how many arrive within 10 ms at most.
func spacing(at []time.Duration) (cv float64, most int) {
	slices.Sort(at)
	var sum, squares float64
	first := 0
	for i := range at {
		for at[i]-at[first] >= 10*time.Millisecond {
			first++
		}
		most = max(most, i-first+1)
		if i > 0 {
			gap := (at[i] - at[i-1]).Seconds()
			sum, squares = sum+gap, squares+gap*gap
		}
	}
	n := float64(len(at) - 1)
	mean := sum / n
	return math.Sqrt(max(0, squares/n-mean*mean)) / mean, most
}

// BenchmarkStall is the stall: 6,000 requests in 30 s. Metrics are in parts of the truth, and at best 0.
func BenchmarkStall(b *testing.B) {
	for b.Loop() {
		server := &stopper{stops: true}
		s := server.attack(b, 200, 250, 30*time.Second)
		all, truth := s.All(), server.waits(s, 200, 6000)
		for _, q := range []float64{0.95, 0.99} {
			want := truth[int(q*6000)]
			b.ReportMetric(100*math.Abs(all.Quantile(q)-want)/want, fmt.Sprintf("%%-off-p%g", q*100))
			b.ReportMetric(all.Quantile(q), fmt.Sprintf("s-p%g", q*100))
		}
		b.ReportMetric(1000*all.Quantile(0.5), "ms-p50")
		b.ReportMetric(float64(s.Requests()), "sent")
		b.ReportMetric(float64(s.Dropped), "dropped")
	}
}

// BenchmarkSpacing sends 200 a second over real sockets and looks at their arrival.
func BenchmarkSpacing(b *testing.B) {
	for b.Loop() {
		server := &stopper{}
		s := server.attack(b, 200, 100, 10*time.Second)
		cv, most := spacing(server.arrivals)
		b.ReportMetric(cv, "cv")
		b.ReportMetric(float64(most), "most-in-10ms")
		b.ReportMetric(float64(s.Lag.ValueAtQuantile(99))/1000, "ms-lag-p99")
		b.ReportMetric(float64(s.Late), "late")
	}
}

// BenchmarkFixedDelay compares what is measured with what the server says it took.
func BenchmarkFixedDelay(b *testing.B) {
	for _, rate := range []float64{500, 2000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			for b.Loop() {
				server := &stopper{delay: 20 * time.Millisecond}
				s := server.attack(b, rate, 500, 5*time.Second)
				all := s.All()
				slices.Sort(server.took)
				own := server.took[len(server.took)*99/100].Seconds()
				b.ReportMetric(1000*(all.Quantile(0.5)-0.020), "ms-off-p50")
				b.ReportMetric(all.Quantile(0.99)/own, "x-server-p99")
			}
		})
	}
}
