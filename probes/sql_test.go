package probes

import (
	"context"
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
