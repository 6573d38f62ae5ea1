package k6

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// TestWhatTemplatesDraw looks at what a thousand requests of k6 are filled in with.
func TestWhatTemplatesDraw(t *testing.T) {
	base, l := serve(t, answer)
	run := peer.RunK6(t, render(t, parseText(t, `
global: {base_url: "`+base+`"}
probes:
  - name: burst
    load:
      users: 5
      iterations: 1000
      tasks:
        - name: a
          http:
            method: POST
            url: "/?int=${int:-1:2}&uuid=${uuid}&vector=${vector:2}&zipf=${zipf}&even=${even}"
            json: {matrix: "${matrix:2:3}", vector: "${vector:4}", text: "x${vector:1}", user: "${user}"}
      data: {zipf: {count: 100, pick: zipf}, even: {values: [a, b, "c d", "é"]}}
`)).Text)
	if run.Code != 0 {
		t.Fatalf("k6 ended with %d:\n%s", run.Code, run.Output)
	}
	counts, first := map[string]int{}, 0
	for name, n := range l.queries(t) {
		name, value, _ := strings.Cut(name, "=")
		switch name {
		case "int", "even":
			counts[name+"="+value] += n
		case "zipf":
			if k, _ := strconv.Atoi(value); k >= 1 && k <= 20 {
				first += n
			}
		case "uuid", "vector":
			if n > 1 || !regexp.MustCompile(forms()[name]).MatchString(value) {
				t.Errorf("%d times the %s %s", n, name, value)
			}
		}
	}
	// Ten standard deviations of 1,000 draws with a chance of 1/4, and of 0.8.
	for _, value := range []string{"int=-1", "int=0", "int=1", "int=2", "even=a", "even=b", "even=c d", "even=é"} {
		if math.Abs(float64(counts[value])-250) > 137 {
			t.Errorf("%s was drawn %d times of 1,000, want about 250", value, counts[value])
		}
		delete(counts, value)
	}
	if math.Abs(float64(first)-800) > 127 || len(counts) > 0 {
		t.Errorf("the first 20 of 100 keys were drawn %d times of 1,000, want about 800; other values: %v", first, counts)
	}
	for _, line := range l.sorted() {
		checkDrawn(t, line)
	}
}

// forms are how generated values are written.
func forms() map[string]string {
	return map[string]string{
		"uuid":   `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"vector": `^\[0\.\d{6},0\.\d{6}\]$`,
	}
}

// checkDrawn looks at a body.
func checkDrawn(t *testing.T, line string) {
	t.Helper()
	text, err := strconv.Unquote(line[strings.LastIndex(line, " | ")+3:])
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Matrix [][]float64
		Vector []float64
		Text   string
		User   int
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(body.Matrix) != 2 || len(body.Matrix[1]) != 3 || len(body.Vector) != 4 || body.User < 1 || body.User > 5 ||
		!regexp.MustCompile(`^x\[0\.\d{6}\]$`).MatchString(body.Text) {
		t.Errorf("a body of %s", text)
	}
}

// TestACeilingHolds has users who could be faster.
func TestACeilingHolds(t *testing.T) {
	t.Parallel()
	base, l := serve(t, answer)
	s := render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {users: 10, iterations: 60, max_rate: 50, `+
		`tasks: [{name: a, http: {url: /}}]}}]}`))
	begun := time.Now()
	run := peer.RunK6(t, s.Text)
	if took := time.Since(begun); run.Code != 0 || len(l.sorted()) != 60 || took < time.Second {
		t.Errorf("k6 ended with %d after %d requests in %s, want 0 after 60 in more than a second", run.Code, len(l.sorted()), took)
	}
}

// TestUsersStartInTurn has three who start a second each, by their own clocks, and send what they have at once.
func TestUsersStartInTurn(t *testing.T) {
	base, l := serve(t, answer)
	s := render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {users: 3, iterations_per_user: 4, `+
		`ramp_up: 5, tasks: [{name: a, http: {url: "/?user=${user}"}}]}}]}`))
	begun := time.Now()
	run := peer.RunK6(t, s.Text)
	if took := time.Since(begun); run.Code != 0 || took < 400*time.Millisecond {
		t.Errorf("k6 ended with %d after %s, want 0 after 400ms at least", run.Code, took)
	}
	for _, user := range []string{"user=1", "user=2", "user=3"} {
		if n := l.queries(t)[user]; n != 4 {
			t.Errorf("%d requests of %s, want 4", n, user)
		}
	}
}

// TestUsersWhoCannotBeginEndTheTest has a setup that no user gets through.
func TestUsersWhoCannotBeginEndTheTest(t *testing.T) {
	t.Parallel()
	base, l := serve(t, answer)
	s := render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {users: 2, duration: 30s, `+
		`setup: [{name: login, http: {url: "/broken?token=t0ken"}}], tasks: [{name: a, http: {url: /task}}]}}]}`))
	run := peer.RunK6(t, s.Text)
	if run.Code != 99 || run.Metrics[unable]["value"] != 1 || l.paths(t)["/task"] > 0 {
		t.Errorf("k6 ended with %d, %v and %v, want 99 as no user could begin", run.Code, run.Metrics[unable], l.paths(t))
	}
	if !strings.Contains(run.Output, `setup step \"login\": status 500`) || strings.Contains(run.Output, "t0ken") {
		t.Errorf("k6 said %s", run.Output)
	}
}

// TestObjectivesAreJudged has one that is met and one that is missed.
func TestObjectivesAreJudged(t *testing.T) {
	base, _ := serve(t, answer)
	s := render(t, parseText(t, `
global: {base_url: "`+base+`"}
probes: [{name: burst, load: {users: 1, iterations: 20, tasks: [{name: a, http: {url: /}}, {name: b, weight: 3, http: {url: /broken}}], abort: {error_ratio: 1}}}]
objectives:
  - {name: a, title: A, measure: load_latency, quantile: 0.5, probe: burst, target: 30s}
  - {name: b, title: B, measure: load_error_ratio, probe: burst, target: 50%}
  - {name: c, title: C, measure: load_duration, probe: burst, target: 1m}
`))
	run := peer.RunK6(t, s.Text)
	if run.Code != 99 || run.Metrics[failed]["value"] != 0.75 || run.Metrics[succeeded]["count"] != 5 || run.Metrics[elapsed]["max"] <= 0 {
		t.Errorf("k6 ended with %d, %v, %v, %v, want 99 as 15 of 20 requests failed",
			run.Code, run.Metrics[failed], run.Metrics[succeeded], run.Metrics[elapsed])
	}
	if !strings.Contains(run.Output, "'perfwatch_failed' have been crossed") {
		t.Errorf("k6 said %s", run.Output)
	}
}
