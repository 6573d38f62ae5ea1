package main

import (
	"net/netip"
	"net/url"
	"slices"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// allow says which hosts a burst may go to from now on.
func (w *watched) allow(hosts []string) {
	permit := load.Permit(hosts)
	w.permit.Store(&permit)
}

// burstEnv is what a configuration gives to the burst. Where it may go is asked at each connection: a reload changes that
// without ending it.
func (w *watched) burstEnv(cfg *config.Config) probes.Env {
	env := cfg.BurstEnv()
	env.Permit = func(host string, address netip.Addr) error { return (*w.permit.Load())(host, address) }
	return env
}

// barred says that a host to which the burst goes was allowed by name, and is not any more.
func (w *watched) barred(was, is []string) bool {
	before, now := load.Permit(was), load.Permit(is)
	somewhere := netip.IPv4Unspecified() // neither loopback nor private: only the name counts
	return slices.ContainsFunc(w.plan.Hosts(), func(hostPort string) bool {
		host := (&url.URL{Host: hostPort}).Hostname()
		return before(host, somewhere) == nil && now(host, somewhere) != nil
	})
}
