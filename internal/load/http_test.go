package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	targetEnv  = "PERFWATCH_LOAD_TEST_TARGET" // set in the process that is the benchmark's target
	targetBody = `{"symbol":"ACME","price":12.34,"change":0.56,"volume":789012}`
)

// TestMain runs the tests, or is the target of the benchmark: a process of its own, so that its CPU is not the client's.
func TestMain(m *testing.M) {
	if os.Getenv(targetEnv) == "" {
		m.Run()
		return
	}
	if err := serveTarget(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// serveTarget serves until its standard input ends, as it does when the parent is gone.
func serveTarget() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, targetBody)
	})}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = srv.Close()
	}()
	fmt.Fprintf(os.Stdout, "http://%s\n", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// startTarget starts the target as a process that ends with the test.
func startTarget(tb testing.TB) (url string) {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), targetEnv+"=1"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("reading the target's address: %v", err)
	}
	return strings.TrimSpace(line)
}

func TestBurstOverRealConnections(t *testing.T) {
	var served, conns atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := served.Load(); n%2 == 0 {
			w.Header().Set("X-Cache", []string{"miss", "hit"}[n/2%2])
		}
		served.Add(1)
		if r.URL.Path == "/r1" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, targetBody)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	for name, spec := range map[string]Spec{
		"closed": {Users: 3, Duration: 200 * time.Millisecond, ThinkTime: ThinkTime{Min: time.Millisecond, Max: 3 * time.Millisecond}},
		"open":   {Rate: 300, MaxUsers: 20, Duration: 200 * time.Millisecond},
	} {
		served.Store(0)
		conns.Store(0)
		for _, path := range []string{"r0", "r1"} {
			spec.Tasks = append(spec.Tasks, Task{Name: path, HTTP: &probes.HTTP{Method: http.MethodGet, URL: srv.URL + "/" + path}})
		}
		p, err := spec.Plan("real", probes.Env{})
		if err != nil {
			t.Fatal(err)
		}
		s := Run(t.Context(), p, &log{})
		if n := s.Requests(); n == 0 || n != uint64(served.Load()) {
			t.Errorf("%s: %d requests, the server counts %d", name, n, served.Load())
		}
		if ok, failed := s.Leaves[0].Outcomes[probes.OK], s.Leaves[1].Outcomes[probes.HTTP5xx]; ok+failed != s.Requests() ||
			s.Failures() != failed || ok-failed > 1 {
			t.Errorf("%s: %d ok and %d failed of %d, want half each", name, ok, failed, s.Requests())
		}
		if all := s.All(); all.Bytes != int64(s.Requests())*int64(len(targetBody)) || all.Min() <= 0 || all.Max() > 5 {
			t.Errorf("%s: %d bytes in %g to %g s", name, all.Bytes, all.Min(), all.Max())
		}
		all := s.All()
		if hits, of := all.CacheHits(); hits == 0 || hits == of || of > s.Requests()*2/3 || of < s.Requests()/3 {
			t.Errorf("%s: %d hits of %d said so in %d responses, want half of half of them", name, hits, of, s.Requests())
		}
		if conns.Load() > int64(s.UsersPeak) {
			t.Errorf("%s: %d connections of %d users, want one each", name, conns.Load(), s.UsersPeak)
		}
	}
}

// A counter is the cheapest sink there is.
type counter struct{ n [16]atomic.Int64 }

func (c *counter) Observe(leaf int, _ *probes.Sample) { c.n[leaf].Add(1) }
func (c *counter) SetUsers(int)                       {}

// cpu is what this process has used so far.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// A cost is what requests have used of this process.
type cost struct {
	cpu     time.Duration
	mallocs uint64
	n       int
}

// The benchmark's clients, and the requests of each in a turn.
const users, each = 10, 100

// of adds what a turn of requests uses, every user's at once.
func (c *cost) of(tb testing.TB, one func(user int)) {
	before, allocated := cpu(tb), mallocs()
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for range each {
				one(u)
			}
		})
	}
	wg.Wait()
	c.cpu += cpu(tb) - before
	c.mallocs += mallocs() - allocated
	c.n += users * each
}

func (c *cost) report(b *testing.B, name string) {
	b.ReportMetric(float64(c.cpu.Microseconds())/float64(c.n), name+"-us/request")
	b.ReportMetric(float64(c.mallocs)/float64(c.n), name+"-allocs/request")
}

// BenchmarkBurstRequest compares one request of a burst (the tree, the draw, the deadline, outcome and phases, counts, a
// sink) with one of a bare net/http loop, ten users each, in turns of 1,000 requests. CPU is this process's alone.
func BenchmarkBurstRequest(b *testing.B) {
	url := startTarget(b)
	spec := Spec{Users: users, Duration: time.Hour, Tasks: planTree()}
	for i := range spec.Tasks {
		for j := range spec.Tasks[i].Tasks {
			spec.Tasks[i].Tasks[j].HTTP = &probes.HTTP{Method: http.MethodGet, URL: url + "/" + spec.Tasks[i].Tasks[j].Name}
		}
	}
	plan, err := spec.Plan("bench", probes.Env{})
	if err != nil {
		b.Fatal(err)
	}
	burst := newBurst(plan, &counter{})
	ctxs, crew, clients := make([]context.Context, users), make([]*user, users), make([]*http.Client, users)
	for i := range users {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		if crew[i], err = burst.newUser(i); err != nil {
			b.Fatal(err)
		}
		ctxs[i], clients[i] = ctx, &http.Client{Transport: &http.Transport{}}
		defer crew[i].close()
		defer clients[i].CloseIdleConnections()
	}
	asBurst := func(u int) { crew[u].send(ctxs[u], time.Time{}) }
	bare := func(u int) {
		if err := get(ctxs[u], clients[u], url); err != nil {
			b.Error(err)
		}
	}
	var inBurst, inBare, warm cost
	warm.of(b, asBurst)
	warm.of(b, bare)
	for b.Loop() {
		inBurst.of(b, asBurst)
		inBare.of(b, bare)
	}
	inBurst.report(b, "burst")
	inBare.report(b, "bare")
	b.ReportMetric(float64(inBurst.cpu)/float64(inBare.cpu), "x-bare")
	for _, u := range crew {
		burst.tally.add(&u.batch)
	}
	if s := burst.summary(b.Context()); s.Failures() != 0 || s.Requests() != uint64(inBurst.n+users*each) {
		b.Errorf("%d of %d requests failed, want none of %d", s.Failures(), s.Requests(), inBurst.n)
	}
}

func get(ctx context.Context, c *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// idleUser is a user of the plan's tree whose requests are answered by nobody, at once.
func idleUser(tb testing.TB) *user {
	tb.Helper()
	spec := Spec{Rate: 1, MaxUsers: 1, Duration: time.Hour, Tasks: planTree()}
	plan, err := spec.Plan("idle", probes.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	plan.open = func() (session, error) {
		return session{
			take: func(_ context.Context, _ time.Duration, _ *probes.HTTPProber, _ *probes.Draft, due time.Time) probes.Sample {
				return probes.Sample{Due: due, Start: due, Duration: time.Millisecond}
			},
			close: func() {},
		}, nil
	}
	u, err := newBurst(plan, &counter{}).newUser(0)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// BenchmarkOwnRequest is the burst's own part of a request, without a target.
func BenchmarkOwnRequest(b *testing.B) {
	u, now := idleUser(b), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		u.send(b.Context(), now)
	}
}
