package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/dashboards"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/web"
)

// handler is everything that the daemon serves.
func (d *daemon) handler() (http.Handler, error) {
	return web.New(web.Options{
		Registry:    prometheus.GathererFunc(d.gather),
		Logger:      d.logger,
		Version:     version.Version,
		ExternalURL: d.externalURL(),
		Lifecycle:   d.options.lifecycle,
		Refresh:     d.options.refresh,
		Ready:       d.running.Load,
		Reload:      d.reload,
		Runbook:     d.runbook,
		Status:      d.page,
		Probes:      func() []web.Probe { return d.rows(d.current.Load()) },
		History:     d.history,
		Loads:       &d.loads,
		Faults:      d.options.faults,
		SetFault:    d.options.setFault,
		StartBurst:  d.startBurst,
		StopBurst:   d.stopBurst,
		Kept:        d.kept,
		Ask:         d.ask,
		Targets:     d.targets,
		Report:      d.report,
		Trends:      &d.trends,
		Closing:     d.closing,
		Config:      func() ([]byte, error) { return config.Masked(*d.options.configFile) },

		Pipelines: d.pipelineStatus,

		ReportPipeline: d.reportPipeline,
	})
}

// runbook is the page of an alert, with the thresholds of the configuration at work, or that of a measure.
func (d *daemon) runbook(name string) ([]byte, bool) {
	if page, ok := alerts.Measure(name); ok {
		return page, true
	}
	cfg := d.current.Load().config
	return alerts.Runbook(name, cfg.Objectives, alerts.Options{ExternalURL: d.externalURL(), GrafanaURL: cfg.Global.GrafanaURL})
}

// externalURL is where people reach the daemon: what the command line says, else the configuration.
func (d *daemon) externalURL() string {
	if d.options.externalURL != "" {
		return d.options.externalURL
	}
	return d.current.Load().config.Global.ExternalURL
}

// page fills the status page.
func (d *daemon) page() web.Page {
	g, now := d.current.Load(), time.Now()
	p := web.Page{
		Now: now, Started: d.started,
		Dashboard: g.config.Global.GrafanaURL + "/d/" + dashboards.OverviewUID,
		Config: web.Config{
			Path: *d.options.configFile, Hash: g.config.Hash, LoadedAt: g.loaded,
		},
	}
	if text := d.lastError.Load(); text != nil {
		p.Config.ReloadError = *text
	}
	for _, w := range g.config.Warnings {
		p.Config.Warnings = append(p.Config.Warnings, w.Error())
	}
	for _, t := range g.book.All() {
		o := t.Objective()
		p.Objectives = append(p.Objectives, web.ObjectiveRow(o, t.Status(now), o.AlertName()))
	}
	for _, w := range g.probes {
		if w.plan != nil {
			p.Bursts = append(p.Bursts, d.burst(w))
		}
	}
	p.Probes = d.rows(g)
	p.Pipelines = d.pipelineStatus()
	g.addReadings(&p)
	g.addProcesses(&p)
	return p
}

// rows are the probes with their last results, without bursts.
func (d *daemon) rows(g *generation) []web.Probe {
	rows := make([]web.Probe, 0, len(g.probes))
	for _, w := range g.probes {
		if w.plan == nil {
			rows = append(rows, d.row(w))
		}
	}
	return rows
}

func (d *daemon) row(w *watched) web.Probe {
	return web.Probe{Name: w.Name, Group: w.Group, Kind: w.Kind(), Schedule: w.Schedule, Lately: d.board.Lately(w.Name)}
}

// history is all that is kept of a probe; false if the configuration has none of the name.
func (d *daemon) history(name string) (web.Probe, web.History, bool) {
	for _, w := range d.current.Load().probes {
		if w.Name == name && w.plan == nil {
			return d.row(w), d.board.History(name), true
		}
	}
	return web.Probe{}, web.History{}, false
}

// addReadings adds what Redis and the host said last.
func (g *generation) addReadings(p *web.Page) {
	for _, r := range g.redis {
		for _, s := range r.Snapshots() {
			p.Redis = append(p.Redis, web.Redis(s))
		}
	}
	if g.host != nil {
		s := g.host.Snapshot()
		p.Host = &web.Host{
			CPU: s.CPU, CPUPeak: s.CPUPeak, Memory: s.Memory, MemoryPeak: s.MemoryPeak,
			MemoryTotal: s.MemoryTotal, CPUs: s.CPUs, Load1: s.Load1,
		}
	}
}

// addProcesses adds what the processes said last.
func (g *generation) addProcesses(p *web.Page) {
	for _, process := range g.processes {
		s := process.Snapshot()
		p.Processes = append(p.Processes, web.Process(s))
	}
}

// burst is the row of a load probe.
func (d *daemon) burst(w *watched) web.Burst {
	var row web.Burst
	if last, ok := d.bursts.Load(w.Name); ok {
		row, _ = last.(web.Burst)
	}
	row.Probe, row.Plan, row.Running = w.Name, w.plan.String(), w.stop.Load() != nil
	row.Progress, _ = w.live.Progress()
	if skip, ok := d.skips.Load(w.Name); ok {
		row.Skip, _ = skip.(web.Skip)
	}
	return row
}

// lastBurst is what a finished burst adds to the row of its probe. The summary, whose counts take megabytes, is not kept.
func lastBurst(s *load.Summary) web.Burst {
	all := s.All()
	verdict := s.Verdict()
	if c := s.Capacity; c != nil {
		verdict = fmt.Sprintf("capacity %s, of %.4g/s wanted: %s", c, c.Wanted, c.Why)
	}
	return web.Burst{
		Runs: s.Runs, Search: s.Capacity != nil, Verdict: verdict, Fairness: s.Fairness,
		Result: s.Result, Reason: s.Reason, End: s.End,
		Requests: s.Requests(), Asked: s.Asked, Throughput: s.Throughput(), ErrorRatio: s.ErrorRatio(),
		P50: seconds(all.Quantile(0.5)), P95: seconds(all.Quantile(0.95)), P99: seconds(all.Quantile(0.99)),
	}
}

// seconds makes a duration of a number of seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
