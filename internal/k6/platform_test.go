package k6

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/demo"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// agreement is how far k6 and a burst of perfwatch may lie apart, as a part of the burst's figure. Counts may also be off
// by what any exact draw may be, in requests.
const (
	agreement = 0.03
	rounding  = 1.5
)

// platform starts the reference platform with its Redis.
func platform(t *testing.T) *url.URL {
	t.Helper()
	redis, err := demo.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := demo.Start(t.Context(), l, redis.Address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	u, err := url.Parse(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A door stands before the platform and counts who comes in.
type door struct {
	url string

	mu       sync.Mutex
	counts   map[string]int // by endpoint
	arrivals []time.Time    // without logins
}

// changing is what differs between the requests of one endpoint.
var changing = regexp.MustCompile(`/(\d+|[A-Z]+)\b`)

func newDoor(t *testing.T, to *url.URL) *door {
	t.Helper()
	d := &door{counts: map[string]int{}}
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.count(changing.ReplaceAllString(r.URL.Path, "/x"))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	return d
}

func (d *door) count(endpoint string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[endpoint]++
	if endpoint == "/api/auth/login" {
		return
	}
	d.arrivals = append(d.arrivals, time.Now())
}

// rate is in requests a second, of the eight tenths in the middle: the first ones wait for logins.
func (d *door) rate() float64 {
	n := len(d.arrivals)
	if n < 2 {
		return 0
	}
	first, last := n/10, n-1-n/10
	return float64(last-first) / d.arrivals[last].Sub(d.arrivals[first]).Seconds()
}

// journey is the plan's tree with a model, against a door.
func journey(t *testing.T, d *door, model string) *config.Config {
	t.Helper()
	text, err := os.ReadFile("testdata/journey.yml")
	if err != nil {
		t.Fatal(err)
	}
	return parseText(t, filled(string(text), d.url, model))
}

type deaf struct{}

func (deaf) Observe(int, *probes.Sample) {}
func (deaf) SetUsers(int)                {}

// TestK6SendsWhatABurstSends holds k6 and perfwatch against each other by what comes in at the platform. Users who think
// a second have so much time left at the end that a slow machine costs none of them a request. One on which other
// programs take all processors for seconds makes requests late whoever sends them, so that there are three attempts:
// what is wrong with a script is wrong in all of them. One in which our burst finds itself starved shows nothing, and does
// not count.
func TestK6SendsWhatABurstSends(t *testing.T) {
	t.Setenv("PERFWATCH_DEMO_PASSWORD", "x")
	to := platform(t)
	for name, model := range map[string]string{
		"closed": "{users: 96, ramp_up: 192, duration: 6750ms, think_time: 1s}",
		"open":   "{rate: 240, duration: 4s, max_users: 200}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const attempts, most = 3, 6
			counted := 0
			for i := 1; i <= most; i++ {
				wrong, starved := attempt(t, to, name, model)
				if len(wrong) == 0 {
					return
				}
				t.Logf("attempt %d, starved %v: %s", i, starved, strings.Join(wrong, "; "))
				if !starved {
					counted++
				}
				if counted == attempts {
					t.Fatal("k6 does not send what perfwatch sends")
				}
			}
		})
	}
}

// attempt has both send at the same time, each through a door of its own, and says where they differ, and whether our
// burst found itself starved.
func attempt(t *testing.T, to *url.URL, name, model string) (wrong []string, starved bool) {
	t.Helper()
	ours, theirs := newDoor(t, to), newDoor(t, to)
	var wg sync.WaitGroup
	wg.Go(func() {
		cfg := journey(t, ours, model)
		plan, err := cfg.Probes[0].Load.Plan("burst", cfg.BurstEnv())
		if err != nil {
			t.Error(err)
			return
		}
		s := load.Run(t.Context(), plan, deaf{})
		if s.Result == load.Aborted {
			t.Errorf("our burst was aborted: %s", s.Reason)
		}
		starved = s.Result == load.Invalid
	})
	if run := peer.RunK6(t, render(t, journey(t, theirs, model)).Text); run.Code != 0 {
		wrong = append(wrong, fmt.Sprintf("k6 ended with %d: %s", run.Code, run.Output))
	}
	wg.Wait()
	return append(wrong, compare(t, ours, theirs, name == "open")...), starved
}

// compare says where what came in at two doors differs.
func compare(t *testing.T, ours, theirs *door, open bool) (wrong []string) {
	t.Helper()
	n, m := len(ours.arrivals), len(theirs.arrivals)
	t.Logf("%d requests at %.1f/s of perfwatch, %d at %.1f/s of k6", n, ours.rate(), m, theirs.rate())
	near := func(what string, got, want, slack float64) {
		if !(math.Abs(got-want) <= max(agreement*want, slack)) {
			wrong = append(wrong, fmt.Sprintf("%s of k6 %.4g, of perfwatch %.4g, want them within %g %%", what, got, want, agreement*100))
		}
	}
	near("requests", float64(m), float64(n), 0) // in the same time
	if open {                                   // that of the other model is also what the target's answers leave of it
		near("rate", theirs.rate(), ours.rate(), 0)
	}
	if len(ours.counts) != 15 {
		t.Errorf("perfwatch asked for %v, want 14 endpoints and the login", slices.Sorted(maps.Keys(ours.counts)))
	}
	for endpoint, count := range ours.counts {
		if endpoint != "/api/auth/login" {
			near(endpoint, float64(theirs.counts[endpoint]), float64(count), rounding)
		}
	}
	return wrong
}
