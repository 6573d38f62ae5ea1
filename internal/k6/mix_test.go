package k6

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// at is what the script's function at does.
func at(l list, n int) (entry int) {
	place := (n%l.Period*l.Step + n/l.Period) % l.Period
	for place >= l.Upto[entry] {
		entry++
	}
	return entry
}

func shares(weights ...float64) (draws []load.Draw) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	for i, w := range weights {
		draws = append(draws, load.Draw{Share: w / sum, Leaf: i})
	}
	return draws
}

// TestDrawsKeepTheirShares follows the draws of a burst and holds the counts of each entry against its share of them.
func TestDrawsKeepTheirShares(t *testing.T) {
	plan := shares(2, 2, 2, 4, 4, 4, 6, 6, 6, 3, 3, 2, 2, 2)
	for _, tt := range []struct {
		name   string
		draws  []load.Draw
		period int
		off    float64 // requests, at any time within the first 20,000
	}{
		{"one task", shares(1), 1, 0},
		{"two alike", shares(1, 1), 2, 0.5},
		{"the plan's tree", plan, 48, 2},
		{"a rare one", shares(1, 999), 1000, 1.5},
		{"no common period", shares(1, math.Sqrt2, math.Pi), roughPeriod, 2.5},
	} {
		l := lists([][]load.Draw{tt.draws})[0]
		if l.Period != tt.period {
			t.Errorf("%s: a period of %d, want %d", tt.name, l.Period, tt.period)
		}
		counts, off := make([]float64, len(tt.draws)), 0.0
		for n := range 20_000 {
			counts[at(l, n)]++
			for i, d := range tt.draws {
				off = max(off, math.Abs(counts[i]-d.Share*float64(n+1)))
			}
		}
		if off > tt.off {
			t.Errorf("%s: a task is %.2f requests off its share, want at most %g", tt.name, off, tt.off)
		}
		whole := make([]int, len(tt.draws))
		for n := range l.Period {
			whole[at(l, n)]++
		}
		for i, d := range tt.draws {
			if math.Abs(float64(whole[i])-d.Share*float64(l.Period)) > 1 {
				t.Errorf("%s: entry %d has %d of %d draws, want %.2f", tt.name, i, whole[i], l.Period, d.Share*float64(l.Period))
			}
		}
	}
}

// TestNoUserAsksTheSameAgainAndAgain looks at a user who has every 48th draw of a list whose period is 48, as one of 48
// does who all think for as long.
func TestNoUserAsksTheSameAgainAndAgain(t *testing.T) {
	l := lists([][]load.Draw{shares(2, 2, 2, 4, 4, 4, 6, 6, 6, 3, 3, 2, 2, 2)})[0]
	asked := map[int]bool{}
	for k := range 48 {
		asked[at(l, 48*k+7)] = true
	}
	if len(asked) != 14 {
		t.Errorf("the user asked for %d endpoints, want all 14", len(asked))
	}
}

// TestStickyGroupsKeepTheirShares runs a tree in which users stay in a group.
func TestStickyGroupsKeepTheirShares(t *testing.T) {
	base, l := serve(t, answer)
	cfg := parseText(t, `
global: {base_url: "`+base+`"}
probes:
  - name: burst
    load:
      users: 8
      iterations: 6000
      tasks:
        - {name: home, weight: 2, http: {url: /home}}
        - name: browse
          weight: 2
          sticky: true
          exit_weight: 0.5
          tasks:
            - {name: list, weight: 3, http: {url: /list}}
            - {name: detail, tasks: [{name: text, http: {url: /text}}, {name: photos, http: {url: /photos}}]}
`)
	run := peer.RunK6(t, render(t, cfg).Text)
	if run.Code != 0 {
		t.Fatalf("k6 ended with %d:\n%s", run.Code, run.Output)
	}
	plan, err := cfg.Probes[0].Load.Plan("burst", cfg.BurstEnv())
	if err != nil {
		t.Fatal(err)
	}
	counts := l.paths(t)
	for _, leaf := range plan.Leaves {
		got, want := float64(counts["/"+leaf.Endpoint]), 6000*leaf.Share
		if math.Abs(got-want) > agreement*want {
			t.Errorf("%g requests of %q, want %g to within %g %%", got, leaf.Endpoint, want, agreement*100)
		}
	}
}

// TestRunnersShareTheLoad runs a script in two processes, each with its segment, as the operator does.
func TestRunnersShareTheLoad(t *testing.T) {
	t.Parallel()
	base, l := serve(t, answer)
	script := render(t, parseText(t, `
global: {base_url: "`+base+`"}
probes:
  - name: burst
    load:
      rate: 150
      duration: 2s
      max_users: 200
      tasks:
        - {name: a, weight: 1, http: {url: "/a?symbol=${symbol}"}}
        - {name: b, weight: 2, http: {url: "/b?symbol=${symbol}"}}
        - {name: c, weight: 3, http: {url: "/c?symbol=${symbol}"}}
      data: {symbol: {count: 100, pick: sequential}}
`)).Text
	var wg sync.WaitGroup
	for _, segment := range []string{"0:1/2", "1/2:1"} {
		wg.Go(func() {
			args := []string{"--execution-segment=" + segment, "--execution-segment-sequence=0,1/2,1"}
			if run := peer.RunK6(t, script, args...); run.Code != 0 {
				t.Errorf("k6 ended with %d:\n%s", run.Code, run.Output)
			}
		})
	}
	wg.Wait()
	counts := l.paths(t)
	for path, want := range map[string]float64{"/a": 50, "/b": 100, "/c": 150} {
		if got := float64(counts[path]); math.Abs(got-want) > 2+agreement*want {
			t.Errorf("%g requests of %s by two runners, want %g", got, path, want)
		}
	}
	for value, n := range l.queries(t) {
		if n < 2 || n > 4 {
			t.Errorf("%s was drawn %d times, want each of 100 three times in 300 requests", value, n)
		}
	}
}

// paths counts what was asked by its path.
func (l *register) paths(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, u := range l.urls(t) {
		counts[u.Path]++
	}
	return counts
}

// queries counts values by name and value: symbol=1.
func (l *register) queries(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, u := range l.urls(t) {
		for name, values := range u.Query() {
			for _, v := range values {
				counts[fmt.Sprintf("%s=%s", name, v)]++
			}
		}
	}
	return counts
}

func (l *register) urls(t *testing.T) (all []*url.URL) {
	t.Helper()
	for _, line := range l.sorted() {
		u, err := url.Parse(strings.Fields(line)[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}
