//go:build e2e

package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/demo"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// notEnough is what the status page says of an objective that has too few samples.
const notEnough = "not enough data"

// A show is a demo as somebody sees it who has Go and a browser and nothing else: there is no redis-server on its PATH.
type show struct {
	url     string
	started time.Time
}

// TestEndToEndDemo starts the demo, switches a fault on as the page's form does, sees an objective break and recover, and
// every other get its value meanwhile. How long each took is printed, and not judged: the machine of a test may be busy.
// The one that the demo sees is not, or the guard would hold its bursts back; but a burst that finds itself starved is
// spoiled all the same, and then its objectives have no value.
func TestEndToEndDemo(t *testing.T) {
	listen := peer.FreeAddress(t)
	s := &show{url: "http://" + listen, started: time.Now()}
	var p *peer.Process
	preferred(func() {
		p = peer.StartWith(t, []string{"PATH=" + t.TempDir(), newMachine(t).environment()}, "", "perfwatch", "demo", "--web.listen-address="+listen)
	})
	p.WaitFor(t, peer.Answers(s.url+"/"))
	t.Logf("the status page is up after %.2f s", time.Since(s.started).Seconds())
	if page := s.page(t, "/"); !strings.Contains(page, notEnough) {
		t.Errorf("the first page says of no objective that it has %s", notEnough)
	}

	s.waitForMet(t, "error_ratio", 1)
	s.switchFault(t, "errors", true)
	on := time.Now()
	s.waitForMet(t, "error_ratio", 0)
	t.Logf("the error ratio is missed %.1f s after the fault was switched on", time.Since(on).Seconds())
	if page := s.page(t, "/"); !strings.Contains(page, "critical") {
		t.Error("the page does not show that a target is missed")
	}
	s.switchFault(t, "errors", false)
	off := time.Now()

	s.waitForValues(t, demoObjectives(t))
	values := gauges(s.metrics(t), "perfwatch_objective_value")
	if fcp, tti := values["page_fcp"], values["page_tti"]; fcp <= 0 || tti < fcp {
		t.Errorf("the demo's page is painted after %v s and interactive after %v s, want figures in this order", fcp, tti)
	}
	if !strings.Contains(s.page(t, "/metrics"), `version="7.0.0"`) { // what the embedded one says of itself
		t.Error("the demo's Redis is not the embedded one")
	}
	s.waitForMet(t, "error_ratio", 1)
	t.Logf("it is met again %.1f s after it was switched off", time.Since(off).Seconds())
	if page := s.page(t, "/"); strings.Contains(page, notEnough) {
		t.Errorf("the page says %q of an objective, although all have values", notEnough)
	}
}

// demoObjectives are those of the demo's configuration, each with the burst that it judges, or "".
func demoObjectives(t *testing.T) map[string]string {
	t.Helper()
	file := peer.WriteFile(t, t.TempDir(), "demo.yml", string(demo.Config("http://127.0.0.1:1", "127.0.0.1:2")))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	bursts := map[string]string{}
	for _, o := range cfg.Objectives {
		bursts[o.Name] = o.Probe
	}
	if len(bursts) < 10 {
		t.Fatalf("%d objectives, want those of the demo", len(bursts))
	}
	return bursts
}

// waitForValues waits until every objective has enough samples, and so is met or not, and says when each had.
func (s *show) waitForValues(t *testing.T, missing map[string]string) {
	t.Helper()
	eventually(t, func() string {
		page := s.metrics(t)
		met := gauges(page, "perfwatch_objective_met")
		for name, burst := range missing {
			after := time.Since(s.started).Seconds()
			if _, has := met[name]; has {
				delete(missing, name)
				t.Logf("%s has a value after %.1f s", name, after)
			} else if why := spoiled(page, burst); why != "" {
				delete(missing, name)
				t.Logf("%s has none after %.1f s: the burst was %s", name, after, why)
			}
		}
		if len(missing) > 0 {
			return fmt.Sprintf("no values of %v", slices.Sorted(maps.Keys(missing)))
		}
		return ""
	})
}

// spoiled says why a burst gave no figures: how it ended, or why it did not begin; "" if it did, or is still to come.
func spoiled(families map[string]*dto.MetricFamily, burst string) string {
	for _, family := range []string{"perfwatch_load_bursts_total", "perfwatch_probe_skipped_total"} {
		for _, m := range families[family].GetMetric() {
			probe, how := m.GetLabel()[0].GetValue(), m.GetLabel()[1].GetValue()
			if probe == burst && how != "completed" && m.GetCounter().GetValue() > 0 {
				return how
			}
		}
	}
	return ""
}

func (s *show) waitForMet(t *testing.T, objective string, want float64) {
	t.Helper()
	eventually(t, func() string {
		if got, ok := gauges(s.metrics(t), "perfwatch_objective_met")[objective]; !ok || got != want {
			return fmt.Sprintf("objective %s: met %v, want %v", objective, got, want)
		}
		return ""
	})
}

func (s *show) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.page(t, "/metrics")))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// gauges are the values of a family by the value of its one label.
func gauges(families map[string]*dto.MetricFamily, name string) map[string]float64 {
	values := map[string]float64{}
	for _, m := range families[name].GetMetric() {
		values[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	return values
}

func (s *show) page(t *testing.T, path string) string {
	t.Helper()
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("asking for %s: status %d, %v", path, resp.StatusCode, err)
	}
	return string(text)
}

// switchFault sends the form of the page, whose answer leads back to the page.
func (s *show) switchFault(t *testing.T, name string, on bool) {
	t.Helper()
	resp, err := (&http.Client{Timeout: 30 * time.Second}).PostForm(s.url+"/faults", url.Values{"name": {name}, "on": {fmt.Sprint(on)}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), "<html") {
		t.Fatalf("switching %s: status %d, %v, want the page", name, resp.StatusCode, err)
	}
}
