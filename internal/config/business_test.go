package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCommandsAreSplitAtSpaces(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string
		ok   bool
	}{
		{"ZCARD sessions", []string{"ZCARD", "sessions"}, true},
		{"  zcount\tkey  -inf +inf ", []string{"zcount", "key", "-inf", "+inf"}, true},
		{`GET "a b" 'c "d"'`, []string{"GET", "a b", `c "d"`}, true},
		{`GET ""`, []string{"GET", ""}, true},
		{`GET a"b`, []string{"GET", `a"b`}, true},
		{`GET "a`, nil, false},
		{"", nil, true},
	} {
		got, ok := splitWords(row.text)
		if diff := cmp.Diff(row.want, got); diff != "" || ok != row.ok {
			t.Errorf("%q: %t, want %t\n%s", row.text, ok, row.ok, diff)
		}
	}
}

func TestBusinessValuesHoldForThreeIntervals(t *testing.T) {
	cfg, err := Parse([]byte(`
redis: [{name: cache, url: "redis://127.0.0.1"}]
business:
  - {name: a, redis: cache, command: ZCARD s}
  - {name: b, redis: cache, command: ZCARD s, schedule: "@every 10m", timeout: 1s}
  - {name: c, redis: cache, command: ZCARD s, schedule: "0 3 * * *", max_age: 25h, label: shop, max_values: 7}
`), ".")
	if err != nil {
		t.Fatal(err)
	}
	want := []Business{
		{Name: "a", Schedule: "@every 1m", Timeout: 5 * time.Second, MaxAge: 3 * time.Minute, MaxValues: 50},
		{Name: "b", Schedule: "@every 10m", Timeout: time.Second, MaxAge: 30 * time.Minute, MaxValues: 50},
		{Name: "c", Schedule: "0 3 * * *", Timeout: 5 * time.Second, MaxAge: 25 * time.Hour, MaxValues: 7, Label: "shop"},
	}
	for i := range want {
		want[i].Redis, want[i].Command = "cache", []string{"ZCARD", "s"}
	}
	if diff := cmp.Diff(want, cfg.Business); diff != "" {
		t.Error(diff)
	}
}
