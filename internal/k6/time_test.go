package k6

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// TestUsersThink looks at the time between the requests of a user, which a busy machine makes longer and never shorter.
func TestUsersThink(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	arrived := map[string][]time.Time{}
	base, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		who := r.URL.RawQuery
		arrived[who] = append(arrived[who], time.Now())
	})
	for _, tt := range []struct {
		think       string
		least       time.Duration // between two requests
		third       time.Duration // of them are shorter than this
		atLeastMean time.Duration
	}{
		{"50ms", 50 * time.Millisecond, time.Second, 50 * time.Millisecond},
		{"20ms-80ms", 20 * time.Millisecond, time.Second, 40 * time.Millisecond},
		{"exponential 50ms", 0, 50 * time.Millisecond, 35 * time.Millisecond},
	} {
		clear(arrived)
		run := peer.RunK6(t, render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {users: 10, `+
			`iterations_per_user: 21, think_time: `+tt.think+`, tasks: [{name: a, http: {url: "/?${user}"}}]}}]}`)).Text)
		if run.Code != 0 || len(arrived) != 10 {
			t.Fatalf("k6 ended with %d and %d users:\n%s", run.Code, len(arrived), run.Output)
		}
		var gaps []time.Duration
		sum := time.Duration(0)
		for _, times := range arrived {
			for i := range len(times) - 1 {
				gaps = append(gaps, times[i+1].Sub(times[i]))
				sum += gaps[len(gaps)-1]
			}
		}
		slices.Sort(gaps)
		const early = time.Millisecond // what an arrival may have waited longer than the next one
		if gaps[0] < tt.least-early || gaps[len(gaps)/3] > tt.third || sum/time.Duration(len(gaps)) < tt.atLeastMean {
			t.Errorf("%s: %s between two requests at least, a third of them up to %s, and %s on average, want %s, %s, and more than %s",
				tt.think, gaps[0], gaps[len(gaps)/3], sum/time.Duration(len(gaps)), tt.least, tt.third, tt.atLeastMean)
		}
	}
}

// TestTheRateRises counts what comes due in a ramp: half of its end's rate on average. On a busy machine k6 itself sends less
// of it, which another attempt shows.
func TestTheRateRises(t *testing.T) {
	t.Parallel()
	const attempts = 5
	for attempt := 1; ; attempt++ {
		base, l := serve(t, answer)
		run := peer.RunK6(t, render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {max_users: 50, `+
			`stages: [{rate: 100, duration: 1s}, {rate: 50}, {rate: 50, duration: 1s}], tasks: [{name: a, http: {url: /}}]}}]}`)).Text)
		n := len(l.sorted())
		if run.Code == 0 && n >= 98 && n <= 102 {
			return
		}
		if attempt == attempts || n > 102 {
			t.Fatalf("k6 ended with %d after %d requests, want 0 after 50 + 50", run.Code, n)
		}
	}
}

// hold keeps a client waiting, which is another process.
func hold(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// TestResponseTimesAreWhole has requests whose time is more than that of their last answer: redirects, and those without
// an answer.
func TestResponseTimesAreWhole(t *testing.T) {
	t.Parallel()
	const pause, timeout = 40 * time.Millisecond, 300 * time.Millisecond
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/there":
			hold(r, pause)
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/never":
			hold(r, time.Minute)
		default:
			hold(r, pause)
		}
	}))
	t.Cleanup(srv.Close)
	for path, want := range map[string]time.Duration{"/here": pause, "/there": 2 * pause, "/never": timeout} {
		run := peer.RunK6(t, render(t, parseText(t, `{global: {base_url: "`+srv.URL+`", timeout: 300ms}, probes: [{name: burst, load: {users: 1, `+
			`iterations: 3, abort: {error_ratio: 1}, tasks: [{name: a, http: {url: `+path+`}}]}}]}`)).Text)
		least := time.Duration(run.Metrics[responses]["min"] * float64(time.Millisecond))
		if run.Code != 0 || least < want-2*time.Millisecond { // k6 counts in milliseconds
			t.Errorf("%s: k6 ended with %d, and says that it took %s, want at least %s", path, run.Code, least, want)
		}
		if bad := run.Metrics[failed]["value"] == 1; bad != strings.HasPrefix(path, "/never") {
			t.Errorf("%s: k6 says that %v of the requests failed", path, run.Metrics[failed]["value"])
		}
	}
}
