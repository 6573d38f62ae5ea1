package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// postgresCounter names a counter of databasesQuery, in its order.
type postgresCounter int

const (
	deadlocks postgresCounter = iota
	blocksHit
	blocksRead
	commits
	rollbacks
	tempBytes
	numPostgresCounters
)

func (c postgresCounter) metric() string {
	return [numPostgresCounters]string{
		postgresDeadlocks, postgresCacheHits, postgresCacheMisses, postgresCommits, postgresRollbacks, postgresTempBytes,
	}[c]
}

// postgresCounters makes counters that only ever count what happened out of those of whichever server answers. They
// start at zero when a server is first read.
type postgresCounters struct {
	created  time.Time
	totals   [numPostgresCounters]float64
	shown    [numPostgresCounters]bool // once the server has said it
	restarts float64

	started, now float64 // of the last reading
	databases    map[string][numPostgresCounters]maybe

	statements statementCounters
}

// update counts what happened since the last reading.
//
//   - The same process: the difference of each database. A counter that fell was reset; what it shows came since. A
//     database that was not there before is new.
//   - A process that began after the last reading, by the server's own clock: a restart. It keeps its counters if it was
//     shut down in peace and resets them after a crash: again the difference, or what it shows if that is less.
//   - A process that began before: a failover. What it counted is not ours, so that it counts from here.
func (c *postgresCounters) update(at time.Time, s *postgresState) {
	first := c.created.IsZero()
	if first {
		c.created = at
	}
	other := !first && s.started != c.started
	failover := other && s.started <= c.now
	if other {
		c.restarts++
	}
	c.started, c.now = s.started, s.now
	if s.databases != nil {
		c.count(s.databases, first || failover || c.databases == nil, other)
		c.databases = s.databases
	} else if failover {
		c.databases = nil
	}
	c.statements.update(at, s.statements, failover)
}

// count adds up the databases; anew only notes where they are.
func (c *postgresCounters) count(databases map[string][numPostgresCounters]maybe, anew, other bool) {
	for oid, cur := range databases {
		last, known := c.databases[oid]
		for i, f := range cur {
			if !f.known {
				continue
			}
			c.shown[i] = true
			switch {
			case anew, !known && other:
			case !known:
				c.totals[i] += f.v
			case last[i].known && f.v < last[i].v:
				c.totals[i] += f.v
			case last[i].known:
				c.totals[i] += f.v - last[i].v
			}
		}
	}
}

func (c *postgresCounters) collect(ch chan<- prometheus.Metric, ds descs) {
	if c.created.IsZero() {
		return
	}
	ds.counter(ch, postgresRestarts, c.restarts, c.created)
	for i := range numPostgresCounters {
		if c.shown[i] {
			ds.counter(ch, i.metric(), c.totals[i], c.created)
		}
	}
	c.statements.collect(ch, ds)
}

// counter is a counter that began at some time.
func (ds descs) counter(ch chan<- prometheus.Metric, name string, v float64, created time.Time, labels ...string) {
	ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(ds[name], prometheus.CounterValue, v, created, labels...)
}

// statementCounters are those of pg_stat_statements: of all together, and of each that has a seat.
type statementCounters struct {
	all   *statementSeries // nil before the first reading
	seats seats
	each  map[string]*statementSeries // by queryid
}

// A statementSeries counts from when it was made.
type statementSeries struct {
	created time.Time
	counted [3]float64
	last    statementTotals
}

func newStatementCounters(most int) statementCounters {
	return statementCounters{seats: newSeats(most), each: map[string]*statementSeries{}}
}

// update counts the totals in the first of some statements and each of the others; those among the first by their time
// keep their seats, or take one.
func (c *statementCounters) update(at time.Time, statements []postgresStatement, failover bool) {
	for _, id := range c.seats.free(at) {
		delete(c.each, id)
	}
	if failover {
		c.forgetLast()
	}
	for i := range statements {
		one := &statements[i]
		if i == 0 {
			if c.all == nil {
				c.all = &statementSeries{created: at, last: one.totals}
			}
			// The sum falls when rare statements are forgotten: that is no reset, and what came meanwhile is not known.
			c.all.add(one.totals, false)
			continue
		}
		series := c.each[one.id]
		if one.place <= c.seats.most && c.seats.take(at, one.id) && series == nil {
			series = &statementSeries{created: at, last: one.totals}
			c.each[one.id] = series
		}
		if series != nil {
			series.add(one.totals, true)
		}
	}
}

// forgetLast makes the next reading of another server a beginning.
func (c *statementCounters) forgetLast() {
	if c.all != nil {
		c.all.last = statementTotals{}
	}
	for _, series := range c.each {
		series.last = statementTotals{}
	}
}

// add counts the difference; what shows after a fall came since the reset, if it was one.
func (s *statementSeries) add(cur statementTotals, resets bool) {
	for i, f := range cur {
		switch last := s.last[i]; {
		case !f.known:
			continue
		case last.known && f.v >= last.v:
			s.counted[i] += f.v - last.v
		case last.known && resets:
			s.counted[i] += f.v
		}
		s.last[i] = f
	}
}

func (c *statementCounters) collect(ch chan<- prometheus.Metric, ds descs) {
	if c.all != nil {
		ds.counter(ch, postgresStatements, c.all.counted[0], c.all.created)
		ds.counter(ch, postgresStatementsSeconds, c.all.counted[1], c.all.created)
	}
	names := [3]string{postgresStatementCalls, postgresStatementSeconds, postgresStatementRows}
	for id, series := range c.each {
		for i, name := range names {
			ds.counter(ch, name, series.counted[i], series.created, id)
		}
	}
}
