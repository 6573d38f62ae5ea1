package collector

import "github.com/prometheus/client_golang/prometheus"

// Storage exposes what was found wrong in the folder of what outlives the program.
type Storage struct {
	descs
	setAside func() uint64
}

// NewStorage makes a collector of how many files were set aside. It is for the caller to register.
func NewStorage(setAside func() uint64) *Storage {
	return &Storage{newDescs([]Family{family(storageSetAside)}, nil), setAside}
}

// Collect implements prometheus.Collector.
func (c *Storage) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(c.descs[storageSetAside], prometheus.CounterValue, float64(c.setAside()))
}
