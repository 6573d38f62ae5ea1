package demo

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A section is one part of INFO.
type section struct {
	name  string
	lines []string
}

// wanted says whether a section is among those asked for, in any spelling.
func wanted(name string, names []string) bool {
	return slices.ContainsFunc(names, func(asked string) bool {
		asked = strings.ToLower(asked)
		return asked == strings.ToLower(name) || asked == "all" || asked == "default" || asked == "everything"
	})
}

// sections are what INFO knows, in the order and the fields of redis-server 7. Called with mu held.
func (e *embedded) sections() []section {
	uptime := time.Since(e.started)
	_, port, _ := strings.Cut(e.address, ":")
	used := e.memory()
	return []section{
		{"Server", []string{
			"redis_version:7.0.0",
			"server_name:miniredis",
			"redis_mode:standalone",
			"os:" + runtime.GOOS,
			"run_id:" + e.runID,
			"tcp_port:" + port,
			fmt.Sprintf("uptime_in_seconds:%d", int(uptime.Seconds())),
			fmt.Sprintf("uptime_in_days:%d", int(uptime.Hours()/24)),
		}},
		{"Clients", []string{
			fmt.Sprintf("connected_clients:%d", e.srv.ClientsLen()),
			"maxclients:10000",
			"blocked_clients:0",
		}},
		{"Memory", []string{
			fmt.Sprintf("used_memory:%d", used),
			fmt.Sprintf("used_memory_rss:%d", used),
			fmt.Sprintf("maxmemory:%d", redisMemory),
			"maxmemory_policy:allkeys-random",
			"mem_fragmentation_ratio:1.00",
		}},
		{"Stats", []string{
			fmt.Sprintf("total_connections_received:%d", e.srv.TotalConnections()),
			fmt.Sprintf("total_commands_processed:%d", e.srv.TotalCommands()),
			"rejected_connections:0",
			fmt.Sprintf("expired_keys:%d", e.counts.expired),
			fmt.Sprintf("evicted_keys:%d", e.counts.evicted),
			fmt.Sprintf("keyspace_hits:%d", e.counts.hits),
			fmt.Sprintf("keyspace_misses:%d", e.counts.misses),
		}},
		{"Replication", []string{"role:master", "connected_slaves:0"}},
		{"Keyspace", e.keyspace()},
	}
}

// keyspace describes each database that is not empty. Called with mu held.
func (e *embedded) keyspace() []string {
	var lines []string
	dbs := e.databases()
	for n := range numDBs {
		if dbs[n] == nil {
			continue
		}
		var expiring int
		var ttls time.Duration
		keys := dbs[n].Keys()
		for _, key := range keys {
			if ttl := dbs[n].TTL(key); ttl > 0 {
				expiring++
				ttls += ttl
			}
		}
		if len(keys) > 0 {
			lines = append(lines, fmt.Sprintf("db%d:keys=%d,expires=%d,avg_ttl=%d", n, len(keys), expiring,
				ttls.Milliseconds()/int64(max(1, expiring))))
		}
	}
	return lines
}
