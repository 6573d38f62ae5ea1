package alerts

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/operator"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// TestFilesOfObjectivesAreTogetherTheOneFile of the shipped rules and of such as have budgets: each rule stands in one of
// them, in its group and order, with what it names.
func TestFilesOfObjectivesAreTogetherTheOneFile(t *testing.T) {
	t.Parallel()
	objectives := slices.Concat(shipped(t), ofBudgets())
	whole := Render(objectives, Options{})
	parts := whole.PerObjective()
	if got, want := len(parts), len(objectives)+1; got != want {
		t.Errorf("%d parts, want %d: one an objective and one of none", got, want)
	}
	left := map[string]Rules{}
	maps.Copy(left, parts)
	for _, g := range whole.groups {
		for _, r := range g.Rules {
			name := asMap(r.Labels)["objective"]
			part := left[name]
			if len(part.groups) == 0 || part.groups[0].Name != g.Name || part.groups[0].Interval != g.Interval {
				t.Fatalf("%s%s of %q is not in its group %s", r.Alert, r.Record, name, g.Name)
			}
			first := &part.groups[0]
			if diff := cmp.Diff(r, first.Rules[0], cmp.AllowUnexported(rule{}, pair{})); diff != "" {
				t.Fatalf("%s%s of %q: %s", r.Alert, r.Record, name, diff)
			}
			if first.Rules = first.Rules[1:]; len(first.Rules) == 0 {
				part.groups = part.groups[1:]
			}
			left[name] = part
		}
	}
	for name, part := range left {
		if len(part.groups) > 0 {
			t.Errorf("the part of %q has rules that the whole does not: %v", name, part.groups)
		}
	}
}

// TestPromtoolTakesFilesOfObjectives each by itself, and their tests find all of them.
func TestPromtoolTakesFilesOfObjectives(t *testing.T) {
	t.Parallel()
	objectives := []objective.Objective{ofBudgets()[0], ofBursts()[1]}
	opts := Options{}.of(objectives)
	dir := t.TempDir()
	cases := append(objectiveTests(&objectives[1], opts), eventRateTests(&objectives[0])...)
	peer.WriteFile(t, dir, "test.yml", string(renderTests(t, cases, evaluation(opts))))
	check := []string{"check", "rules"}
	for name, part := range Render(objectives, Options{}).PerObjective() {
		text, err := part.Encode(Prometheus)
		if err != nil {
			t.Fatal(err)
		}
		peer.WriteFile(t, dir, RulesFile(name), string(text))
		check = append(check, RulesFile(name))
	}
	out, err := tool(t, dir, "prometheus", "promtool", check...)
	if got := strings.Count(out, "SUCCESS: "); err != nil || got != 3 {
		t.Errorf("promtool check rules: %v, took %d files, want 3\n%s", err, got, out)
	}
	if out, err := tool(t, dir, "prometheus", "promtool", "test", "rules", "test.yml"); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}

func TestResourcesOfObjectivesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	opts := Options{Resource: operator.Metadata{Name: "shop", Namespace: "perf", Labels: map[string]string{"release": "main"}}}
	for name, part := range Render(ofBudgets()[:1], opts).PerObjective() {
		want := "metadata:\n  name: shop\n  namespace: perf\n  labels:\n    release: main\n"
		if name != "" {
			want = strings.Replace(want, "shop", "shop-e-errors", 1)
		}
		text, err := part.Encode(PrometheusRule)
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q: %v, want %q in\n%.300s", name, err, want, text)
		}
	}
}
