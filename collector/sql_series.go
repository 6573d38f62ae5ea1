package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// sqlSeries are the series that only a probe with queries has.
type sqlSeries struct {
	queries     map[string]*latency // nil for any other probe
	inUse, idle prometheus.Gauge
	opened      prometheus.Counter
}

// newSQLSeries makes them at zero, if the probe has queries.
func newSQLSeries(v *vectors, info ProbeInfo) (s sqlSeries) {
	if len(info.Queries) == 0 {
		return s
	}
	s.queries = make(map[string]*latency, len(info.Queries))
	for _, name := range info.Queries {
		s.queries[name] = v.queries.of(info.Name, name)
	}
	s.inUse, s.idle = v.connections.WithLabelValues(info.Name, "in_use"), v.connections.WithLabelValues(info.Name, "idle")
	s.opened = v.connectionsOpened.WithLabelValues(info.Name)
	return s
}

// observe records what a run found out and the trace of it; a nil res is a run of another kind, or one that panicked.
func (s *sqlSeries) observe(res *probes.SQLResult, trace probes.TraceID) {
	if res == nil || s.queries == nil {
		return
	}
	for _, q := range res.Queries {
		if o, ok := s.queries[q.Name]; ok { // labels come from the configuration
			o.observe(q.Duration, trace, q.Start)
		}
	}
	s.inUse.Set(float64(res.Pool.InUse))
	s.idle.Set(float64(res.Pool.Idle))
	s.opened.Add(float64(res.Pool.Opened))
}
