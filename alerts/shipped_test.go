package alerts

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// shipped are the objectives of the shipped configuration.
func shipped(t testing.TB) []objective.Objective {
	t.Helper()
	cfg, err := config.Load("../perfwatch.yml")
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Objectives
}

// golden compares text with a shipped file. With UPDATE_GOLDEN=1 in the environment it writes the file instead.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what its configuration renders (UPDATE_GOLDEN=1 go test ./alerts):\n%s", path, diff)
	}
}

func TestShippedRulesAreThoseOfTheShippedConfiguration(t *testing.T) {
	rules, err := Render(shipped(t), Options{}).Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, rulesFile, rules)
	tests, err := RenderTests(shipped(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "perfwatch.rules_test.yml", tests)
	tests, err = RenderLongTests(shipped(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "perfwatch.long_test.yml", tests)
	tests, err = RenderNativeTests(shipped(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "perfwatch.native_test.yml", tests)
}

func TestShippedRunbooksAreThoseOfTheShippedConfiguration(t *testing.T) {
	objectives := shipped(t)
	for i := range objectives {
		name := objectives[i].AlertName()
		text, ok := Runbook(name, objectives, Options{})
		if !ok {
			t.Errorf("%s has no runbook", name)
			continue
		}
		golden(t, "runbooks/"+name+".md", text)
	}
}
