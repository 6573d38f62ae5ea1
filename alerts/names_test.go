package alerts

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// declared are the metric names that collector declares.
func declared() []string {
	var names []string
	for _, f := range collector.Families() {
		names = append(names, f.Name)
	}
	return names
}

// metricNames finds names in expressions and in text.
func metricNames(text string) []string {
	return regexp.MustCompile(`perfwatch_[a-z0-9_]+`).FindAllString(text, -1)
}

// The configuration refuses objectives whose alerts would have one of these names.
func TestOwnAlertsAreThoseThatAreKeptFree(t *testing.T) {
	var own []string
	budgeted := ofBudgets()[0]
	for _, r := range slices.Concat(healthRules(Options{}), trendRules(Options{}), budgetRules(&budgeted, Options{})) {
		if r.Alert != "" {
			own = append(own, r.Alert)
		}
	}
	slices.Sort(own)
	kept := slices.Sorted(slices.Values(objective.OwnAlerts()))
	if own = slices.Compact(own); !slices.Equal(own, kept) {
		t.Errorf("rules of no objective are %v, kept free are %v", own, kept)
	}
}

func TestAbortsThatWarnAreThoseThatTheTargetCaused(t *testing.T) {
	var list []string
	for _, cause := range load.Causes() {
		if cause.Harmful() {
			list = append(list, string(cause))
		}
	}
	if got := strings.Join(list, "|"); got != harmful {
		t.Errorf("the rule takes %s, harmful are %s", harmful, got)
	}
}

// Pages may name the beginning of several metrics too, as grep does.
func TestEveryMetricOfAPageIsDeclared(t *testing.T) {
	begins := func(token string) bool {
		return slices.ContainsFunc(declared(), func(name string) bool { return strings.HasPrefix(name, token) })
	}
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	record := regexp.MustCompile(`\b[a-z_]+:[a-z_]+:[a-z0-9_]+`)
	recorded := series(Render(shipped(t), Options{}).groups)
	for path, text := range everyPage(t) {
		for _, name := range record.FindAllString(text, -1) {
			if recorded[name] == nil {
				t.Errorf("%s names %s, which no rule records", path, name)
			}
		}
		text = record.ReplaceAllString(text, "")
		for _, name := range metricNames(text) {
			if !begins(suffix.ReplaceAllString(name, "")) {
				t.Errorf("%s names %s, which collector does not declare", path, name)
			}
		}
	}
}

// shippedPages are the paths of the shipped runbooks.
func shippedPages(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("runbooks/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("listing runbooks: %d, %v", len(paths), err)
	}
	return paths
}
