package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestABurstPublishesWhatItWatched(t *testing.T) {
	site, redis := target(t), peer.StartRedis(t)
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
probes:
  - name: burst
    schedule: "0 0 30 2 *"
    load:
      users: 2
      duration: 2s
      think_time: 10ms
      tasks: [{name: home, http: {url: %q}}]
      watch: {processes: [api], redis: [cache], host: true}
redis: [{name: cache, url: "redis://%s"}]
host: {}
processes:
  - {name: api, port: %s}
  - {name: away, cmdline: "no process has this in its command line"}
`, site, redis.Address, u.Port())
	r := startIn(t, t.TempDir(), text)
	up := func(name string) float64 {
		return r.value(t, "perfwatch_process_up", map[string]string{"process": name})
	}
	waitFor(t, "the process", func() bool { return up("api") == 1 })
	waitFor(t, "the news of the other", func() bool { return up("away") == 0 })
	r.begin(t)
	peak := func(process string) float64 {
		return r.value(t, "perfwatch_load_last_cpu_ratio_peak", map[string]string{"probe": "burst", "process": process})
	}
	waitFor(t, "what was watched", func() bool { return peak("api") > 0 })
	// A busy machine makes it invalid, which changes nothing of what was seen beside it.
	if got := r.bursts(t, load.Completed) + r.bursts(t, load.Invalid); got != 1 {
		t.Errorf("%g bursts ran to their end, want 1", got)
	}
	of := map[string]string{"probe": "burst", "process": "api"}
	if cpu := r.value(t, "perfwatch_load_last_cpu_seconds_per_thousand_requests", of); cpu <= 0 || cpu > 100 {
		t.Errorf("%g CPU seconds for a thousand requests, want some", cpu)
	}
	if memory := r.value(t, "perfwatch_load_last_memory_peak_bytes", of); memory < 1<<20 {
		t.Errorf("a peak of %g bytes, want at least a MiB", memory)
	}
	if host := peak(""); host <= 0 || host > 1 {
		t.Errorf("the host's CPU peak is %g, want a part of 1", host)
	}
	of = map[string]string{"probe": "burst", "redis": "cache"}
	if ratio := r.value(t, "perfwatch_load_last_cache_hit_ratio", of); ratio != -1 {
		t.Errorf("a hit ratio of %g without a lookup, want none", ratio)
	}
	r.keepsWhatItWatched(t)
	r.write(t, text+"# nothing changes\n")
	if status, body := r.ask("POST", "/-/reload"); status != 200 {
		t.Fatalf("reloading: %d %s", status, body)
	}
	if peak("api") <= 0 {
		t.Error("a reload that changes nothing forgets what was watched")
	}
}

// keepsWhatItWatched looks for it in the archive, beside how the burst went.
func (r *running) keepsWhatItWatched(t *testing.T) {
	t.Helper()
	var kept *archive.Burst
	waitFor(t, "the archive", func() bool {
		for b := range r.archive.Bursts("burst") {
			kept = b
		}
		return kept != nil
	})
	var shown struct{ Seed uint64 }
	if _, body := r.ask("GET", "/api/v1/bursts/burst"); json.Unmarshal([]byte(body), &shown) != nil || shown.Seed != kept.Seed || kept.Seed == 0 {
		t.Errorf("the API shows %.200s, want the burst of seed %d", body, kept.Seed)
	}
	if status, _ := r.ask("GET", "/api/v1/bursts/nobody"); status != 404 {
		t.Errorf("a burst of nobody: %d, want 404", status)
	}
	var platform collector.BurstWatch
	if err := json.Unmarshal(kept.Watch, &platform); err != nil || len(platform.Processes) != 1 || platform.Processes[0].Name != "api" ||
		platform.Processes[0].Burst.MemoryPeak < 1<<20 || len(platform.Redis) != 1 || platform.Host == nil {
		t.Errorf("%+v, %v: want what was watched in the archive", platform, err)
	}
	if line := kept.Timeline; line == nil || len(line.Cells) < 8 || mostUsers(line) != 2 || len(kept.Slowest) != 10 || kept.Slowest[0].TraceID == "" {
		t.Errorf("time line %+v, slowest %+v: want two seconds and ten requests", line, kept.Slowest)
	}
}

func mostUsers(line *load.Timeline) (most int) {
	for _, cell := range line.Cells {
		most = max(most, cell.Users)
	}
	return most
}
