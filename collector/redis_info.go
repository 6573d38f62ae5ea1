package collector

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds on what a Redis may say. A real INFO has 6 KB, and 50 bytes more for each database in use.
const (
	maxInfoBytes     = 1 << 20
	maxDatabases     = 256
	maxInfoLabelSize = 64
)

var errLoading = errors.New("redis is loading its data")

// redisCounter names a counter of INFO.
type redisCounter int

const (
	hits redisCounter = iota
	misses
	expired
	evicted
	rejected
	processed
	accepted
	lazyFreed
	numRedisCounters
)

// infoField is the counter's name in INFO.
func (c redisCounter) infoField() string {
	return [numRedisCounters]string{
		"keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys", "rejected_connections", "total_commands_processed",
		"total_connections_received", "lazyfreed_objects",
	}[c]
}

// metric is the counter's name in the metrics.
func (c redisCounter) metric() string {
	return [numRedisCounters]string{
		redisKeyspaceHits, redisKeyspaceMisses, redisExpiredKeys, redisEvictedKeys, redisRejectedConnections, redisProcessed,
		redisAccepted, redisLazyFreed,
	}[c]
}

// A count is a figure of INFO that may be unknown: left out, negative as Dragonfly writes it, too large, or no number.
type count struct {
	n     uint64
	known bool
}

// redisState is what one INFO says.
type redisState struct {
	version, engine, role string
	runID                 string // of the server process; "" if not said
	address               string // of the server
	uptime                time.Duration
	uptimeKnown           bool
	counters              [numRedisCounters]count
	memoryUsed, memoryMax count // bytes
	connected, blocked    count
	fragmentation         float64 // NaN if unknown
	databases             []redisDatabase
	commands, errors      []redisStat
	resident, memoryPeak  count // bytes
	tracking              count // clients that are told of changes to what they read

	replicas, lagSeconds count // of a master: how many are online, and the worst of them; of a replica: since it heard
	linkUp               count // of a replica: 1 or 0
}

// redisDatabase is one line of the section Keyspace.
type redisDatabase struct {
	db                             string // its number
	keys, expiring, averageTTLMsec count
}

// parseInfo reads the answer to INFO by the names of its fields; unknown ones are left alone, as engines and versions
// differ. Where a field stands twice the first counts.
func parseInfo(text string) (*redisState, error) {
	s, fields := &redisState{}, map[string]string{}
	if err := s.lines(text, fields); err != nil {
		return nil, err
	}
	if fields["loading"] == "1" {
		return nil, errLoading
	}
	s.runID = infoLabel(fields["run_id"])
	s.fragmentation = parseRatio(fields["mem_fragmentation_ratio"])
	for field, c := range map[string]*count{
		"used_memory": &s.memoryUsed, "maxmemory": &s.memoryMax, "connected_clients": &s.connected,
		"blocked_clients": &s.blocked, "used_memory_rss": &s.resident, "used_memory_peak": &s.memoryPeak,
		"tracking_clients": &s.tracking,
	} {
		*c = parseCount(fields[field])
	}
	s.version, s.engine = infoEngine(fields)
	s.role = map[string]string{"master": "master", "slave": "replica", "replica": "replica"}[fields["role"]]
	if s.role == "" {
		s.role = "unknown"
	}
	s.replication(fields)
	if uptime := parseCount(fields["uptime_in_seconds"]); uptime.known && uptime.n < math.MaxInt64/uint64(time.Second) {
		s.uptime, s.uptimeKnown = time.Duration(uptime.n)*time.Second, true
	}
	for c := range numRedisCounters {
		s.counters[c] = parseCount(fields[c.infoField()])
	}
	return s, nil
}

// lines splits an INFO into the fields that we know, the databases, and what is counted by command and by error.
func (s *redisState) lines(text string, fields map[string]string) error {
	if len(text) > maxInfoBytes {
		return fmt.Errorf("reading INFO: %d bytes, want at most %d", len(text), maxInfoBytes)
	}
	// A figure that is cut short is a smaller figure, and would pass for a reset counter.
	if !strings.HasSuffix(text, "\n") {
		return fmt.Errorf("reading INFO: %d bytes that end within a line", len(text))
	}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			continue
		}
		if d, ok := parseDatabase(name, value); ok && !seen[d.db] && len(s.databases) < maxDatabases {
			seen[d.db] = true
			s.databases = append(s.databases, d)
		}
		if c, ok := parseRedisStat("cmdstat_", name, value); ok && len(s.commands) < maxCommandStats {
			c.name = strings.ToLower(c.name)
			s.commands = append(s.commands, c)
		}
		if e, ok := parseRedisStat("errorstat_", name, value); ok && len(s.errors) < maxErrorStats {
			s.errors = append(s.errors, e)
		}
		s.replica(name, value)
		if _, twice := fields[name]; isInfoField(name) && !twice {
			fields[name] = value
		}
	}
	if fields["redis_version"] == "" && fields["keyspace_hits"] == "" {
		return errors.New("reading INFO: neither redis_version nor keyspace_hits in it")
	}
	return nil
}

var replicaField = regexp.MustCompile(`^slave[0-9]{1,5}$`)

// replica reads what a master says of one of its replicas: "slave0" and "ip=…,port=…,state=online,offset=14,lag=1".
func (s *redisState) replica(name, value string) {
	if !replicaField.MatchString(name) {
		return
	}
	var lag count
	online := false
	for field := range strings.SplitSeq(value, ",") {
		switch key, text, _ := strings.Cut(field, "="); key {
		case "state":
			online = text == "online" || text == "stable_sync" // as Dragonfly calls it
		case "lag":
			lag = parseCount(text)
		}
	}
	if online {
		s.replicas.n++
		if lag.known {
			s.lagSeconds = count{max(s.lagSeconds.n, lag.n), true}
		}
	}
}

// replication reads the rest of it, once the role is known.
func (s *redisState) replication(fields map[string]string) {
	if s.role != "replica" {
		s.replicas.known = s.role == "master" && fields["connected_slaves"] != ""
		return
	}
	s.replicas, s.lagSeconds = count{}, count{}
	switch fields["master_link_status"] {
	case "up":
		s.linkUp = count{1, true}
		s.lagSeconds = parseCount(fields["master_last_io_seconds_ago"])
	case "down":
		s.linkUp = count{0, true}
		s.lagSeconds = parseCount(fields["master_link_down_since_seconds"])
	}
}

// isInfoField says which fields are kept, so that a hostile answer cannot fill a map.
func isInfoField(name string) bool {
	switch name {
	case "redis_version", "valkey_version", "dragonfly_version", "mvcc_depth", "role", "run_id", "loading", "uptime_in_seconds",
		"used_memory", "used_memory_rss", "used_memory_peak", "maxmemory", "mem_fragmentation_ratio",
		"connected_clients", "blocked_clients", "tracking_clients",
		"connected_slaves", "master_link_status", "master_last_io_seconds_ago", "master_link_down_since_seconds",
		"keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys", "rejected_connections",
		"total_commands_processed", "total_connections_received", "lazyfreed_objects":
		return true
	}
	return false
}

// infoEngine names who answers. Valkey and Dragonfly give a redis_version too: that which they are compatible with.
func infoEngine(fields map[string]string) (version, engine string) {
	switch {
	case fields["valkey_version"] != "":
		return infoLabel(fields["valkey_version"]), "valkey"
	case fields["dragonfly_version"] != "":
		return infoLabel(fields["dragonfly_version"]), "dragonfly"
	case fields["mvcc_depth"] != "": // of its own section
		return infoLabel(fields["redis_version"]), "keydb"
	}
	return infoLabel(fields["redis_version"]), "redis"
}

// parseDatabase reads "db0" and "keys=1,expires=1,avg_ttl=0". Fields are added to it over time.
func parseDatabase(name, value string) (redisDatabase, bool) {
	number, ok := strings.CutPrefix(name, "db")
	if !ok {
		return redisDatabase{}, false
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return redisDatabase{}, false
	}
	d := redisDatabase{db: strconv.FormatUint(n, 10)}
	for field := range strings.SplitSeq(value, ",") {
		key, text, _ := strings.Cut(field, "=")
		switch key {
		case "keys":
			d.keys = parseCount(text)
		case "expires":
			d.expiring = parseCount(text)
		case "avg_ttl":
			d.averageTTLMsec = parseCount(text)
		}
	}
	return d, d.keys.known
}

func parseCount(text string) count {
	n, err := strconv.ParseUint(text, 10, 64)
	return count{n, err == nil}
}

func parseRatio(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// infoLabel makes a text fit for a label: bounded and valid UTF-8, without which the whole page would be refused.
func infoLabel(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for len(text) > maxInfoLabelSize {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
