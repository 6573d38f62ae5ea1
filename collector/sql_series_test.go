package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

func sqlProbe(queries ...string) ProbeInfo {
	return ProbeInfo{Name: "db", Group: "sql", Kind: "sql", Interval: time.Minute, Queries: queries}
}

func queried(outcome probes.Outcome, pool probes.PoolStats, names ...string) *probes.Sample {
	s := take(outcome, time.Second)
	s.SQL = &probes.SQLResult{Pool: pool}
	for _, name := range names {
		s.SQL.Queries = append(s.SQL.Queries, probes.QueryTime{Name: name, Duration: 60 * time.Millisecond})
	}
	return s
}

func TestQueriesAreSeenByName(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(sqlProbe("prices", "holdings"))
	zero := map[string]string{
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="prices"}`:   "0",
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="holdings"}`: "0",
		`perfwatch_sql_connections{probe="db",state="idle"}`:                      "0",
		`perfwatch_sql_connections{probe="db",state="in_use"}`:                    "0",
		`perfwatch_sql_connections_opened_total{probe="db"}`:                      "0",
	}
	wantSeries(t, reg, zero)
	s.Observe(queried(probes.OK, probes.PoolStats{Idle: 1, Opened: 2}, "prices", "holdings"))
	s.Observe(queried(probes.Timeout, probes.PoolStats{InUse: 1, Opened: 1}, "prices", "from a hostile place"))
	s.Observe(queried(probes.Canceled, probes.PoolStats{}, "holdings"))
	s.Observe(take(probes.Panic, time.Second))
	wantSeries(t, reg, map[string]string{
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="prices"}`:               "2",
		`perfwatch_sql_query_duration_seconds_sum{probe="db",query="prices"}`:                 "0.12",
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="holdings"}`:             "1",
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="from a hostile place"}`: "",
		`perfwatch_sql_connections{probe="db",state="idle"}`:                                  "0",
		`perfwatch_sql_connections{probe="db",state="in_use"}`:                                "1",
		`perfwatch_sql_connections_opened_total{probe="db"}`:                                  "3",
	})
}

func TestAProbeWithOtherQueriesIsAnotherOne(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	rec.Probe(sqlProbe("a", "b")).Observe(queried(probes.OK, probes.PoolStats{Opened: 1}, "a", "b"))
	rec.Probe(sqlProbe("a", "b"))
	wantSeries(t, reg, map[string]string{`perfwatch_sql_query_duration_seconds_count{probe="db",query="b"}`: "1"})
	rec.Probe(sqlProbe("a", "c"))
	wantSeries(t, reg, map[string]string{
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="a"}`: "0",
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="b"}`: "",
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="c"}`: "0",
		`perfwatch_sql_connections_opened_total{probe="db"}`:               "0",
	})
	rec.Remove("db")
	wantSeries(t, reg, map[string]string{
		`perfwatch_sql_query_duration_seconds_count{probe="db",query="a"}`: "",
		`perfwatch_sql_connections{probe="db",state="idle"}`:               "",
		`perfwatch_sql_connections_opened_total{probe="db"}`:               "",
	})
}
