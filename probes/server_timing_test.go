package probes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestServerTimings(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		header string
		want   []ServerTiming
	}{
		{`db;dur=53`, []ServerTiming{{"db", 53 * ms}}},
		{`db;dur=53, app;dur=47.2`, []ServerTiming{{"db", 53 * ms}, {"app", 47200 * time.Microsecond}}},
		{` db ; desc="a, b; c" ; dur = 5 `, []ServerTiming{{"db", 5 * ms}}},
		{`db;desc="a \" , b";dur=5,app;dur=6`, []ServerTiming{{"db", 5 * ms}, {"app", 6 * ms}}},
		{`cache;desc="Cache Read";dur=0`, []ServerTiming{{"cache", 0}}},
		{`db;DUR="5"`, []ServerTiming{{"db", 5 * ms}}},
		{`db;dur=5;dur=9`, []ServerTiming{{"db", 5 * ms}}},
		{`db;dur=5, db;dur=9`, []ServerTiming{{"db", 5 * ms}}},
		{`sql.active_record;dur=1.5e1`, []ServerTiming{{"sql.active_record", 15 * ms}}},
		{`missedCache`, nil},
		{`hit;desc="yes"`, nil},
		{`db;dur=`, nil},
		{`db;dur=soon`, nil},
		{`db;dur=NaN`, nil},
		{`db;dur=+Inf`, nil},
		{`db;dur=1e300`, nil},
		{`db;dur=-1`, nil},
		{`db;dur=3600000`, []ServerTiming{{"db", time.Hour}}},
		{`db;dur=3600001`, nil},
		{`;dur=5`, nil},
		{`a b;dur=5`, nil},
		{"\x00\xff;dur=5", nil},
		{strings.Repeat("x", 65) + `;dur=5`, nil},
		{`,,;;,db;dur=5,`, []ServerTiming{{"db", 5 * ms}}},
		{`db;desc="never closed;dur=5, app;dur=6`, nil},
		{``, nil},
	} {
		if got := appendServerTimings(nil, []string{tt.header}, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, want %v", tt.header, got, tt.want)
		}
	}
}

func TestServerTimingsAreBounded(t *testing.T) {
	var names strings.Builder
	for i := range 100 {
		fmt.Fprintf(&names, "m%d;dur=1,", i)
	}
	if got := appendServerTimings(nil, []string{names.String()}, nil); len(got) != 16 || got[15].Name != "m15" {
		t.Errorf("%d metrics of 100, want the first 16: %v", len(got), got)
	}
	if got := appendServerTimings(nil, []string{names.String()}, []string{"m99"}); len(got) != 1 || got[0].Name != "m99" {
		t.Errorf("%v, want m99, which is asked for", got)
	}
	long := []string{"a;dur=1", strings.Repeat(" ", maxServerTimingHeader), "b;dur=1"}
	if got := appendServerTimings(nil, long, nil); len(got) != 1 {
		t.Errorf("%v, want nothing of what stands beyond 8 KiB", got)
	}
}

func TestServerTimingsNeedNoNewMemory(t *testing.T) {
	room, values := make([]ServerTiming, 0, 4), []string{`db;dur=53, app;dur=47.2;desc="x"`}
	if n := testing.AllocsPerRun(100, func() { room = appendServerTimings(room[:0], values, nil) }); n != 0 || len(room) != 2 {
		t.Errorf("%g allocations for %v, want none", n, room)
	}
}

// What a server tells reaches the Sample of a probe and of both ways of a session, from the last response of a chain.
func TestServersTellings(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("X-Cache", "HIT")
			w.Header().Set("Server-Timing", "redirect;dur=1")
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		w.Header().Set("Cache-Status", "proxy; fwd=uri-miss")
		w.Header().Set("Server-Timing", "db;dur=2, app;dur=30")
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	both := []ServerTiming{{"db", 2 * time.Millisecond}, {"app", 30 * time.Millisecond}}
	for _, tt := range []struct {
		spec HTTP
		want []ServerTiming
	}{
		{HTTP{URL: srv.URL}, both},
		{HTTP{URL: srv.URL + "/broken"}, both},
		{HTTP{URL: srv.URL, ServerTiming: []string{"app", "other"}}, both[1:]},
	} {
		p := mustProber(t, &tt.spec, Env{})
		direct, plain := mustSession(t, Env{}), mustSession(t, Env{})
		plain.x.direct = nil
		for name, s := range map[string]Sample{
			"probe":       Take(t.Context(), p, time.Time{}),
			"direct":      direct.Take(t.Context(), time.Minute, p, nil, time.Time{}),
			"by net/http": plain.Take(t.Context(), time.Minute, p, nil, time.Time{}),
		} {
			if s.Cache != CacheMiss || !slices.Equal(s.ServerTimings, tt.want) {
				t.Errorf("%s of %q: cache %q, timings %v, want miss and %v", name, tt.spec.URL, s.Cache, s.ServerTimings, tt.want)
			}
		}
	}
}

// FuzzServerTiming holds that what is read of any header is within its bounds.
func FuzzServerTiming(f *testing.F) {
	for _, seed := range []string{
		`db;dur=53, app;dur=47.2;desc="a, \" b"`, `miss, db;DUR="5";dur=9`, `db;dur=NaN,a;dur=-1,b;dur=1e400`, `;;,,"";dur=1`, "",
	} {
		f.Add(seed, "db")
	}
	f.Fuzz(func(t *testing.T, header, name string) {
		all := appendServerTimings(nil, []string{header, header}, nil)
		for i, got := range all {
			if !isToken(got.Name) || len(got.Name) > 64 || got.Duration < 0 || got.Duration > time.Hour {
				t.Errorf("%q: %v", header, got)
			}
			if slices.ContainsFunc(all[:i], func(other ServerTiming) bool { return other.Name == got.Name }) {
				t.Errorf("%q: %q twice", header, got.Name)
			}
		}
		if only := appendServerTimings(nil, []string{header}, []string{name}); len(all) > 16 || len(only) > 1 {
			t.Errorf("%q: %d metrics, %d called %q", header, len(all), len(only), name)
		}
	})
}
