package collector

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ConfigStatus exposes which configuration runs and whether the last reading of the file was good. It is safe for
// concurrent use.
type ConfigStatus struct {
	descs

	mu   sync.Mutex
	good bool      // guarded by mu, as all below
	hash string    // of the running configuration; "" before the first
	at   time.Time // when it was read
}

// NewConfigStatus makes a collector of the configuration's state. It is for the caller to register.
func NewConfigStatus() *ConfigStatus {
	return &ConfigStatus{descs: newDescs([]Family{
		family(configReloadSuccessful), family(configReloadTimestamp), family(configHashInfo),
	}, nil)}
}

// Loaded says that a configuration was read at an instant and is the running one now.
func (c *ConfigStatus) Loaded(hash string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good, c.hash, c.at = true, hash, at
}

// Failed says that a configuration was refused. The one before it keeps running.
func (c *ConfigStatus) Failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good = false
}

// Collect implements prometheus.Collector.
func (c *ConfigStatus) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gauge(ch, configReloadSuccessful, oneIf(c.good))
	if c.hash == "" {
		return
	}
	c.gauge(ch, configReloadTimestamp, unixSeconds(c.at))
	c.gauge(ch, configHashInfo, 1, c.hash)
}
