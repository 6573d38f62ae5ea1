package probes

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheServersLimitIsALittleShorterThanOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ left, want time.Duration }{
			{5 * time.Second, 4900 * time.Millisecond},
			{time.Second, 900 * time.Millisecond},
			{100 * time.Millisecond, 90 * time.Millisecond},
			{time.Millisecond, time.Millisecond},
			{-time.Second, time.Millisecond},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), tt.left)
			if got := statementLimit(ctx); got != tt.want {
				t.Errorf("%v before the deadline: %v, want %v", tt.left, got, tt.want)
			}
			cancel()
		}
		if got := statementLimit(t.Context()); got != time.Hour {
			t.Errorf("without a deadline: %v, want 1h", got)
		}
	})
}

func TestALaterQueryIsLimitedAnewOnceItCouldOutliveTheRun(t *testing.T) {
	for _, tt := range []struct {
		told, left time.Duration
		want       bool
	}{
		{time.Hour, time.Hour, false},
		{4900 * time.Millisecond, 4850 * time.Millisecond, false},
		{4900 * time.Millisecond, 4849 * time.Millisecond, true},
		{90 * time.Millisecond, 86 * time.Millisecond, false},
		{90 * time.Millisecond, 85 * time.Millisecond, true},
		{90 * time.Millisecond, time.Millisecond, true},
	} {
		if got := outlives(tt.told, tt.left); got != tt.want {
			t.Errorf("told %v with %v left: %v, want %v", tt.told, tt.left, got, tt.want)
		}
	}
}

// twoSlowQueries ends at the deadline in its second query, which the server must have ended. Count says how many still run.
func twoSlowQueries(t *testing.T, file string, owner *sql.DB, sleep func(seconds string) string, count string) {
	t.Helper()
	queries := []Query{{Name: "a", Query: sleep("1.2")}, {Name: "b", Query: sleep("61")}}
	p := mustBuild(t, &SQL{DSNFile: file, Queries: queries}, Env{})
	for i, opened := range []int{1, 0} {
		s := takeFor(t, p, serverPatience)
		want := PoolStats{Idle: 1, Opened: opened}
		if s.Outcome != Timeout || s.SQL.Pool != want || len(s.SQL.Queries) != 2 {
			t.Errorf("run %d: %v, pool %+v, want a timeout of b and %+v: %v", i, s.Outcome, s.SQL.Pool, want, s.Err)
		}
		var left int
		if err := owner.QueryRowContext(t.Context(), count).Scan(&left); err != nil || left != 0 {
			t.Errorf("run %d: %d queries still run whose probe gave up, %v, want none", i, left, err)
		}
	}
}

func TestWhatADSNTellsIsHidden(t *testing.T) {
	s := secretsOf("postgres://shop:a%40b@db.example/shop_live?sslmode=disable")
	for _, tt := range []struct{ text, want string }{
		{`password "a@b" of user "shop" in database "shop_live"`, `password "<secret>" of user "<secret>" in database "<secret>"`},
		{"user=shop database=shop_live: no", "user=<secret> database=<secret>: no"},
		{"failed: `user=shop database=shop_live`: x", "failed: `user=<secret> database=<secret>`: x"},
		{"table shop_prices of 'shop'", "table shop_prices of '<secret>'"},
		{"in postgres://shop:a%40b@db.example/shop_live?sslmode=disable", "in <secret>"},
		{"dial tcp 127.0.0.1:5432: connection refused", "dial tcp 127.0.0.1:5432: connection refused"},
	} {
		if got := s.hide(tt.text); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
	if got := secretsOf("postgres://h/d?password=swordfish").hide("swordfish"); strings.Contains(got, "swordfish") {
		t.Errorf("a password in the query is told: %s", got)
	}
}
