package alerts

import (
	"fmt"
	"time"
)

// The alerts of what perfwatch reads and does not ask.
const (
	redisDown      = "PerfwatchRedisDown"
	postgresDown   = "PerfwatchPostgresDown"
	pgbouncerDown  = "PerfwatchPgBouncerDown"
	processDown    = "PerfwatchProcessDown"
	businessStale  = "PerfwatchBusinessStale"
	hostUnreadable = "PerfwatchHostUnreadable"
)

// sourceRules are about what perfwatch cannot read any more. What a source says is absent before it was read for the first
// time, and gone when the configuration leaves it out.
func sourceRules(opts Options) []rule {
	return []rule{
		// It pages, since a Redis that is away also takes the cache hit ratio and its alerts with it.
		health(opts, redisDown, "critical", opts.For, "min by (redis) (perfwatch_redis_up) == 0",
			"Redis {{ $labels.redis }} does not answer",
			"INFO of Redis {{ $labels.redis }} has failed for at least "+short(opts.For)+": its cache hit ratio is not known."),
		health(opts, postgresDown, "critical", opts.For, "min by (postgres) (perfwatch_postgres_up) == 0",
			"PostgreSQL {{ $labels.postgres }} does not answer",
			"PostgreSQL {{ $labels.postgres }} has not been readable for at least "+short(opts.For)+"."),
		health(opts, pgbouncerDown, "critical", opts.For, "min by (pgbouncer) (perfwatch_pgbouncer_up) == 0",
			"PgBouncer {{ $labels.pgbouncer }} does not answer",
			"The console of PgBouncer {{ $labels.pgbouncer }} has not answered for at least "+short(opts.For)+"."),
		// Whether users notice is for the probes to say.
		health(opts, processDown, "warning", opts.For, "min by (process) (perfwatch_process_up) == 0",
			"Process {{ $labels.process }} is gone",
			"Process {{ $labels.process }} has not been found for at least "+short(opts.For)+"."),
		// It has no value once that is older than its max_age; how many were left out is told as long as it has.
		health(opts, businessStale, "warning", opts.For,
			"min by (name) (perfwatch_business_age_seconds) > 0\nunless on (name) perfwatch_business_values_left_out\nor\n"+neverRead,
			"Business value {{ $labels.name }} is not known",
			"Business value {{ $labels.name }} has not been read for longer than its max_age, or not at all."),
		health(opts, hostUnreadable, "warning", opts.For, `min by (instance) (perfwatch_scrape_success{collector="host"}) == 0`,
			"{{ $labels.instance }} cannot read its host",
			"{{ $labels.instance }} has not read CPU and memory for at least "+short(opts.For)+": they are not judged."),
	}
}

// neverRead are business values whose readings have all failed.
const neverRead = "min by (name) (label_replace(perfwatch_scrape_success{collector=~\"business/.+\"}, " +
	"\"name\", \"$1\", \"collector\", \"business/(.+)\")) == 0" +
	"\nunless on (name) perfwatch_business_age_seconds"

// A source is one of those that are up or not, as the tests know it.
type source struct {
	alert, severity string
	metric, labels  string
	told            map[string]string // labels of the alert
}

func sources() []source {
	return []source{
		{redisDown, "critical", "perfwatch_redis_up", `redis="cache"`, map[string]string{"redis": "cache"}},
		{postgresDown, "critical", "perfwatch_postgres_up", `postgres="main"`, map[string]string{"postgres": "main"}},
		{pgbouncerDown, "critical", "perfwatch_pgbouncer_up", `pgbouncer="pool"`, map[string]string{"pgbouncer": "pool"}},
		{processDown, "warning", "perfwatch_process_up", `process="api"`, map[string]string{"process": "api"}},
		{hostUnreadable, "warning", "perfwatch_scrape_success", `collector="host"`, map[string]string{"instance": "a:1"}},
	}
}

// sourceTests are the promtool tests of sourceRules. Each has all sources at once.
func (h healthTester) sourceTests() []testCase {
	wait := h.opts.For
	n := int(wait/h.step) + 4 // samples until everything that waits has waited
	late := time.Duration(n-1) * h.step
	var tests []testCase
	for _, tt := range []struct {
		name, values string
		quiet, fires time.Duration // when none fires, and from when on all do; 0 for never
	}{
		{"sources that answer", fmt.Sprintf("1x%d", n), late, 0},
		{"sources away for a moment", fmt.Sprintf("1 0 1x%d", n), late, 0},
		{"sources away", fmt.Sprintf("1 0x%d", n), wait, h.step + wait},
		{"sources away from the start", fmt.Sprintf("_ _ 0x%d", n), h.step + wait, 2*h.step + wait},
		{"sources out of the configuration", fmt.Sprintf("1 0 0 stale _x%d", n), late, 0},
	} {
		series, checks := make([]inputSeries, 0, len(sources())), make([]alertCheck, 0, 2*len(sources()))
		for _, s := range sources() {
			series = append(series, s.series("a:1", tt.values))
			checks = append(checks, h.check(s.alert, tt.quiet, nil))
			if tt.fires > 0 {
				checks = append(checks, h.check(s.alert, tt.fires, s.told, s.severity))
			}
		}
		tests = append(tests, h.several(tt.name, series, checks...))
	}
	series, checks := make([]inputSeries, 0, 2*len(sources())), make([]alertCheck, 0, len(sources()))
	for _, s := range sources() {
		series = append(series, s.series("b:1", fmt.Sprintf("1x%d", n)), s.series("a:1", fmt.Sprintf("1 0x%d", n)))
		checks = append(checks, h.check(s.alert, h.step+wait, s.told, s.severity))
	}
	details := source{metric: "perfwatch_scrape_success", labels: `collector="host_details"`}
	tests = append(tests,
		h.several("sources that one perfwatch of two cannot read", series, checks...),
		h.several("a detail of the host away", []inputSeries{details.series("a:1", fmt.Sprintf("0x%d", n))},
			h.check(hostUnreadable, late, nil)))
	return append(tests, h.businessTests(n)...)
}

func (s source) series(instance, values string) inputSeries {
	return seenBy(instance, s.metric+braced(s.labels), values)
}

// businessTests have n samples: a value that is read each minute and kept for three.
func (h healthTester) businessTests(n int) []testCase {
	wait := h.opts.For
	late := time.Duration(n-1) * h.step
	of := map[string]string{"name": "sessions"}
	series := func(metric, labels, values string) inputSeries { // the last of the values for all time
		return inputSeries{metric + `{instance="a:1",job="perfwatch",` + labels + `}`, fmt.Sprintf("%sx%d", values, n)}
	}
	age := func(values string) inputSeries {
		return series("perfwatch_business_age_seconds", `name="sessions"`, values)
	}
	leftOut := func(values string) inputSeries {
		return series("perfwatch_business_values_left_out", `name="sessions"`, values)
	}
	read := func(values string) inputSeries {
		return series("perfwatch_scrape_success", `collector="business/sessions"`, values)
	}
	return []testCase{
		h.several("a business value that is read", []inputSeries{age("1"), leftOut("0"), read("1")},
			h.check(businessStale, late, nil)),
		h.several("one that can still be told", []inputSeries{age("1+60"), leftOut("0"), read("1 0")},
			h.check(businessStale, late, nil)),
		h.several("one that is too old", []inputSeries{age("1+60"), leftOut("0 stale _"), read("1 0")},
			h.check(businessStale, wait, nil), h.check(businessStale, h.step+wait, of, "warning")),
		h.several("one that was read just now", []inputSeries{age("0"), read("1")}, h.check(businessStale, late, nil)),
		h.several("one that was never read", []inputSeries{read("_ 0")},
			h.check(businessStale, wait, nil), h.check(businessStale, h.step+wait, of, "warning")),
		h.several("one that is not read in time once", []inputSeries{read("0 1"), age("_ 1"), leftOut("_ 0")},
			h.check(businessStale, late, nil)),
		h.several("one that is none", []inputSeries{series("perfwatch_scrape_success", `collector="redis/sessions"`, "0")},
			h.check(businessStale, late, nil)),
	}
}
