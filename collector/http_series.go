package collector

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// httpSeries holds the series of what the responses of one endpoint tell of the work behind them. Most tell nothing, so
// the series are made when they first do.
type httpSeries struct {
	probe    *ProbeSeries
	endpoint string
	cache    atomic.Pointer[cacheCounters]
	timings  atomic.Pointer[[]timingSeries] // at most probes.MaxServerTimings
	gone     bool                           // guarded by probe.recorder.mu
}

// cacheCounters are one counter for each verdict but the one that nothing was said.
type cacheCounters [probes.NumCacheVerdicts]prometheus.Counter

// timingSeries is one metric of Server-Timing.
type timingSeries struct {
	name     string
	duration *latency
}

// endpoint finds or makes the series of an endpoint of a burst. It is called with the recorder's lock held.
func (s *ProbeSeries) endpoint(name string) *httpSeries {
	h := s.endpoints[name]
	if h == nil {
		h = &httpSeries{probe: s, endpoint: name}
		s.endpoints[name] = h
	}
	return h
}

// removeEndpoint deletes the series of an endpoint. It is called with the recorder's lock held.
func (s *ProbeSeries) removeEndpoint(name string) {
	if h := s.endpoints[name]; h != nil {
		h.gone = true
		delete(s.endpoints, name)
	}
	s.recorder.vectors.cache.DeletePartialMatch(prometheus.Labels{"probe": s.info.Name, "endpoint": name})
	s.recorder.vectors.serverTiming.remove(s.info.Name, name)
}

// retire keeps what the probe still observes from making series. It is called with the recorder's lock held.
func (s *ProbeSeries) retire() {
	s.gone = true
	if s.http != nil {
		s.http.gone = true
	}
	if s.page != nil {
		s.page.gone = true
	}
	for _, h := range s.endpoints {
		h.gone = true
	}
}

// observe records what one response tells. It allocates only for what it tells for the first time.
func (h *httpSeries) observe(s *probes.Sample) {
	if s.Cache != probes.CacheUnsaid {
		if c := h.counters(); c != nil {
			c[s.Cache].Inc()
		}
	}
	for i := range s.ServerTimings {
		if l := h.timing(s.ServerTimings[i].Name); l != nil {
			l.observe(s.ServerTimings[i].Duration, s.TraceID, s.Start)
		}
	}
}

// counters makes all counters at once, so that none of their first increments is lost to rate(). It is nil for an
// endpoint that is gone.
func (h *httpSeries) counters() *cacheCounters {
	if c := h.cache.Load(); c != nil {
		return c
	}
	r := h.probe.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.gone {
		return nil
	}
	c := &cacheCounters{}
	for v := probes.CacheUnsaid + 1; v < probes.NumCacheVerdicts; v++ {
		c[v] = r.vectors.cache.WithLabelValues(h.probe.info.Name, h.endpoint, v.String())
	}
	h.cache.Store(c)
	return c
}

// timing is nil for a metric that is one too many.
func (h *httpSeries) timing(name string) *latency {
	if l, decided := h.known(name); decided {
		return l
	}
	r := h.probe.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, decided := h.known(name); decided || h.gone {
		return l
	}
	name = strings.Clone(name) // it is a piece of a whole header
	l := r.vectors.serverTiming.of(h.probe.info.Name, h.endpoint, name)
	var all []timingSeries
	if old := h.timings.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = append(all, timingSeries{name, l})
	h.timings.Store(&all)
	return l
}

// known finds a metric. What is not found is decided only once there can be no more of them.
func (h *httpSeries) known(name string) (l *latency, decided bool) {
	all := h.timings.Load()
	if all == nil {
		return nil, false
	}
	for i := range *all {
		if (*all)[i].name == name {
			return (*all)[i].duration, true
		}
	}
	return nil, len(*all) >= probes.MaxServerTimings
}
