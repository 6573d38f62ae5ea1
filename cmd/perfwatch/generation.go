package main

import (
	"reflect"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

// A generation is one configuration at work. A reload makes the next one, which takes over what did not change.
type generation struct {
	*readings
	config *config.Config
	loaded time.Time
	probes []*watched // in the order of the configuration
	named  map[string]*watched

	browser   *browser.Browser // of its pages
	pipelines []*pipeline.Pipeline
}

// build makes the next generation without touching the old one, which is nil at the start. What it reads anew is read
// from here on, so it is to be taken. Of one that cannot be built nothing is left.
func (d *daemon) build(cfg *config.Config, old *generation) (*generation, error) {
	next := &generation{config: cfg, loaded: time.Now(), pipelines: d.pipelinesOf(cfg, old), named: map[string]*watched{}}
	if old == nil {
		old = &generation{config: &config.Config{}}
	}
	if next.browser = old.browser; next.browser == nil || old.config.Browser != cfg.Browser {
		next.browser = newBrowser(cfg, d.logger)
	}
	kept := map[string]*watched{}
	if reflect.DeepEqual(old.config.Env(), cfg.Env()) {
		kept = old.named
	}
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		w := kept[p.Name]
		if w == nil || !reflect.DeepEqual(w.Probe, *p) || next.changes(w, old) {
			var err error
			if w, err = newWatched(p, cfg, next.browser); err != nil {
				next.discard(old)
				return nil, err
			}
		}
		next.probes, next.named[w.Name] = append(next.probes, w), w
	}
	var err error
	if next.readings, err = newReadings(cfg, old.readings, d.logger); err != nil {
		next.discard(old)
		return nil, err
	}
	return next, nil
}

// changes says that an old probe, though it stands in this configuration as it did, is given something else by it. Its own
// schedule and timeout, which may be the global ones, are part of it. A host that bursts may go to from now on changes
// nothing of them, one that they may not go to any more ends those that do.
func (g *generation) changes(w *watched, old *generation) bool {
	was, is := old.config, g.config
	switch {
	case w.Page != nil:
		return g.browser != old.browser
	case w.Canary != nil:
		return !reflect.DeepEqual(was.Redis, is.Redis)
	case w.plan != nil:
		return was.Global.Timeout != is.Global.Timeout || w.barred(was.Bursts.AllowHosts, is.Bursts.AllowHosts)
	}
	return false
}

// discard closes what was built for a generation that cannot be taken, and nothing that the old one has.
func (g *generation) discard(old *generation) {
	for _, w := range g.probes {
		if old.named[w.Name] != w {
			w.close()
		}
	}
	if g.browser != old.browser {
		g.browser.Close()
	}
}

// attach makes the series of every probe that has none yet, and lets everything feed the objectives as they are now.
func (g *generation) attach(rec *collector.Recorder) {
	rec.Judge(g.book)
	g.judge()
	for _, w := range g.probes {
		w.attach(rec, g.readings, &g.config.Bursts)
	}
}

// retire ends what g had and the next generation has not; forget is called for each probe that is gone.
func (g *generation) retire(next *generation, forget func(name string)) {
	for _, w := range g.probes {
		if next.named[w.Name] == nil {
			forget(w.Name)
		}
		if next.named[w.Name] != w {
			w.close()
		}
	}
	g.stop(next.readings)
	if g.browser != next.browser {
		g.browser.Close()
	}
}

// jobs are what the scheduler runs.
func (g *generation) jobs(d *daemon) []schedule.Job {
	jobs := make([]schedule.Job, 0, len(g.probes))
	for _, w := range g.probes {
		jobs = append(jobs, w.job(d))
	}
	return jobs
}
