package probes

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSessionProbe compares a burst's request with a bare net/http loop against the same server: alternately, in
// blocks, so that both meet the same machine. x-time is the ratio of wall time and x-cpu that of the process's CPU time,
// half of which is the server's: the true ratio of the client alone lies about twice as far from 1.
func BenchmarkSessionProbe(b *testing.B) {
	body := make([]byte, 2048)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer srv.Close()
	p := mustProber(b, &HTTP{URL: srv.URL + "/api/dashboard"}, Env{})
	take, probe := mustSession(b, Env{}), mustSession(b, Env{})
	bare := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer bare.CloseIdleConnections()
	ctx := b.Context()

	ways := map[string]func(){
		"take": func() { ok(b, take.Take(ctx, time.Minute, p, nil, time.Time{}).Err) },
		"probe": func() {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := probe.Probe(ctx, p)
			ok(b, err)
		},
	}
	for name, ours := range ways {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			compare(b, ours, func() { ok(b, bareGet(ctx, bare, srv.URL+"/api/dashboard")) })
		})
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ok(b, bareGet(ctx, bare, srv.URL+"/api/dashboard"))
		}
	})
}

// bareGet is what one would write without perfwatch, with the deadline that every request of a burst has.
func bareGet(ctx context.Context, c *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}

// compare runs ours as the benchmark and theirs beside it, in turns of 50.
func compare(b *testing.B, ours, theirs func()) {
	const turn = 50
	var wall, cpu [2]time.Duration
	for b.Loop() {
		for i, f := range []func(){ours, theirs} {
			if i == 1 {
				b.StopTimer()
			}
			began, busy := time.Now(), cpuTime()
			for range turn {
				f()
			}
			wall[i], cpu[i] = wall[i]+time.Since(began), cpu[i]+cpuTime()-busy
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(wall[0])/float64(wall[1]), "x-time")
	b.ReportMetric(float64(cpu[0])/float64(cpu[1]), "x-cpu")
	b.ReportMetric(float64(wall[0])/float64(b.N*turn), "ns/request")
	b.ReportMetric(float64(wall[1])/float64(b.N*turn), "bare-ns/request")
}

// cpuTime is what the process has used so far, in user and system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ok(b testing.TB, err error) {
	if err != nil {
		b.Fatal(err)
	}
}
