// Package collector turns answers into metrics. Every metric name of the program is declared here: the Recorder, into
// which probes and bursts push, and the collectors that pull from Redis, the host and the objectives.
package collector

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
)

// NewRegistry makes a registry that holds what the daemon says of itself: build, process and Go runtime.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		version.NewCollector("perfwatch"),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	return reg
}
