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

	files map[string]targetFile // of targets, by path
}

// A targetFile is what was read of one file of targets.
type targetFile struct {
	good    bool
	targets int
}

// NewConfigStatus makes a collector of the configuration's state. It is for the caller to register.
func NewConfigStatus() *ConfigStatus {
	return &ConfigStatus{descs: newDescs([]Family{
		family(configReloadSuccessful), family(configReloadTimestamp), family(configHashInfo),
		family(targetFileUp), family(targetFileTargets),
	}, nil)}
}

// Loaded says that a configuration was read at an instant and is the running one now.
func (c *ConfigStatus) Loaded(hash string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good, c.hash, c.at = true, hash, at
	c.files = map[string]targetFile{}
}

// Discovered says, after Loaded, how many targets a file of the configuration gives, and whether they were read from it
// or are those that it gave before.
func (c *ConfigStatus) Discovered(path string, targets int, good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[path] = targetFile{good, targets}
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
	for path, f := range c.files {
		c.gauge(ch, targetFileUp, oneIf(f.good), path)
		c.gauge(ch, targetFileTargets, float64(f.targets), path)
	}
}
