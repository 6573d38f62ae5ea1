package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/oneshot"
	"github.com/perfwatch/perfwatch/internal/report"
)

// A shot is one run of a configuration: what the daemon would watch for ever, wired for once.
type shot struct {
	config   *config.Config
	readings *readings
	browser  *browser.Browser
	probes   []*watched
	units    []*oneshot.Unit
	guard    *guard.Guard
	archive  *archive.Archive // nil without a folder
	viewed   string           // why the archive is only read; "" if it is not
	narrowed bool             // not everything is run
}

func newShot(cfg *config.Config, storage string, logger *slog.Logger) (s *shot, err error) {
	s = &shot{config: cfg, browser: newBrowser(cfg, logger)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.guard, err = guard.New(nil, nil); err != nil {
		return nil, err
	}
	s.guard.SetRules(cfg.Bursts.Rules)
	if err := s.open(storage, logger); err != nil {
		return nil, err
	}
	if s.readings, err = newReadings(cfg, nil, logger); err != nil {
		return nil, err
	}
	rec := collector.NewRecorder(prometheus.NewRegistry(), s.readings.book)
	for i := range cfg.Probes {
		w, err := newWatched(&cfg.Probes[i], cfg, s.browser)
		if err != nil {
			return nil, err
		}
		w.attach(rec, s.readings, &cfg.Bursts)
		s.probes = append(s.probes, w)
		s.units = append(s.units, &oneshot.Unit{
			Name: w.Name, Group: w.Group, Kind: w.Kind(), Suite: string(w.Suite()), Timeout: w.Timeout, Hash: w.hash,
			Prober: w.prober, Plan: w.plan, Feeds: oneshot.Fed(s.readings.book, &w.Probe),
			Sample: w.series.Observe, Burst: w.burst, Watch: w.watch.Load(),
		})
	}
	return s, nil
}

// open opens the folder of earlier bursts. One that a daemon has is read beside it.
func (s *shot) open(storage string, logger *slog.Logger) (err error) {
	if storage == "" {
		return nil
	}
	if s.archive, err = archive.Open(storage, logger); err == nil {
		return nil
	}
	var viewErr error
	if s.archive, viewErr = archive.View(storage, logger); viewErr != nil {
		return err
	}
	s.viewed = fmt.Sprintf("the bursts of this run are not kept: %v", err)
	return nil
}

// run fires everything.
func (s *shot) run(ctx context.Context, o oneshot.Options, r *report.Report) {
	o.Admit = func(burst string) error {
		_, err := s.guard.Admit(time.Now(), burst)
		return err
	}
	o.Reserve = func(n uint64) (uint64, error) { return s.guard.Reserve(time.Now(), n) }
	if s.archive != nil {
		o.Keep = s.keep
	}
	o.Await = s.sampled()
	oneshot.Run(ctx, s.units, o, r)
	if s.viewed != "" {
		r.Notes = append(r.Notes, s.viewed)
	}
}

// sampled are the objectives on the host, which need no probe but time.
func (s *shot) sampled() (list []*objective.Tracker) {
	if s.readings.host == nil {
		return nil
	}
	for _, t := range s.readings.book.All() {
		if m := t.Objective().Measure; !s.narrowed && (m == objective.CPUUsage || m == objective.MemoryUsage) {
			list = append(list, t)
		}
	}
	return list
}

// keep compares a burst with the earlier ones and keeps it beside them.
func (s *shot) keep(b *archive.Burst, r *report.Report) {
	if b.Valid() {
		r.CompareArchived(b.Probe, s.archive.Compare(b))
	}
	if s.viewed != "" {
		return
	}
	if err := s.archive.Put(b); err != nil {
		r.Notes = append(r.Notes, err.Error())
	}
}

// judge values the objectives and says how the run went. In a run of some probes only those count that they feed.
func (s *shot) judge(r *report.Report) {
	fed := map[*objective.Tracker]bool{}
	for _, u := range s.units {
		for _, t := range u.Feeds {
			fed[t] = true
		}
	}
	for _, t := range s.readings.book.All() {
		o := t.Objective()
		row := report.ObjectiveOf(o, t.Status(time.Now()))
		switch o.Measure {
		case objective.CacheHitRatio, objective.CPUUsage, objective.MemoryUsage:
			row.Skipped = s.narrowed
		default:
			row.Skipped = !fed[t]
		}
		r.Objectives = append(r.Objectives, row)
	}
	for _, redis := range s.readings.redis {
		for _, snapshot := range redis.Snapshots() {
			row := report.Redis{Name: snapshot.Name, Up: snapshot.Up}
			if !math.IsNaN(snapshot.HitRatio) {
				row.HitRatio = &snapshot.HitRatio
			}
			r.Redis = append(r.Redis, row)
		}
	}
	if s.readings.host != nil {
		h := s.readings.host.Snapshot()
		r.Host = &report.Host{CPUPeak: h.CPUPeak, MemoryPeak: h.MemoryPeak}
	}
	r.Judge()
}

// close lets go of everything.
func (s *shot) close() {
	for _, w := range s.probes {
		w.close()
	}
	if s.readings != nil {
		s.readings.stop(nil)
	}
	s.browser.Close()
	if s.archive != nil {
		_ = s.archive.Close()
	}
}
