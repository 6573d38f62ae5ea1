package collector

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrape exposes how a collector's readings of its source go, and logs when the source can no longer be read, and when it
// can again. Its owner guards it.
type scrape struct {
	descs
	log      *slog.Logger // of the collector
	read     bool         // at least once
	ok       bool
	duration time.Duration
}

// newScrape is for the collector of a name: "host", or "redis/cache" for the Redis that is called cache.
func newScrape(name string, log *slog.Logger) scrape {
	return scrape{
		descs: newDescs([]Family{family(scrapeDuration), family(scrapeSuccess)}, prometheus.Labels{"collector": name}),
		log:   log.With("collector", name),
	}
}

// finished notes one reading. It is told if it went otherwise than the one before, the first only if it failed.
func (s *scrape) finished(d time.Duration, err error) {
	before := s.ok || !s.read
	s.read, s.ok, s.duration = true, err == nil, d
	switch {
	case s.ok == before:
	case s.ok:
		s.log.Info("source is readable")
	default:
		s.log.Warn("source is not readable", "err", err)
	}
}

func (s *scrape) collect(ch chan<- prometheus.Metric) {
	if !s.read {
		return
	}
	s.gauge(ch, scrapeDuration, s.duration.Seconds())
	s.gauge(ch, scrapeSuccess, oneIf(s.ok))
}
