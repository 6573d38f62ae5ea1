package collector

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// postgresState is what one reading says. What could not be read is unknown in it.
type postgresState struct {
	started, now   float64 // of the server process and its clock, seconds since 1970
	standby        bool
	version        string
	maxConnections maybe

	statementsFunction, statementsTime string // "" where there is no pg_stat_statements

	connections, waiting map[string]float64 // nil if unknown
	lockWaits            maybe
	longestTx            maybe // seconds
	longestIdle          maybe

	replicas, lagBytes, lagSeconds, linkUp maybe

	databases  map[string][numPostgresCounters]maybe // by oid; nil if unknown
	statements []postgresStatement                   // the totals, and then each; empty if unknown
}

// A postgresStatement is a line of pg_stat_statements, summed over users and databases.
type postgresStatement struct {
	id     string // queryid
	place  int    // by the time that it took, from 1 on
	totals statementTotals
}

// statementTotals are calls, seconds and rows.
type statementTotals [3]maybe

// The states of a connection and what it can wait for, as labels; PostgreSQL knows no others up to version 18.
func postgresStates() []string {
	return []string{
		"active", "idle", "idle_in_transaction", "idle_in_transaction_aborted", "fastpath",
		"disabled", "starting", "hidden", "unknown",
	}
}

func postgresWaits() []string {
	return []string{"lock", "lwlock", "bufferpin", "io", "ipc", "timeout", "client", "extension", "other"}
}

var errNoServerRow = errors.New("reading the server's state: no such answer as a PostgreSQL gives")

// parseServer reads the answer to serverQuery.
func parseServer(t probes.Table) (*postgresState, error) {
	r := rowOf(t, 0)
	started, now := r.amount(0), r.amount(1)
	if !started.known || !now.known {
		return nil, errNoServerRow
	}
	s := &postgresState{
		started: started.v, now: now.v, standby: r.truth(2),
		version: infoLabel(r.text(3)), maxConnections: r.amount(4),
	}
	if f, c := r.text(5), r.text(6); f != "" && c != "" {
		s.statementsFunction, s.statementsTime = f, c
	}
	return s, nil
}

// addActivity reads the answer to activityQuery.
func (s *postgresState) addActivity(t probes.Table) {
	s.connections, s.waiting = zeroes(postgresStates()), zeroes(postgresWaits())
	s.lockWaits, s.longestTx, s.longestIdle = maybe{known: true}, maybe{known: true}, maybe{known: true}
	for _, values := range t.Rows {
		r := row(values)
		state, n := postgresLabel(r.text(0)), r.amount(2).v
		if _, known := s.connections[state]; !known {
			state = "unknown"
		}
		s.connections[state] += n
		wait := postgresLabel(r.text(1))
		if _, known := s.waiting[wait]; !known {
			wait = "other"
		}
		if state == "active" && r.text(1) != "" {
			s.waiting[wait] += n
		}
		if wait == "lock" {
			s.lockWaits.v += n
		}
		s.longestTx.v = max(s.longestTx.v, r.amount(3).v)
		s.longestIdle.v = max(s.longestIdle.v, r.amount(4).v)
	}
	if s.connections["hidden"] > 0 {
		s.waiting, s.lockWaits = nil, maybe{}
	}
	if s.connections["hidden"]+s.connections["disabled"] > 0 {
		s.longestTx, s.longestIdle = maybe{}, maybe{}
	}
}

func zeroes(names []string) map[string]float64 {
	all := make(map[string]float64, len(names))
	for _, name := range names {
		all[name] = 0
	}
	return all
}

// postgresLabel is a name of PostgreSQL's as a label: "idle in transaction (aborted)" is idle_in_transaction_aborted.
func postgresLabel(text string) string {
	if first, _, many := strings.Cut(text, " function"); many {
		return first // fastpath function call
	}
	return strings.NewReplacer(" ", "_", "(", "", ")", "").Replace(strings.ToLower(text))
}

// addReplication reads the answer to primaryQuery or replicaQuery.
func (s *postgresState) addReplication(t probes.Table) {
	r := rowOf(t, 0)
	if s.standby {
		s.addLink(r)
		return
	}
	if hidden := r.amount(1); !hidden.known || hidden.v > 0 {
		return
	}
	s.replicas = r.amount(0)
	if s.replicas.v == 0 {
		return
	}
	if s.lagBytes = r.number(2); s.lagBytes.v < 0 {
		s.lagBytes.v = 0 // it replayed what was written after we asked
	}
	// PostgreSQL forgets the time that a replica took once it has nothing left to replay.
	if s.lagSeconds = r.amount(3); !s.lagSeconds.known && s.lagBytes.known && s.lagBytes.v == 0 {
		s.lagSeconds = maybe{known: true}
	}
}

// addLink reads what a replica says of itself. Without a link it has always replayed all that it received, so that then
// only the age of what it has counts.
func (s *postgresState) addLink(r row) {
	receives, status, replayed := r.truth(0), r.text(1), r.truth(2)
	if receives && status == "" {
		return // hidden from us
	}
	s.linkUp = maybe{oneIf(status == "streaming"), true}
	if s.linkUp.v == 1 && replayed {
		s.lagSeconds = maybe{known: true}
		return
	}
	s.lagSeconds = r.amount(3)
}

// addDatabases reads the answer to databasesQuery.
func (s *postgresState) addDatabases(t probes.Table) {
	s.databases = make(map[string][numPostgresCounters]maybe, len(t.Rows))
	for _, values := range t.Rows {
		r := row(values)
		var all [numPostgresCounters]maybe
		for i := range all {
			all[i] = r.amount(i + 1)
		}
		s.databases[r.text(0)] = all
	}
}

// addStatements reads the answer to statementsQuery. An id that is no number could not be asked for again.
func (s *postgresState) addStatements(t probes.Table) {
	for i, values := range t.Rows {
		r := row(values)
		one := postgresStatement{
			id: r.text(0), place: int(r.amount(4).v), totals: statementTotals{r.amount(1), r.amount(2), r.amount(3)},
		}
		if _, err := strconv.ParseInt(one.id, 10, 64); err == nil || i == 0 {
			s.statements = append(s.statements, one)
		}
	}
}

func (s *postgresState) collect(ch chan<- prometheus.Metric, ds descs) {
	role := "primary"
	if s.standby {
		role = "replica"
	}
	ds.gauge(ch, postgresInfo, 1, s.version, role)
	for name, f := range map[string]maybe{
		postgresMaxConnections: s.maxConnections, postgresLockWaits: s.lockWaits, postgresLongestTx: s.longestTx,
		postgresLongestIdle: s.longestIdle, postgresReplicas: s.replicas, postgresLagBytes: s.lagBytes,
		postgresLagSeconds: s.lagSeconds, postgresLinkUp: s.linkUp,
	} {
		if f.known {
			ds.gauge(ch, name, f.v)
		}
	}
	for state, n := range s.connections {
		ds.gauge(ch, postgresConnections, n, state)
	}
	for wait, n := range s.waiting {
		ds.gauge(ch, postgresWaiting, n, wait)
	}
}

// sortedIDs are the ids of statements that have series.
func sortedIDs(ids map[string]*statementSeries) []string {
	all := make([]string, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}
