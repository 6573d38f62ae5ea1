package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// planBursts are the load probes of the performance plan as it is written, against a platform at a URL.
func planBursts(t *testing.T, url string) *config.Config {
	t.Helper()
	text, err := os.ReadFile("../config/testdata/plan.yml")
	must(t, err)
	var whole struct {
		Global map[string]any
		Probes []struct {
			Name, Schedule string
			Timeout        string `yaml:",omitempty"`
			Load           map[string]any
		}
	}
	must(t, yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), "http://127.0.0.1:8000", url)), &whole))
	var bursts []any
	for _, p := range whole.Probes {
		if p.Load != nil {
			delete(p.Load, "watch") // of processes that are not here
			bursts = append(bursts, p)
		}
	}
	text, err = yaml.Marshal(map[string]any{"global": whole.Global, "probes": bursts})
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "symbols.csv"), []byte("symbol\nAAPL\nMSFT\nGOOGL\nAMZN\nNVDA\n"), 0o600))
	t.Setenv("PERFWATCH_DEMO_PASSWORD", "demo")
	cfg, err := config.Parse(text, dir)
	must(t, err)
	return cfg
}

type nobody struct{}

func (nobody) Observe(int, *probes.Sample) {}
func (nobody) SetUsers(int)                {}

// Each burst of the plan runs as it is written, only smaller: seconds, and a hundredth of its iterations.
func TestEveryBurstOfThePlanRuns(t *testing.T) {
	p, _ := start(t)
	cfg := planBursts(t, p.URL())
	names := 0
	for i := range cfg.Probes {
		s := cfg.Probes[i].Load
		s.Duration, s.ThinkTime = min(s.Duration, 2*time.Second), load.ThinkTime{}
		s.Users, s.RampUp = min(s.Users, 10), 0
		s.Iterations, s.IterationsPerUser = s.Iterations/20, min(s.IterationsPerUser, 3)
		t.Run(cfg.Probes[i].Name, func(t *testing.T) {
			plan, err := s.Plan(cfg.Probes[i].Name, cfg.BurstEnv())
			must(t, err)
			got := load.Run(t.Context(), plan, nobody{})
			if got.Failures() > 0 || got.Result == load.Aborted || got.Requests() < min(5, max(1, got.Asked)) {
				t.Errorf("%s: %s; %d of %d requests failed, %d asked", got.Result, got.Reason, got.Failures(), got.Requests(), got.Asked)
			}
			if len(s.Matrix) > 0 && (len(got.Runs) != 5 || got.Runs[4].Items != 128) {
				t.Errorf("runs %+v, want five, the last with 128 items", got.Runs)
			}
			for _, l := range got.Leaves {
				if l.Requests() == 0 {
					t.Errorf("%s was never asked", l.Endpoint)
				}
			}
		})
		names++
	}
	if names != 10 {
		t.Errorf("%d bursts, want the ten of the plan", names)
	}
}
