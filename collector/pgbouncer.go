package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// What a pooler may say: a pool is a user in a database.
const (
	maxPools         = 5_000
	maxPoolDatabases = 50
)

// The metrics of PgBouncer.
const (
	pgbouncerUp      = "perfwatch_pgbouncer_up"
	pgbouncerClients = "perfwatch_pgbouncer_client_connections"
	pgbouncerServers = "perfwatch_pgbouncer_server_connections"
	pgbouncerWait    = "perfwatch_pgbouncer_longest_wait_seconds"
)

func pgbouncerFamilies() []Family {
	return []Family{
		{pgbouncerUp, gauge, []string{"pgbouncer"}, "Whether the last SHOW POOLS was answered: 1 or 0. Absent before the first."},
		{pgbouncerClients, gauge, []string{"pgbouncer", "database", "state"},
			"Connections of clients to the pools of a database; state is active, waiting, or what else this version tells apart. " +
				"The first 50 databases have series, the others share database=\"other\". Absent while it is not up, as what follows."},
		{pgbouncerServers, gauge, []string{"pgbouncer", "database", "state"},
			"Connections of the pools to the server; state is active, idle, used, tested, login, or what else this version tells apart."},
		{pgbouncerWait, gauge, []string{"pgbouncer", "database"},
			"How long the client that has waited longest waits for a connection of the pool; 0 if none waits."},
	}
}

// PgBouncer reads the pools of one PgBouncer beside the scrapes, which get what it said last.
type PgBouncer struct {
	descs
	poller
	interval time.Duration
	db       database
	seats    seats // only pull changes it

	pools map[string]*poolState // guarded by mu; by database; nil while the last reading failed
}

// A poolState is the sum of the pools of one database.
type poolState struct {
	clients, servers map[string]float64 // by state
	wait             float64            // seconds
}

// NewPgBouncer makes a collector of a PgBouncer. It is for the caller to register and to Run. Its error is a DSN that
// cannot be read or understood; a pooler that is away is a metric.
func NewPgBouncer(spec PostgresSpec, log *slog.Logger) (*PgBouncer, error) {
	db, err := probes.OpenPgBouncer(spec.DSNFile, spec.Dir)
	if err != nil {
		return nil, fmt.Errorf("reaching pgbouncer %q: %w", spec.Name, err)
	}
	return newPgBouncer(spec, db, log), nil
}

func newPgBouncer(spec PostgresSpec, db database, log *slog.Logger) *PgBouncer {
	return &PgBouncer{
		descs:    newDescs(pgbouncerFamilies(), prometheus.Labels{"pgbouncer": spec.Name}),
		poller:   newPoller("pgbouncer/"+spec.Name, spec.Timeout, log),
		interval: spec.Interval, db: db,
		seats: newSeats(maxPoolDatabases),
	}
}

// Run reads until ctx is done, then closes the connection.
func (p *PgBouncer) Run(ctx context.Context) {
	defer p.db.Close()
	poll(ctx, p.interval, p.pull)
}

// pull reads once.
func (p *PgBouncer) pull(ctx context.Context) {
	p.poller.pull(ctx, func(ctx context.Context) (func(), error) {
		pools, err := p.read(ctx)
		return func() { p.pools = pools }, err
	})
}

// read asks for the pools, and sums them.
func (p *PgBouncer) read(ctx context.Context) (map[string]*poolState, error) {
	t, err := p.db.Query(ctx, "SHOW POOLS", maxPools)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	p.seats.free(now)
	return sumPools(t, func(name string) bool { return p.seats.take(now, name) })
}

// sumPools sums the pools of each database, by the names of the columns: versions add some. The console's own is no pool.
func sumPools(t probes.Table, seated func(string) bool) (map[string]*poolState, error) {
	name := slices.Index(t.Columns, "database")
	if name < 0 || !slices.Contains(t.Columns, "cl_active") {
		return nil, errors.New("reading pools: no such answer as a PgBouncer gives")
	}
	all := map[string]*poolState{}
	for i := range t.Rows {
		r := rowOf(t, i)
		database := infoLabel(r.text(name))
		if database == "pgbouncer" {
			continue
		}
		if !seated(database) {
			database = otherLabel
		}
		if all[database] == nil {
			all[database] = &poolState{clients: map[string]float64{}, servers: map[string]float64{}}
		}
		all[database].add(t.Columns, r)
	}
	return all, nil
}

// add adds one pool.
func (s *poolState) add(columns []string, r row) {
	wait := 0.0
	for i, column := range columns {
		v := r.amount(i)
		if !v.known {
			continue
		}
		if state, ok := strings.CutPrefix(column, "cl_"); ok {
			s.clients[infoLabel(state)] += v.v
		} else if state, ok := strings.CutPrefix(column, "sv_"); ok {
			s.servers[infoLabel(state)] += v.v
		}
		switch column {
		case "maxwait":
			wait += v.v
		case "maxwait_us": // the part of a second
			wait += v.v / 1e6
		}
	}
	s.wait = max(s.wait, wait)
}

// Describe implements prometheus.Collector.
func (p *PgBouncer) Describe(ch chan<- *prometheus.Desc) {
	p.descs.Describe(ch)
	p.scrape.Describe(ch)
}

// Collect implements prometheus.Collector.
func (p *PgBouncer) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scrape.collect(ch)
	if p.scrape.read {
		p.gauge(ch, pgbouncerUp, oneIf(p.pools != nil))
	}
	for database, s := range p.pools {
		for state, n := range s.clients {
			p.gauge(ch, pgbouncerClients, n, database, state)
		}
		for state, n := range s.servers {
			p.gauge(ch, pgbouncerServers, n, database, state)
		}
		p.gauge(ch, pgbouncerWait, s.wait, database)
	}
}
