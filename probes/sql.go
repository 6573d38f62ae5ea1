package probes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// What one sql probe may hold.
const (
	maxQueries   = 50 // each is a label value
	maxArgs      = 1000
	maxQueryName = 64
)

// wantQueryName is what a label takes.
const wantQueryName = "a name of a-z, 0-9 and _ that begins with a letter, 64 characters at most"

// SQL runs queries against PostgreSQL, MySQL, MariaDB or SQLite, in one transaction that may only read.
type SQL struct {
	DSNFile         string  `yaml:"dsn_file"`         // has a postgres://, mysql:// or sqlite: DSN; read at each connection
	FreshConnection bool    `yaml:"fresh_connection"` // connect anew for every run
	Queries         []Query `yaml:"queries"`          // run in order, until one fails
}

// A Query is one statement that returns rows.
type Query struct {
	Name   string      `yaml:"name"` // of its series
	Query  string      `yaml:"query"`
	Args   []any       `yaml:"args"` // text, numbers, true, false or null; in the order of its placeholders
	Expect QueryExpect `yaml:"expect"`
}

// QueryExpect says which answers of a query are good ones.
type QueryExpect struct {
	MinRows int      `yaml:"min_rows"`
	MaxRows *int     `yaml:"max_rows"` // default: any number that fits in 10 MiB
	Columns []string `yaml:"columns"`  // their names, in order
	JSON    string   `yaml:"json"`     // gojq over the rows, a list of objects; false, null or an error is an invalid_response
}

// SQLResult is what a run of the kind sql found out beside what every run does.
type SQLResult struct {
	Queries []QueryTime // those that were sent; one that failed counts at the time it took
	Pool    PoolStats
}

// A QueryTime is how long a query took, from its sending to its last row.
type QueryTime struct {
	Name     string
	Duration time.Duration
	Start    time.Time
}

// PoolStats are the connections that a probe holds when its run ends.
type PoolStats struct {
	InUse, Idle int
	Opened      int // by this run
}

// Kind implements Spec.
func (*SQL) Kind() string { return "sql" }

// Prober implements Spec. It reads the DSN and connects to nothing.
func (s *SQL) Prober(env Env) (Prober, error) {
	var ms mistakes
	queries := s.compile(&ms)
	c := ms.sqlConnector(s.DSNFile, env, wantDSN, engineOf)
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	p := &sqlProber{connector: c, queries: queries, db: sql.OpenDB(c)}
	p.db.SetMaxOpenConns(maxSQLConns)
	p.db.SetConnMaxLifetime(sqlConnLifetime)
	p.db.SetMaxIdleConns(1)
	if s.FreshConnection {
		p.db.SetMaxIdleConns(-1)
	}
	return p, nil
}

// QueryNames are the names of the queries, in their order.
func (s *SQL) QueryNames() []string {
	names := make([]string, 0, len(s.Queries))
	for i := range s.Queries {
		names = append(names, s.Queries[i].Name)
	}
	return names
}

var queryName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// compile checks the queries and makes their expectations ready to run.
func (s *SQL) compile(ms *mistakes) []compiledQuery {
	if len(s.Queries) == 0 || len(s.Queries) > maxQueries {
		ms.add("queries", given(len(s.Queries)), fmt.Sprintf("1 to %d queries", maxQueries))
		return nil
	}
	compiled := make([]compiledQuery, 0, len(s.Queries))
	names := map[string]bool{}
	for i := range s.Queries {
		q, at := &s.Queries[i], fmt.Sprintf("queries[%d].", i)
		switch {
		case q.Name == "":
			ms.add(at+"name", nil, wantQueryName)
		case !queryName.MatchString(q.Name) || len(q.Name) > maxQueryName:
			ms.add(at+"name", q.Name, wantQueryName)
		case names[q.Name]:
			ms.add(at+"name", q.Name, "a name that no other query of the probe has")
		}
		names[q.Name] = true
		compiled = append(compiled, q.compile(ms, at))
	}
	return compiled
}

// given is a number as the value of a mistake: none at all if it is zero.
func given(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (q *Query) compile(ms *mistakes, at string) compiledQuery {
	c := compiledQuery{Query: *q, rows: expectation{query: q.Expect.JSON}}
	if q.Query == "" {
		ms.add(at+"query", nil, "a statement that returns rows")
	}
	if word := meddles(q.Query); word != "" {
		ms.add(at+"query", word, wantHarmless)
	}
	if len(q.Args) > maxArgs {
		ms.add(at+"args", len(q.Args), fmt.Sprintf("%d at most", maxArgs))
	}
	for i, arg := range q.Args {
		switch arg.(type) {
		case nil, string, bool, int, int64, uint64, float64:
		default:
			ms.add(fmt.Sprintf("%sargs[%d]", at, i), hidden, "text, a number, true, false or null")
		}
	}
	e := &q.Expect
	if e.MinRows < 0 {
		ms.add(at+"expect.min_rows", e.MinRows, "0 or more")
	}
	if e.MaxRows != nil && *e.MaxRows < max(e.MinRows, 0) {
		ms.add(at+"expect.max_rows", *e.MaxRows, "no less than min_rows")
	}
	if e.JSON != "" {
		var err error
		if c.rows.code, err = compileQuery(e.JSON); err != nil {
			ms.add(at+"expect.json", e.JSON, "a gojq query: "+err.Error())
		}
	}
	return c
}

const (
	// maxSQLConns leaves room for one beside a connection that a hung server keeps from ending.
	maxSQLConns = 2
	// sqlConnLifetime bounds how long a name that leads elsewhere, or a DSN that was changed, goes unnoticed.
	sqlConnLifetime = 10 * time.Minute
	// statementSlack is what the server's own limit is shorter than ours, a tenth of short deadlines: a query that the
	// server ends leaves its connection whole.
	statementSlack = 100 * time.Millisecond
	// noDeadline is the server's limit where the run has none.
	noDeadline = time.Hour
)

// An sqlProber keeps its connection from run to run unless the spec asks for fresh ones.
//
// The phases of a run: dns and connect are those of the socket, without the login; request opens the transaction,
// first_byte waits for the first row of each query, and transfer reads the rows. What tells the server a
// shorter limit is in none of them; what closes the transaction is not in the duration either.
type sqlProber struct {
	connector *sqlConnector
	db        *sql.DB
	queries   []compiledQuery
}

// Probe implements Prober.
func (p *sqlProber) Probe(ctx context.Context) (res Result, err error) {
	times := newTimings()
	times.begin()
	found := &SQLResult{}
	var trace TraceID
	var traceparent string
	if p.connector.engine.tells {
		trace, traceparent = newTrace()
	}
	conn, err := p.db.Conn(times.trace(ctx))
	if err == nil {
		times.gotConn()
		err = p.ask(ctx, conn, times, trace, traceparent, found)
	}
	res = Result{ended: time.Now(), TraceID: trace, SQL: found}
	reached := times.reached()
	res.Phases, _ = times.seal(res.ended)
	if conn != nil {
		release(ctx, conn)
	}
	stats := p.db.Stats()
	found.Pool = PoolStats{InUse: stats.InUse, Idle: stats.Idle, Opened: int(p.connector.opened.Swap(0))}
	return res, p.connector.explain(err, reached)
}

// ask runs the queries within one transaction, whose end is left to release.
func (p *sqlProber) ask(
	ctx context.Context, conn *sql.Conn, times *timings, trace TraceID, traceparent string, found *SQLResult,
) error {
	engine, limit := &p.connector.engine, statementLimit(ctx)
	if err := engine.enter(ctx, conn, limit, trace); err != nil {
		return err
	}
	for i := range p.queries {
		q := &p.queries[i]
		if left := statementLimit(ctx); outlives(limit, left) {
			if _, err := conn.ExecContext(ctx, engine.limit(left)); err != nil {
				return fmt.Errorf("limiting: %w", err)
			}
			limit = left
		}
		start := time.Now()
		times.asked()
		got, err := q.run(ctx, conn, engine.traced(q.Query.Query, traceparent), times)
		times.pause()
		found.Queries = append(found.Queries, QueryTime{q.Name, time.Since(start), start})
		if err == nil {
			err = engine.stillOurs(conn)
		}
		if err == nil {
			err = q.judge(ctx, got)
		}
		if err != nil {
			return fmt.Errorf("query %q: %w", q.Name, err)
		}
	}
	return nil
}

// statementLimit is how long the server may work on one statement.
func statementLimit(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return noDeadline
	}
	left := time.Until(deadline)
	return max(left-min(statementSlack, left/10), time.Millisecond)
}

// outlives says that a statement under the limit that the server was told last might go on when the run has given up. Up to
// half the slack it does not, which saves quick queries the round trip of another limit.
func outlives(told, left time.Duration) bool {
	return told-left > min(statementSlack, left/10)/2
}

// Close closes the probe's connections.
func (p *sqlProber) Close() { _ = p.db.Close() }
