package load

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/probes"
)

func request(name string) Task {
	return Task{Name: name, HTTP: &probes.HTTP{URL: "http://127.0.0.1:1/" + name}}
}

func group(name string, tasks ...Task) Task { return Task{Name: name, Tasks: tasks} }

// nested is a chain of groups, depth deep with its leaf.
func nested(depth int) Task {
	t := request("leaf")
	for i := 1; i < depth; i++ {
		t = group(fmt.Sprint("g", i), t)
	}
	return t
}

func requests(n int) (tasks []Task) {
	for i := range n {
		tasks = append(tasks, request(fmt.Sprint("r", i)))
	}
	return tasks
}

// messages are the mistakes that an error joins, each of which must be a *probes.FieldError.
func messages(t *testing.T, err error) (all []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Fatalf("%v joins nothing", err)
	}
	for _, e := range joined.Unwrap() {
		var field *probes.FieldError
		if !errors.As(e, &field) {
			t.Errorf("%v is not a FieldError", e)
		}
		all = append(all, e.Error())
	}
	return all
}

func TestPlanNamesEveryMistake(t *testing.T) {
	one := requests(1)
	think := ThinkTime{Min: time.Second, Max: 3 * time.Second}
	closed := func(change func(*Spec)) Spec {
		s := Spec{Users: 1, Duration: time.Second, Tasks: one}
		change(&s)
		return s
	}
	open := func(change func(*Spec)) Spec {
		s := Spec{Rate: 1, MaxUsers: 1, Duration: time.Second, Tasks: one}
		change(&s)
		return s
	}
	tests := []struct {
		name string
		spec Spec
		want []string
	}{
		{"closed model", closed(func(s *Spec) { s.RampUp, s.ThinkTime = 10, think }), nil},
		{"open model", open(func(*Spec) {}), nil},
		{"the highest of everything", closed(func(s *Spec) { s.Users, s.Duration, s.RampUp = 5000, time.Hour, 5000 }), nil},
		{"the highest rate", open(func(s *Spec) { s.Rate, s.MaxUsers = 10_000, 5000 }), nil},
		{"nothing at all", Spec{}, []string{
			`users: missing, want 1 to 5000 users, or a rate`, `duration: missing, want a duration up to 1h0m0s`,
			`tasks: missing, want at least one task`,
		}},
		{"both models", closed(func(s *Spec) { s.Rate = 5 }), []string{`rate: "5", want either users or a rate, not both`}},
		{"users below zero", closed(func(s *Spec) { s.Users = -1 }), []string{`users: "-1", want 1 to 5000 users`}},
		{"users above all", closed(func(s *Spec) { s.Users = 5001 }), []string{`users: "5001", want 1 to 5000 users`}},
		{"ramp_up below zero", closed(func(s *Spec) { s.RampUp = -1 }),
			[]string{`ramp_up: "-1", want 0 to 5000 users a second; 0 starts all at once`}},
		{"ramp_up not a number", closed(func(s *Spec) { s.RampUp = math.NaN() }),
			[]string{`ramp_up: "NaN", want 0 to 5000 users a second; 0 starts all at once`}},
		{"think_time backwards", closed(func(s *Spec) { s.ThinkTime = ThinkTime{Min: 2, Max: 1} }),
			[]string{`think_time: "2ns-1ns", want a wait from 0 to 1h0m0s`}},
		{"max_users beside users", closed(func(s *Spec) { s.MaxUsers = 2 }), []string{`max_users: "2", want only beside a rate`}},
		{"duration below zero", closed(func(s *Spec) { s.Duration = -1 }), []string{`duration: "-1ns", want above 0 and up to 1h0m0s`}},
		{"duration too long", open(func(s *Spec) { s.Duration = 2 * time.Hour }),
			[]string{`duration: "2h0m0s", want above 0 and up to 1h0m0s`}},
		{"rate below zero", open(func(s *Spec) { s.Rate = -1 }),
			[]string{`rate: "-1", want above 0 and up to 10000 requests a second`}},
		{"rate too high", open(func(s *Spec) { s.Rate = math.Inf(1) }),
			[]string{`rate: "+Inf", want above 0 and up to 10000 requests a second`}},
		{"rate not a number", open(func(s *Spec) { s.Rate = math.NaN() }),
			[]string{`rate: "NaN", want above 0 and up to 10000 requests a second`}},
		{"no max_users", open(func(s *Spec) { s.MaxUsers = 0 }), []string{`max_users: missing, want 1 to 5000 users`}},
		{"max_users too many", open(func(s *Spec) { s.MaxUsers = 5001 }), []string{`max_users: "5001", want 1 to 5000 users`}},
		{"users' fields beside a rate", open(func(s *Spec) { s.RampUp, s.ThinkTime = 1, think }),
			[]string{`ramp_up: "1", want only beside users`, `think_time: "1s-3s", want only beside users`}},
	}
	for _, tt := range tests {
		_, err := tt.spec.Plan("p", probes.Env{})
		if got := messages(t, err); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestPlanNamesEveryMistakeOfTheTree(t *testing.T) {
	weighted := func(w float64) []Task {
		r := request("a")
		r.Weight = w
		return []Task{r}
	}
	noURL := group("g", Task{Name: "a", HTTP: &probes.HTTP{}})
	tests := []struct {
		name  string
		tasks []Task
		want  []string
	}{
		{"deepest tree", []Task{nested(50)}, nil},
		{"too deep", []Task{nested(51)}, []string{strings.Repeat("tasks[0].", 50) + `tasks: "51", want a tree at most 50 tasks deep`}},
		{"most leaves", requests(100), nil},
		{"too many leaves, said once", requests(300), []string{`tasks[100]: "r100", want at most 100 requests in the tree`}},
		{"no name", []Task{request("")}, []string{`tasks[0].name: missing, want a name`}},
		{"long name", []Task{request(strings.Repeat("x", 101))},
			[]string{fmt.Sprintf("tasks[0].name: %q, want at most 100 bytes of UTF-8", strings.Repeat("x", 101))}},
		{"name not UTF-8", []Task{{Name: "\xff", HTTP: &probes.HTTP{URL: "http://127.0.0.1:1"}}},
			[]string{`tasks[0].name: "\xff", want at most 100 bytes of UTF-8`}},
		{"neither http nor tasks", []Task{{Name: "a"}}, []string{`tasks[0]: missing, want http or tasks`}},
		{"both http and tasks", []Task{{Name: "a", HTTP: &probes.HTTP{URL: "http://x"}, Tasks: requests(1)}},
			[]string{`tasks[0]: "a", want either http or tasks, not both`}},
		{"empty group", []Task{{Name: "g"}, {Name: "h", Tasks: []Task{}}},
			[]string{`tasks[0]: missing, want http or tasks`, `tasks[1].tasks: missing, want at least one task`}},
		{"twice beside each other", []Task{request("a"), request("a")},
			[]string{`tasks[1].name: "a", want a name that no task beside it has`}},
		{"groups beside each other", []Task{group("g", request("a")), group("g", request("b"))},
			[]string{`tasks[1].name: "g", want a name that no task beside it has`}},
		{"endpoint twice in the tree", []Task{group("g", request("a")), group("h", request("b"), request("a"))},
			[]string{`tasks[1].tasks[1].name: "a", want a name that no other request of the tree has`}},
		{"a group may be named as a leaf elsewhere", []Task{group("a", request("a"))}, nil},
		{"weight below zero", weighted(-1), []string{`tasks[0].weight: "-1", want above 0 and up to 1000000`}},
		{"weight not a number", weighted(math.NaN()), []string{`tasks[0].weight: "NaN", want above 0 and up to 1000000`}},
		{"weight without end", weighted(math.Inf(1)), []string{`tasks[0].weight: "+Inf", want above 0 and up to 1000000`}},
		{"mistakes of the request", []Task{request("b"), noURL}, []string{`tasks[1].tasks[0].http.url: missing, want a URL`}},
		{"all of them", []Task{{}, noURL, {Name: "x", Weight: -1}}, []string{
			`tasks[0].name: missing, want a name`, `tasks[0]: missing, want http or tasks`,
			`tasks[1].tasks[0].http.url: missing, want a URL`,
			`tasks[2].weight: "-1", want above 0 and up to 1000000`, `tasks[2]: missing, want http or tasks`,
		}},
	}
	for _, tt := range tests {
		spec := Spec{Users: 1, Duration: time.Second, Tasks: tt.tasks}
		_, err := spec.Plan("p", probes.Env{})
		got := messages(t, err)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " (") // the http probe may say more of its own fields
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestMistakesOfARequestKeepTheirPathHoweverTheyAreJoined(t *testing.T) {
	v := &validator{}
	v.within("tasks[3].http", errors.Join(
		&probes.FieldError{Field: "url", Value: ":", Want: "a URL"},
		errors.Join(&probes.FieldError{Field: "expect.status[0]", Value: 9, Want: "a status"}),
		errors.New("reading ca: gone"),
	))
	want := "tasks[3].http.url: \":\", want a URL\n" +
		"tasks[3].http.expect.status[0]: \"9\", want a status\n" +
		"tasks[3].http: reading ca: gone"
	if got := v.err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlanSharesFollowWeightsOverTheirSum(t *testing.T) {
	spec := Spec{Users: 1, Duration: time.Second, Tasks: planTree()}
	p, err := spec.Plan("investor_journey", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Leaves) != len(planShares) {
		t.Fatalf("%d leaves, want %d", len(p.Leaves), len(planShares))
	}
	for i, l := range p.Leaves {
		if math.Abs(l.Share-planShares[i]) > 1e-12 {
			t.Errorf("%s has a share of %.6f, want %.6f", l.Endpoint, l.Share, planShares[i])
		}
	}
	if l := p.Leaves[6]; l.Task != "recommendation" || l.Endpoint != "get_recommendations" || l.Prober == nil {
		t.Errorf("leaf 6 is %+v, want recommendation/get_recommendations with a prober", l)
	}
	deep := Spec{Users: 1, Duration: time.Second, Tasks: []Task{group("top", group("mid", request("leaf"))), request("alone")}}
	if p, err = deep.Plan("p", probes.Env{}); err != nil {
		t.Fatal(err)
	}
	if p.Leaves[0].Task != "top" || p.Leaves[1].Task != "alone" || p.Leaves[1].Share != 0.5 {
		t.Errorf("leaves %+v, want tasks top and alone with half each", p.Leaves)
	}
}

func TestPlanIsBounded(t *testing.T) {
	spec := Spec{Rate: 10, MaxUsers: 20, Duration: 30 * time.Second, Tasks: requests(1)}
	p, err := spec.Plan("p", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Users() != 20 || p.MaxDuration() != 35*time.Second || spec.Kind() != "load" {
		t.Errorf("%d users and %s of %q, want 20 and 35s of load", p.Users(), p.MaxDuration(), spec.Kind())
	}
}

func TestThinkTime(t *testing.T) {
	const bad = `, want a wait such as 2s, a least and a most such as 1s-3s, or a mean such as exponential 2s`
	tests := []struct {
		text string
		want ThinkTime
		err  string
	}{
		{"2s", ThinkTime{Min: 2 * time.Second, Max: 2 * time.Second}, ""},
		{"1s-3s", ThinkTime{Min: time.Second, Max: 3 * time.Second}, ""},
		{"500ms - 1m", ThinkTime{Min: 500 * time.Millisecond, Max: time.Minute}, ""},
		{"0s", ThinkTime{}, ""},
		{"constant 2s", ThinkTime{Min: 2 * time.Second, Max: 2 * time.Second}, ""},
		{"uniform 1s-3s", ThinkTime{Min: time.Second, Max: 3 * time.Second}, ""},
		{" exponential  2s ", ThinkTime{Mean: 2 * time.Second}, ""},
		{"exponential 0s", ThinkTime{}, `"exponential 0s"` + bad},
		{"exponential -1s", ThinkTime{}, `"exponential -1s"` + bad},
		{"exponential 1s-3s", ThinkTime{}, `"exponential 1s-3s"` + bad},
		{"exponential", ThinkTime{}, `"exponential"` + bad},
		{"uniform 2s", ThinkTime{}, `"uniform 2s"` + bad},
		{"constant 1s-3s", ThinkTime{}, `"constant 1s-3s"` + bad},
		{"normal 2s", ThinkTime{}, `"normal 2s"` + bad},
		{"3s-1s", ThinkTime{}, `"3s-1s"` + bad},
		{"-1s", ThinkTime{}, `"-1s"` + bad},
		{"1s--3s", ThinkTime{}, `"1s--3s"` + bad},
		{"1s-3s-5s", ThinkTime{}, `"1s-3s-5s"` + bad},
		{"", ThinkTime{}, `""` + bad},
		{"1-3", ThinkTime{}, `"1-3"` + bad},
		{"soon", ThinkTime{}, `"soon"` + bad},
	}
	for _, tt := range tests {
		var got ThinkTime
		err := got.UnmarshalText([]byte(tt.text))
		if msg := fmt.Sprint(err); got != tt.want || (err != nil || tt.err != "") && msg != tt.err {
			t.Errorf("%q gives %v, %v, want %v, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestSpecIsReadFromYAML(t *testing.T) {
	const text = "users: 100\nramp_up: 10\nduration: 60s\nthink_time: 1s-3s\n" +
		"iterations: 1\niterations_per_user: 2\nmax_rate: 3\nstages: [{rate: 4, duration: 5s}]\n" +
		"tasks: [{name: g, weight: 2, sticky: true, exit_weight: 0.5, tasks: [{name: a, http: {url: /a}}]}]\n"
	var s Spec
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if s.Users != 100 || s.RampUp != 10 || s.Duration != time.Minute || s.ThinkTime.String() != "1s-3s" ||
		s.Iterations != 1 || s.IterationsPerUser != 2 || s.MaxRate != 3 || s.Stages[0] != (Stage{4, 5 * time.Second}) ||
		!s.Tasks[0].Sticky || s.Tasks[0].ExitWeight != 0.5 || s.Tasks[0].Weight != 2 || s.Tasks[0].Tasks[0].HTTP.URL != "/a" {
		t.Errorf("read %+v", s)
	}
}
