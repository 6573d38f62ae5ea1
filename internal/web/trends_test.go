package web

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestTrendsComeBackWithAGap(t *testing.T) {
	var before Trends
	at := time.Date(2026, 3, 14, 3, 7, 0, 0, time.UTC)
	for _, v := range []float64{0.123456, math.NaN(), math.Inf(1), 2} {
		before.Observe(map[string]float64{"p95": v, "p99": 1})
	}
	kept, err := before.Keep(at)
	if want := `{"at":"2026-03-14T03:07:00Z","values":{"p95":[0.1235,null,null,2],"p99":[1,1,1,1]}}`; string(kept) != want || err != nil {
		t.Fatalf("kept %s, %v, want %s", kept, err, want)
	}
	for _, tt := range []struct {
		later time.Duration
		want  string
	}{
		{0, "[0.1235 NaN NaN 2 3]"},
		{-time.Hour, "[0.1235 NaN NaN 2 3]"}, // the clock was set back
		{150 * time.Second, "[0.1235 NaN NaN 2 NaN NaN 3]"},
		{100 * 365 * 24 * time.Hour, fmt.Sprintf("[%s3]", strings.Repeat("NaN ", trendPoints-1))},
	} {
		var after Trends
		if err := after.Restore(kept, at.Add(tt.later), time.Minute); err != nil {
			t.Fatal(err)
		}
		after.Observe(map[string]float64{"p95": 3})
		if got := fmt.Sprint(after.of("p95")); got != tt.want || after.of("p99") != nil {
			t.Errorf("%v later %s and %v, want %s and what is gone forgotten", tt.later, got, after.of("p99"), tt.want)
		}
	}
}

func TestWhatIsNoTrendIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", `{"values":{}}`, `{"at":"2026-03-14T03:07:00Z","values":{"p95":[1,`, `{"at":"2026-03-14T03:07:00Z","values":{"p95":["1"]}}`,
		`{"at":"2026-03-14T03:07:00Z","values":{"p95":[1e999]}}`,
	} {
		var trends Trends
		if err := trends.Restore([]byte(text), now(), time.Minute); err == nil {
			t.Errorf("%q was read as %v", text, trends.values)
		}
	}
	var trends Trends
	long := `{"at":"2026-03-14T03:07:09Z","values":{"p95":[` + strings.Repeat("1,", 1000) + `2]}}`
	if err := trends.Restore([]byte(long), now(), time.Minute); err != nil {
		t.Error(err)
	}
	if got := trends.of("p95"); len(got) != trendPoints || got[trendPoints-1] != 2 {
		t.Errorf("%d values of a long list, want the last %d", len(got), trendPoints)
	}
}
