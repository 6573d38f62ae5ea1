package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

type mistakeCase struct {
	name string
	spec Spec
	want []string
}

func with(s Spec, change func(*Spec)) Spec {
	change(&s)
	return s
}

func namesMistakes(t *testing.T, tests []mistakeCase) {
	t.Helper()
	for _, tt := range tests {
		tt.spec.Tasks = requests(1)
		_, err := tt.spec.Plan("p", probes.Env{})
		if got := messages(t, err); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestClosedModelNamesEveryMistake(t *testing.T) {
	closed := Spec{Users: 4, Duration: time.Second}
	namesMistakes(t, []mistakeCase{
		{"iterations need no duration", with(closed, func(s *Spec) { s.Iterations, s.Duration = 4, 0 }), nil},
		{"and may have one", with(closed, func(s *Spec) { s.IterationsPerUser, s.Duration = 250_000, time.Hour }), nil},
		{"the most iterations", with(closed, func(s *Spec) { s.Iterations, s.MaxRate = 1_000_000, 10_000 }), nil},
		{"the longest waits", with(closed, func(s *Spec) { s.ThinkTime.Mean = time.Hour }), nil},
		{"iterations of nobody", Spec{Iterations: 5}, []string{`users: missing, want 1 to 5000 users, or a rate`}},
		{"fewer iterations than users", with(closed, func(s *Spec) { s.Iterations = 3 }),
			[]string{`iterations: "3", want at least one for each of 4 users`}},
		{"too many iterations", with(closed, func(s *Spec) { s.Iterations = 1_000_001 }),
			[]string{`iterations: "1000001", want 1 to 1000000 requests`}},
		{"iterations below zero", with(closed, func(s *Spec) { s.Iterations = -1 }), []string{`iterations: "-1", want 1 to 1000000 requests`}},
		{"too many for each user", with(closed, func(s *Spec) { s.IterationsPerUser = 250_001 }),
			[]string{`iterations_per_user: "250001", want 1 to 250000 requests, 1000000 with those of all users`}},
		{"so many that they overflow", with(closed, func(s *Spec) { s.IterationsPerUser = math.MaxInt }),
			[]string{`iterations_per_user: "9223372036854775807", want 1 to 250000 requests, 1000000 with those of all users`}},
		{"below zero for each user", with(closed, func(s *Spec) { s.IterationsPerUser = -1 }),
			[]string{`iterations_per_user: "-1", want 1 to 250000 requests, 1000000 with those of all users`}},
		{"iterations of both kinds", with(closed, func(s *Spec) { s.Iterations, s.IterationsPerUser = 10, 10 }),
			[]string{`iterations_per_user: "10", want either iterations or iterations_per_user, not both`}},
		{"max_rate below zero", with(closed, func(s *Spec) { s.MaxRate = -1 }),
			[]string{`max_rate: "-1", want above 0 and up to 10000 requests a second`}},
		{"max_rate too high", with(closed, func(s *Spec) { s.MaxRate = 10_001 }),
			[]string{`max_rate: "10001", want above 0 and up to 10000 requests a second`}},
		{"max_rate not a number", with(closed, func(s *Spec) { s.MaxRate = math.NaN() }),
			[]string{`max_rate: "NaN", want above 0 and up to 10000 requests a second`}},
		{"think_time too long", with(closed, func(s *Spec) { s.ThinkTime.Mean = 2 * time.Hour }),
			[]string{`think_time: "exponential 2h", want a wait from 0 to 1h0m0s`}},
	})
}

func TestOpenModelNamesEveryMistake(t *testing.T) {
	open := Spec{Rate: 1, MaxUsers: 1, Duration: time.Second}
	closed := Spec{Users: 4, Duration: time.Second}
	stages := func(all ...Stage) func(*Spec) {
		return func(s *Spec) { s.Duration, s.Stages = 0, all }
	}
	namesMistakes(t, []mistakeCase{
		{"stages with a rate to begin with", with(open, stages(Stage{10, time.Minute}, Stage{0, 59 * time.Minute})), nil},
		{"users' fields beside a rate", with(open, func(s *Spec) { s.Iterations, s.IterationsPerUser, s.MaxRate = 1, 2, 3 }), []string{
			`iterations: "1", want only beside users`, `iterations_per_user: "2", want only beside users`, `max_rate: "3", want only beside users`}},
		{"iterations instead of a duration", with(open, func(s *Spec) { s.Iterations, s.Duration = 1, 0 }), []string{
			`iterations: "1", want only beside users`, `duration: missing, want a duration up to 1h0m0s`}},
		{"stages of users", with(closed, stages(Stage{1, time.Second})),
			[]string{`stages: "[{rate: 1, duration: 1s}]", want either users or stages, not both`}},
		{"stages beside a duration", with(open, func(s *Spec) { s.Stages = []Stage{{1, time.Second}} }),
			[]string{`duration: "1s", want none: stages have their own`}},
		{"too many stages", with(open, stages(make([]Stage, 101)...)), []string{`stages: "101", want at most 100 stages`}},
		{"rates of stages", with(open, stages(Stage{-1, 1}, Stage{10_001, 1}, Stage{math.NaN(), 1})), []string{
			`stages[0].rate: "-1", want 0 to 10000 requests a second`, `stages[1].rate: "10001", want 0 to 10000 requests a second`,
			`stages[2].rate: "NaN", want 0 to 10000 requests a second`}},
		{"a stage backwards", with(open, stages(Stage{1, -1})), []string{`stages[0].duration: "-1ns", want 0 or more, and up to 1h0m0s for all stages`}},
		{"stages too long together", with(open, stages(Stage{1, time.Hour}, Stage{1, 0}, Stage{1, 1})),
			[]string{`stages[2].duration: "1ns", want 0 or more, and up to 1h0m0s for all stages`}},
		{"stages without end", with(open, stages(Stage{1, time.Hour}, Stage{1, math.MaxInt64})),
			[]string{`stages[1].duration: "2562047h47m16.854775807s", want 0 or more, and up to 1h0m0s for all stages`}},
		{"nothing due", Spec{MaxUsers: 1, Stages: []Stage{{0, time.Second}, {5, 0}}},
			[]string{`stages: "[{rate: 0, duration: 1s} {rate: 5, duration: 0s}]", want at least one request due in them`}},
		{"a rate below zero beside stages", with(open, func(s *Spec) { s.Rate, s.Duration, s.Stages = -1, 0, []Stage{{1, 1}} }),
			[]string{`rate: "-1", want above 0 and up to 10000 requests a second`}},
	})
}

func TestPeaksAreWhatABurstCanReach(t *testing.T) {
	think := ThinkTime{Min: time.Second, Max: 3 * time.Second}
	const thinking, none = "its users over their think time", "nothing"
	tests := []struct {
		name  string
		spec  Spec
		users int
		rate  float64
		bound string
	}{
		{"the plan's tree", Spec{Users: 100, RampUp: 10, Duration: time.Minute, ThinkTime: think}, 100, 50, thinking},
		{"a ramp too slow", Spec{Users: 100, RampUp: 1, Duration: 30 * time.Second, ThinkTime: think}, 30, 15, thinking},
		{"an exponential wait", Spec{Users: 10, Duration: time.Minute, ThinkTime: ThinkTime{Mean: 4 * time.Second}}, 10, 2.5, thinking},
		{"no wait", Spec{Users: 10, Duration: time.Minute}, 10, math.Inf(1), none},
		{"a ceiling", Spec{Users: 10, Duration: time.Minute, MaxRate: 100}, 10, 100, "its max_rate"},
		{"a ceiling above the users", Spec{Users: 100, Duration: time.Minute, MaxRate: 100, ThinkTime: think}, 100, 50, thinking},
		{"a ceiling below them", Spec{Users: 100, Duration: time.Minute, MaxRate: 20, ThinkTime: think}, 100, 20, "its max_rate"},
		{"iterations", Spec{Users: 10, Iterations: 6000, MaxRate: 100}, 10, 100. * 6000 / 5999, "its max_rate"},
		{"iterations without a ceiling", Spec{Users: 1, Iterations: 100}, 1, math.Inf(1), none},
		{"no wait after the last", Spec{Users: 10, IterationsPerUser: 5, ThinkTime: think}, 10, 10 / 2. * 5 / 4, thinking},
		{"one each, and no wait", Spec{Users: 10, IterationsPerUser: 1, ThinkTime: think}, 10, math.Inf(1), thinking},
		{"a ramp of iterations has ten minutes", Spec{Users: 1000, IterationsPerUser: 1, RampUp: 1}, 600, math.Inf(1), none},
		{"a rate", Spec{Rate: 120, MaxUsers: 200, Duration: time.Minute}, 200, 120, "its rate"},
		{"stages in the mean", Spec{MaxUsers: 20, Stages: []Stage{{100, 10 * time.Second}, {100, 10 * time.Second}}}, 20, 75, "its stages"},
	}
	for _, tt := range tests {
		rate, bound := tt.spec.PeakThroughput()
		if got := tt.spec.PeakUsers(); got != tt.users || math.Abs(rate-tt.rate) > 1e-9 || bound != tt.bound {
			t.Errorf("%s: %d users, %g/s by %s, want %d, %g/s by %s", tt.name, got, rate, bound, tt.users, tt.rate, tt.bound)
		}
	}
}

func TestLimitIsHowLongABurstSends(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		want time.Duration
	}{
		{"a duration", Spec{Users: 1, Duration: time.Second}, time.Second},
		{"iterations", Spec{Users: 1, Iterations: 1}, 10 * time.Minute},
		{"iterations of each", Spec{Users: 1, IterationsPerUser: 1}, 10 * time.Minute},
		{"iterations with a duration", Spec{Users: 1, Iterations: 1, Duration: time.Second}, time.Second},
		{"stages", Spec{Stages: []Stage{{1, time.Second}, {5, 0}, {5, time.Minute}}}, 61 * time.Second},
	}
	for _, tt := range tests {
		if got := tt.spec.Limit(); got != tt.want || tt.spec.Unbounded() != (tt.want == 10*time.Minute) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	s := Spec{Iterations: 1}
	if s.Bound(2 * time.Hour); s.Limit() != time.Hour || s.Unbounded() {
		t.Errorf("bounded to 2h: %s, want the longest that a burst may have", s.Limit())
	}
}

func TestLeastIsWhatIterationsTakeAtATargetThatAnswersAtOnce(t *testing.T) {
	think := ThinkTime{Min: time.Second, Max: 3 * time.Second}
	tests := []struct {
		name string
		spec Spec
		want time.Duration
	}{
		{"no iterations", Spec{Users: 10, Duration: time.Minute}, 0},
		{"no bound", Spec{Users: 10, Iterations: 100}, 0},
		{"the ceiling's slots", Spec{Users: 10, Iterations: 6000, MaxRate: 100}, 59990 * time.Millisecond},
		{"waits between one's own", Spec{Users: 10, IterationsPerUser: 11, ThinkTime: think}, 20 * time.Second},
		{"waits between all", Spec{Users: 10, Iterations: 110, ThinkTime: think}, 20 * time.Second},
		{"the last user's start", Spec{Users: 10, IterationsPerUser: 1, RampUp: 0.1}, 90 * time.Second},
		{"far too long", Spec{Users: 1, Iterations: 1_000_000, MaxRate: 1e-12}, 1000 * time.Hour},
	}
	for _, tt := range tests {
		if got := tt.spec.Least(); (got - tt.want).Abs() > time.Microsecond {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestThinkTimesHaveTheirMean(t *testing.T) {
	tests := []struct {
		text           string
		least, most    time.Duration
		mean, variance float64 // in seconds
	}{
		{"2s", 2 * time.Second, 2 * time.Second, 2, 0},
		{"1s-3s", time.Second, 3 * time.Second, 2, 1. / 3},
		{"exponential 2s", 0, 20 * time.Second, 2, 4},
	}
	for _, tt := range tests {
		var think ThinkTime
		if err := think.UnmarshalText([]byte(tt.text)); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		const n = 200_000
		sum, squares, longest := 0.0, 0.0, time.Duration(0)
		for range n {
			d := think.draw(r)
			if d < tt.least || d > tt.most {
				t.Fatalf("%s: %s drawn, want %s to %s", tt.text, d, tt.least, tt.most)
			}
			longest = max(longest, d)
			sum += d.Seconds()
			squares += d.Seconds() * d.Seconds()
		}
		near(t, tt.text+": mean", sum/n, tt.mean, 0.01)
		near(t, tt.text+": average", think.Average().Seconds(), tt.mean, 0)
		near(t, tt.text+": variance", squares/n-sum/n*sum/n, tt.variance, 0.04)
		if longest < tt.most-tt.most/100 {
			t.Errorf("%s: longest %s, want %s", tt.text, longest, tt.most)
		}
	}
}

func TestTreeIsWrittenWithItsShares(t *testing.T) {
	tasks := []Task{
		sticky(0.5, group("Stöbern", request("list"), weighted(3, request("show")))),
		{Name: "a\nb", HTTP: &probes.HTTP{URL: "http://127.0.0.1:1/"}},
		group("one", request("leaf")),
	}
	tests := []struct {
		short string
		spec  Spec
		want  string
	}{
		{"100 users", Spec{Users: 100, RampUp: 2.5, ThinkTime: ThinkTime{Mean: time.Second}, MaxRate: 20, Duration: 90 * time.Second, Tasks: tasks},
			"p: 100 users, 2.5 started a second, thinking exponential 1s, 20/s at most, for 1m30s\n" +
				"  Stöbern   80.00 %  sticky, 8 draws a visit on average\n" +
				"    list    20.00 %\n" +
				"    show    60.00 %\n" +
				"  \"a\\nb\"    10.00 %\n" +
				"  one       10.00 %\n" +
				"    leaf    10.00 %\n"},
		{"1 user", Spec{Users: 1, Iterations: 100}, "p: 1 user, 100 requests between them, within 10m\n  r0  100.00 %\n"},
		{"2 users", Spec{Users: 2, IterationsPerUser: 1, Duration: time.Hour},
			"p: 2 users, 1 request each, within 1h\n  r0  100.00 %\n"},
		{"120/s", Spec{Rate: 120, MaxUsers: 200, Duration: 30 * time.Second},
			"p: 120/s, 3600 requests in 30s, 200 users at most\n  r0  100.00 %\n"},
		{"up to 50/s", Spec{MaxUsers: 20, Stages: []Stage{{50, 30 * time.Second}, {50, time.Minute}, {10, 0}, {0, 10 * time.Second}}},
			"p: 0/s to 50/s in 30s, 50/s for 1m, 10/s to 0/s in 10s, 3800 requests in 1m40s, 20 users at most\n  r0  100.00 %\n"},
	}
	for _, tt := range tests {
		p := planOf(t, tt.spec, nil)
		p.Name = "p"
		var b strings.Builder
		if err := p.WriteTree(&b); err != nil || b.String() != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.short, err, b.String(), tt.want)
		}
		if got := p.String(); got != tt.short {
			t.Errorf("in short %q, want %q", got, tt.short)
		}
	}
}
