package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrape exposes how a collector's readings of its source go. Its owner guards it.
type scrape struct {
	descs
	read     bool // at least once
	ok       bool
	duration time.Duration
}

// newScrape is for the collector of a name: "host", or "redis/cache" for the Redis that is called cache.
func newScrape(name string) scrape {
	return scrape{descs: newDescs([]Family{family(scrapeDuration), family(scrapeSuccess)}, prometheus.Labels{"collector": name})}
}

// finished notes one reading, and says whether it went otherwise than the one before. The first is a change only if it
// failed.
func (s *scrape) finished(d time.Duration, err error) (changed bool) {
	before := s.ok || !s.read
	s.read, s.ok, s.duration = true, err == nil, d
	return s.ok != before
}

func (s *scrape) collect(ch chan<- prometheus.Metric) {
	if !s.read {
		return
	}
	s.gauge(ch, scrapeDuration, s.duration.Seconds())
	s.gauge(ch, scrapeSuccess, oneIf(s.ok))
}
