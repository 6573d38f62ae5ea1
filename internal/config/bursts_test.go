package config

import (
	"net/netip"
	"testing"
	"time"
)

func TestBurstsAreBoundedWithoutBeingToldTo(t *testing.T) {
	cfg, err := Parse([]byte(`probes: [{name: home, http: {url: "http://127.0.0.1/"}}]`), ".")
	if err != nil {
		t.Fatal(err)
	}
	if r := cfg.Bursts.Rules; r.DailyRequests != 2_000_000 || r.Blackouts != nil || cfg.Bursts.AllowHosts != nil {
		t.Errorf("%+v, want 2,000,000 requests a day and nothing else", cfg.Bursts)
	}
	if cfg.BurstEnv().Permit("shop.example.org", netip.MustParseAddr("203.0.113.7")) == nil {
		t.Error("a public host is permitted that nobody named")
	}
}

func TestTheHashOfABurstChangesWithItsLoadAlone(t *testing.T) {
	hash := func(global, burst, rest string) string {
		t.Helper()
		cfg, err := Parse([]byte(`
global: {`+global+`}
probes: [{name: b, load: {users: 2, duration: 1s, `+burst+`, tasks: [{name: a, http: {url: "http://127.0.0.1/"}}]}}]
`+rest), ".")
		if err != nil {
			t.Fatal(err)
		}
		return cfg.BurstHash(cfg.Probes[0].Load)
	}
	same := hash("timeout: 5s", "think_time: 1s-3s", "")
	if len(same) != 16 || same != hash("timeout: 5s, schedule: '@every 1m'", "seed: 18446744073709551615, think_time: 1s-3s, ramp_up: 0", "host: {}") {
		t.Errorf("hash %s changes with something else", same)
	}
	for _, other := range []string{
		hash("timeout: 4s", "think_time: 1s-3s", ""), hash("timeout: 5s", "think_time: 1s-4s", ""),
		hash("timeout: 5s, base_url: 'http://x.test'", "think_time: 1s-3s", ""),
		hash("timeout: 5s", "think_time: 1s-3s, headers: {A: b}", ""), hash("timeout: 5s", "think_time: 1s-3s, headers: {A: \"\"}", ""),
		hash("timeout: 5s", "think_time: 1s-3s, data: {a: {values: [\"\", b]}}", ""),
	} {
		if other == same {
			t.Error("hash does not change with the load")
		}
	}
}

func TestBurstsAreReadAsWritten(t *testing.T) {
	cfg, err := Parse([]byte(`
bursts:
  allow_hosts: [shop.example.org, "2001:db8::1"]
  daily_requests: 5000
  blackouts: [{start: "CRON_TZ=UTC 0 9 * * 1-5", duration: 8h}]
probes: [{name: home, http: {url: "http://127.0.0.1/"}}]
`), ".")
	if err != nil {
		t.Fatal(err)
	}
	r := cfg.Bursts.Rules
	if r.DailyRequests != 5000 || len(r.Blackouts) != 1 {
		t.Fatalf("%+v, want 5000 requests and a blackout", r)
	}
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if w := r.Blackouts[0]; w.Length != 8*time.Hour || !w.Begin.Covers(monday, time.Second) || w.Begin.Covers(monday.Add(-time.Minute), time.Second) {
		t.Errorf("%+v, want 9:00 UTC for 8h", w)
	}
	permit := cfg.BurstEnv().Permit
	if err := permit("shop.example.org", netip.MustParseAddr("203.0.113.7")); err != nil {
		t.Error(err)
	}
	if cfg.Env().Permit != nil {
		t.Error("probes are held to what bursts may do")
	}
}
