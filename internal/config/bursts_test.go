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
