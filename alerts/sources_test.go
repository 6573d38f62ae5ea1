package alerts

// ofSources are mistakes of what perfwatch reads, and of probes that do not run.
func ofSources() []mutation {
	return []mutation{
		{"probes before their time", `probe_overdue_timestamp_seconds\) > 0`, "probe_overdue_timestamp_seconds) > -300"},
		{"probes long after their time", `probe_overdue_timestamp_seconds\) > 0`, "probe_overdue_timestamp_seconds) > 300"},
		{"probes that run", `(probe_overdue_timestamp_seconds\)) > 0`, "$1 < 0"},
		{"one of two probes runs", `max( by \(probe\) \(time\(\) - perfwatch_probe)`, "min$1"},
		{"one of two can read it", `min( by \(\w+\) \(perfwatch_\w+_up)`, "max$1"},
		{"another source is down", `perfwatch_(postgres|pgbouncer|process)_up`, "perfwatch_redis_up"},
		{"details are the host", `collector="host"`, `collector=~"host.*"`},
		{"business values that are known", `unless on \(name\) perfwatch_business_values_left_out`, ""},
		{"business values that were never read", `\n\s+or\n.*\n.*unless on \(name\) perfwatch_business_age_seconds`, ""},
		{"business values that were read once", `\n\s+unless on \(name\) perfwatch_business_age_seconds`, ""},
		{"every source is of business", `collector=~"business/\.\+"`, `collector=~".+"`},
	}
}
