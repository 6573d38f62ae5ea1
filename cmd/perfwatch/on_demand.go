package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/web"
	"github.com/perfwatch/perfwatch/probes"
)

// ask runs a probe against a target that somebody names, once, and keeps nothing of it.
func (d *daemon) ask(ctx context.Context, name, target string) (*web.Asked, error) {
	cfg := d.current.Load().config
	template := cfg.OnDemand.Template(name)
	if template == nil {
		return nil, web.ErrNoTemplate
	}
	if d.asking.Add(1) > int64(cfg.OnDemand.Concurrency) {
		d.asking.Add(-1)
		return nil, web.ErrBusy
	}
	defer d.asking.Add(-1)
	if err := probes.CheckTarget(target); err != nil {
		return nil, err
	}
	asked := &web.Asked{}
	env := cfg.Env()
	env.Permit = listening(cfg.OnDemand.Permit(), asked)
	kinds := template.At(target)
	prober, err := kinds.Spec().Prober(env)
	if err != nil {
		return nil, fmt.Errorf("target %.200q: %w", target, err)
	}
	if c, ok := prober.(interface{ Close() }); ok {
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, template.Timeout)
	defer cancel()
	asked.Sample = probes.Take(ctx, prober, time.Now())
	asked.Metrics = collector.Target(&asked.Sample)
	return asked, nil
}

// listening notes what a permit judges. Dials may run beside each other.
func listening(permit probes.Permit, asked *web.Asked) probes.Permit {
	var mu sync.Mutex
	return func(host string, address netip.Addr) error {
		err := permit(host, address)
		mu.Lock()
		defer mu.Unlock()
		asked.Dialled = append(asked.Dialled, web.Dial{Host: host, Address: address.String(), Refused: err})
		return err
	}
}

// targets are the known targets of the probes that are asked on demand, as Prometheus scrapes them through us.
func (d *daemon) targets(address string) (groups []web.Group) {
	for _, t := range d.current.Load().config.OnDemand.Probes {
		for _, known := range t.Known {
			labels := map[string]string{
				"__metrics_path__": "/probe", "__param_probe": t.Name, "__param_target": known.Address,
				"instance": known.Address, "probe": t.Name, "group": t.Group,
			}
			maps.Copy(labels, known.Labels)
			groups = append(groups, web.Group{Targets: []string{address}, Labels: labels})
		}
	}
	return groups
}
