package main

import (
	"context"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/web"
)

// pipelineTick is how often it is looked whether a run is late or missed.
const pipelineTick = time.Second

// pipelinesOf are the pipelines of a configuration: those that the old generation has, which is nil at the start, and
// new ones with what is stored of them.
func (d *daemon) pipelinesOf(cfg *config.Config, old *generation) []*pipeline.Pipeline {
	kept := map[string]*pipeline.Pipeline{}
	if old != nil {
		for _, p := range old.pipelines {
			kept[p.Name()] = p
		}
	}
	all := make([]*pipeline.Pipeline, 0, len(cfg.Pipelines))
	for _, spec := range cfg.Pipelines {
		p := kept[spec.Name]
		if p == nil {
			p = d.newPipeline(spec)
		}
		all = append(all, p)
	}
	return all
}

// newPipeline goes on where the stored state ends. What cannot be read is set aside, and never keeps the daemon from
// starting.
func (d *daemon) newPipeline(spec pipeline.Spec) *pipeline.Pipeline {
	var stored []byte
	var save func([]byte) error
	if d.archive != nil {
		var err error
		if stored, err = d.archive.Pipeline(spec.Name); err != nil {
			d.logger.Error("state of a pipeline not read, it begins anew", "pipeline", spec.Name, "err", err)
		}
		save = func(state []byte) error { return d.archive.SetPipeline(spec.Name, state) }
	}
	p, err := pipeline.New(spec, stored, save, time.Now())
	if err != nil {
		d.archive.RejectPipeline(spec.Name, err)
	}
	return p
}

// takePipelines puts the pipelines of a generation to work as they are declared now.
func (g *generation) takePipelines() {
	now := time.Now()
	for i, p := range g.pipelines {
		p.Redeclare(g.config.Pipelines[i], now)
		status := p.Status(now)
		collector.FeedPipeline(g.book, &status)
	}
}

// watchPipelines notes runs that do not come, until ctx is done.
func (d *daemon) watchPipelines(ctx context.Context) {
	ticker := time.NewTicker(pipelineTick)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			for _, p := range d.current.Load().pipelines {
				if err := p.Tick(now); err != nil {
					d.logger.Error("pipeline not stored", "pipeline", p.Name(), "err", err)
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// pipelines are those at work, for the metrics.
func (d *daemon) pipelines() []*pipeline.Pipeline { return d.current.Load().pipelines }

// pipelineStatus is how the pipelines do.
func (d *daemon) pipelineStatus() []pipeline.Status {
	now, at := time.Now(), d.pipelines()
	all := make([]pipeline.Status, 0, len(at))
	for _, p := range at {
		all = append(all, p.Status(now))
	}
	return all
}

// reportPipeline takes what a pipeline says of one of its stages.
func (d *daemon) reportPipeline(name string, e pipeline.Event) (pipeline.Receipt, error) {
	g := d.current.Load()
	for _, p := range g.pipelines {
		if p.Name() != name {
			continue
		}
		now := time.Now()
		receipt, err := p.Report(e, now)
		if err != nil {
			return receipt, err
		}
		status := p.Status(now)
		collector.FeedPipeline(g.book, &status)
		if receipt.Changed {
			d.logger.Info("pipeline reports", "pipeline", name, "run", receipt.Run, "stage", e.Stage, "event", string(e.Verb))
		}
		return receipt, nil
	}
	return pipeline.Receipt{}, web.ErrNoPipeline
}
