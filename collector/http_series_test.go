package collector

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// told is a run whose response tells of a cache and of parts of the work.
func told(cache probes.CacheVerdict, timings ...string) *probes.Sample {
	s := take(probes.OK, 100*time.Millisecond)
	s.Status, s.Cache = 200, cache
	for i, name := range timings {
		s.ServerTimings = append(s.ServerTimings, probes.ServerTiming{Name: name, Duration: time.Duration(i+1) * 20 * time.Millisecond})
	}
	return s
}

func TestCacheVerdictsAreCountedByEndpoint(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	home := rec.Probe(homeProbe())
	burst := rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"}).Burst(twoLeaves())
	hit := `perfwatch_http_cache_responses_total{endpoint="home",probe="home",result="hit"}`
	home.Observe(told(probes.CacheUnsaid))
	wantSeries(t, reg, map[string]string{hit: ""})
	for _, v := range []probes.CacheVerdict{probes.CacheHit, probes.CacheHit, probes.CacheMiss, probes.CacheUnsaid} {
		home.Observe(told(v))
	}
	burst.Observe(1, told(probes.CacheBypass))
	wantSeries(t, reg, map[string]string{
		hit: "2",
		`perfwatch_http_cache_responses_total{endpoint="home",probe="home",result="miss"}`:        "1",
		`perfwatch_http_cache_responses_total{endpoint="home",probe="home",result="bypass"}`:      "0",
		`perfwatch_http_cache_responses_total{endpoint="home",probe="home",result="unknown"}`:     "0",
		`perfwatch_http_cache_responses_total{endpoint="home",probe="home",result=""}`:            "",
		`perfwatch_http_cache_responses_total{endpoint="detail",probe="journey",result="bypass"}`: "1",
		`perfwatch_http_cache_responses_total{endpoint="list",probe="journey",result="bypass"}`:   "",
	})
}

func TestServerTimingsAreDistributions(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(homeProbe())
	s.Observe(told(probes.CacheUnsaid, "db", "app"))
	s.Observe(told(probes.CacheUnsaid, "app"))
	wantSeries(t, reg, map[string]string{
		`perfwatch_http_server_timing_seconds_sum{endpoint="home",metric="db",probe="home"}`:                "0.02",
		`perfwatch_http_server_timing_seconds_sum{endpoint="home",metric="app",probe="home"}`:               "0.06",
		`perfwatch_http_server_timing_seconds_count{endpoint="home",metric="app",probe="home"}`:             "2",
		`perfwatch_http_server_timing_seconds_bucket{endpoint="home",metric="app",probe="home",le="0.025"}`: "1",
	})
}

// A server that names its metrics anew each time cannot make more than eight series, however many users ask at once.
func TestServerTimingNamesAreBounded(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	b := NewRecorder(reg, emptyBook()).Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"}).Burst(twoLeaves())
	var users sync.WaitGroup
	for u := range 4 {
		users.Go(func() {
			for i := range 100 {
				b.Observe(0, told(probes.CacheUnsaid, fmt.Sprint("m", u*100+i)))
			}
		})
	}
	users.Wait()
	if n := strings.Count(page(t, reg, httpServerTiming), "_count{"); n != 8 {
		t.Errorf("%d series of 400 names, want 8", n)
	}
}

func TestWhatAnEndpointToldGoesWithIt(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	home, journey := rec.Probe(homeProbe()), rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"})
	before := journey.Burst(twoLeaves())
	home.Observe(told(probes.CacheHit, "db"))
	before.Observe(0, told(probes.CacheHit, "db"))
	before.Observe(1, told(probes.CacheHit, "db"))
	after := journey.Burst(&load.Plan{Name: "journey", Leaves: twoLeaves().Leaves[:1]})
	after.Observe(0, told(probes.CacheHit, "db"))
	before.Observe(1, told(probes.CacheHit, "db")) // a request that was still under way
	rec.Remove("home")
	late := rec.Probe(ProbeInfo{Name: "late", Group: "api", Kind: "http"})
	rec.Remove("late")
	late.Observe(told(probes.CacheHit, "db")) // for the first time
	home.Observe(told(probes.CacheHit, "db"))
	home.Observe(told(probes.CacheMiss, "other"))
	wantSeries(t, reg, map[string]string{
		`perfwatch_http_cache_responses_total{endpoint="late",probe="late",result="hit"}`:           "",
		`perfwatch_http_server_timing_seconds_count{endpoint="late",metric="db",probe="late"}`:      "",
		`perfwatch_http_cache_responses_total{endpoint="home",probe="home",result="hit"}`:           "",
		`perfwatch_http_server_timing_seconds_count{endpoint="home",metric="db",probe="home"}`:      "",
		`perfwatch_http_server_timing_seconds_count{endpoint="home",metric="other",probe="home"}`:   "",
		`perfwatch_http_cache_responses_total{endpoint="detail",probe="journey",result="hit"}`:      "",
		`perfwatch_http_server_timing_seconds_count{endpoint="detail",metric="db",probe="journey"}`: "",
		`perfwatch_http_cache_responses_total{endpoint="list",probe="journey",result="hit"}`:        "2",
		`perfwatch_http_server_timing_seconds_count{endpoint="list",metric="db",probe="journey"}`:   "2",
	})
}
