package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// A database answers queries; a *probes.Database does.
type database interface {
	Query(ctx context.Context, query string, maxRows int) (probes.Table, error)
	Close()
}

// A PostgresSpec says which PostgreSQL is read, and how.
type PostgresSpec struct {
	Name       string
	DSNFile    string        // read at each connection; a relative path starts at Dir
	Dir        string        // of the configuration
	Interval   time.Duration // between readings
	Timeout    time.Duration // of one reading, connecting included
	Statements int           // how many statements may have series; 0 for none
}

// Postgres reads the statistics of one PostgreSQL server beside the scrapes, which get what it said last. Its role needs
// pg_monitor; with less, what it may not see is absent.
type Postgres struct {
	descs
	poller
	spec PostgresSpec
	db   database

	state    *postgresState   // guarded by mu; nil while the last reading failed
	counters postgresCounters // guarded by mu; they outlive a failure
}

// NewPostgres makes a collector of a PostgreSQL. It is for the caller to register and to Run. Its error is a DSN that
// cannot be read or understood; a server that is away is a metric.
func NewPostgres(spec PostgresSpec, log *slog.Logger) (*Postgres, error) {
	db, err := probes.OpenPostgres(spec.DSNFile, spec.Dir)
	if err != nil {
		return nil, fmt.Errorf("reaching postgres %q: %w", spec.Name, err)
	}
	return newPostgres(spec, db, log), nil
}

func newPostgres(spec PostgresSpec, db database, log *slog.Logger) *Postgres {
	return &Postgres{
		descs:  newDescs(postgresFamilies(), prometheus.Labels{"postgres": spec.Name}),
		poller: newPoller("postgres/"+spec.Name, spec.Timeout, log),
		spec:   spec, db: db,
		counters: postgresCounters{statements: newStatementCounters(spec.Statements)},
	}
}

// Run reads until ctx is done, then closes the connection.
func (p *Postgres) Run(ctx context.Context) {
	defer p.db.Close()
	poll(ctx, p.spec.Interval, p.pull)
}

// pull reads once.
func (p *Postgres) pull(ctx context.Context) {
	p.poller.pull(ctx, func(ctx context.Context) (func(), error) {
		state, err := p.read(ctx)
		return func() {
			if p.state = state; state != nil {
				p.counters.update(time.Now(), state)
			}
		}, err
	})
}

// read asks for all. Its error may stand beside a state: of what could not be read nothing is known.
func (p *Postgres) read(ctx context.Context) (*postgresState, error) {
	server, err := p.db.Query(ctx, serverQuery, 1)
	if err != nil {
		return nil, err
	}
	s, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	replication := primaryQuery
	if s.standby {
		replication = replicaQuery
	}
	var errs []error
	part := func(what, query string, maxRows int, add func(probes.Table)) {
		t, err := p.db.Query(ctx, query, maxRows)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", what, err))
			return
		}
		add(t)
	}
	part("activity", activityQuery, maxPostgresStates, s.addActivity)
	part("databases", databasesQuery, maxPostgresDatabases, s.addDatabases)
	part("replication", replication, 1, s.addReplication)
	if s.statementsFunction != "" && p.spec.Statements > 0 {
		seated := sortedIDs(p.counters.statements.each) // only pull, which calls us, changes it
		query := statementsQuery(s.statementsFunction, s.statementsTime, p.spec.Statements, seated)
		part("statements", query, 1+p.spec.Statements+len(seated), s.addStatements)
	}
	if len(errs) > 0 && ctx.Err() != nil {
		return nil, errs[0] // it hangs
	}
	return s, errors.Join(errs...)
}

// Describe implements prometheus.Collector.
func (p *Postgres) Describe(ch chan<- *prometheus.Desc) {
	p.descs.Describe(ch)
	p.scrape.Describe(ch)
}

// Collect implements prometheus.Collector.
func (p *Postgres) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scrape.collect(ch)
	p.counters.collect(ch, p.descs)
	if p.scrape.read {
		p.gauge(ch, postgresUp, oneIf(p.state != nil))
	}
	if p.state != nil {
		p.state.collect(ch, p.descs)
	}
}
