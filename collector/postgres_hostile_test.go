package collector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// answers is a database that gives one table to each kind of query; none to a query is an error.
type answers struct{ server, activity, databases, replication, statements probes.Table }

func (a *answers) Query(_ context.Context, query string, _ int) (t probes.Table, err error) {
	time.Sleep(time.Millisecond)
	switch query {
	case serverQuery:
		t = a.server
	case activityQuery:
		t = a.activity
	case databasesQuery:
		t = a.databases
	case primaryQuery, replicaQuery:
		t = a.replication
	default:
		t = a.statements
	}
	if t.Rows == nil {
		return t, errors.New("no answer")
	}
	return t, nil
}

func (*answers) Close() {}

func rowsOf(rows ...[]any) probes.Table { return probes.Table{Rows: rows} }

// aPostgres answers as a primary does that began at an instant of its clock.
func aPostgres(started, now float64) *answers {
	return &answers{
		server: rowsOf([]any{started, now, false, "15.18", 20.0, "public.pg_stat_statements(false)", "total_exec_time"}),
		activity: rowsOf([]any{"active", "", 1.0, nil, nil}, []any{"active", "Lock", 1.0, 2.5, nil},
			[]any{"idle in transaction", "Client", 1.0, 8.0, 4.0}, []any{"fastpath function call", "", 1.0, 0.5, nil}),
		databases:   rowsOf([]any{"5", 1.0, 1000.0, 10.0, 200.0, 2.0, 4096.0}, []any{"0", 0.0, 50.0, 5.0, 0.0, 0.0, 0.0}),
		replication: rowsOf([]any{1.0, 0.0, 1024.0, 0.125}),
		statements:  rowsOf([]any{nil, "100", 1.5, 300.0, 0.0}, []any{"-7", "60", 1.25, 60.0, 1.0}),
	}
}

func fullPostgres(t *testing.T) *Postgres {
	t.Helper()
	p := newPostgres(PostgresSpec{Name: "main", Timeout: time.Second, Statements: 2}, nil, quiet())
	first, second, third := aPostgres(1000, 2000), aPostgres(1000, 2005), aPostgres(2006, 2010)
	second.databases = rowsOf([]any{"5", 3.0, 1900.0, 20.0, 230.0, 4.0, 8192.0}, []any{"0", 0.0, 60.0, 5.0, 0.0, 0.0, 0.0})
	second.statements = rowsOf([]any{nil, "120", 1.75, 340.0, 0.0}, []any{"-7", "70", 1.5, 75.0, 1.0})
	third.databases, third.statements = second.databases, second.statements
	for _, db := range []*answers{first, second, third} {
		p.db = db
		p.pull(t.Context())
	}
	replica := aPostgres(2006, 2015) // what no server is: a replica with all that a primary says besides
	replica.server.Rows[0][2] = true
	replica.replication = rowsOf([]any{true, "streaming", true, 60.0})
	s := p.state
	p.db = replica
	p.pull(t.Context())
	p.state.replicas, p.state.lagBytes, p.state.lagSeconds = s.replicas, s.lagBytes, s.lagSeconds
	return p
}

// postgresPage pulls answers one after the other and gives the page after the last.
func postgresPage(t *testing.T, all ...*answers) *prometheus.Registry {
	t.Helper()
	p := newPostgres(PostgresSpec{Name: "main", Timeout: time.Second, Statements: 2}, nil, quiet())
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(p)
	for _, db := range all {
		p.db = db
		p.pull(t.Context())
	}
	return reg
}

func TestPostgresCountersCountOnlyWhatHappened(t *testing.T) {
	hits := "perfwatch_postgres_cache_hits_total" + ofMain
	calls := `perfwatch_postgres_statement_calls_total{postgres="main",queryid="-7"}`
	all := "perfwatch_postgres_statements_total" + ofMain
	next := func(started, now, hits float64, calls string) *answers {
		a := aPostgres(started, now)
		a.databases = rowsOf([]any{"5", 1.0, hits, 10.0, 200.0, 2.0, 0.0})
		a.statements = rowsOf([]any{nil, calls, 1.5, 300.0, 0.0}, []any{"-7", calls, 1.25, 60.0, 1.0})
		return a
	}
	grown := next(1000, 2005, 1300, "160")
	grown.databases.Rows = append(grown.databases.Rows, []any{"6", 0.0, 40.0, 0.0, 0.0, 0.0, 0.0})
	for _, tt := range []struct {
		name string
		then *answers
		want map[string]string
	}{
		{"the same process", next(1000, 2005, 1300, "160"), map[string]string{hits: "300", calls: "60", all: "60"}},
		{"a database is new", grown, map[string]string{hits: "340"}},
		{"its counters were reset", next(1000, 2005, 70, "5"), map[string]string{hits: "70", calls: "5", all: "0"}},
		{"a restart in peace", next(2001, 2005, 1300, "160"), map[string]string{hits: "300", calls: "60", all: "60"}},
		{"a crash", next(2001, 2005, 70, "5"), map[string]string{hits: "70", calls: "5", all: "0"}},
		{"a failover", next(900, 2005, 9000, "900"), map[string]string{hits: "0", calls: "0", all: "0"}},
		{"nothing is known", &answers{server: aPostgres(1000, 2005).server}, map[string]string{hits: "0", calls: "0", all: "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := postgresPage(t, next(1000, 2000, 1000, "100"), tt.then)
				wantSeries(t, reg, tt.want)
			})
		})
	}
}

func TestAPostgresMaySayAnything(t *testing.T) {
	up, main := "perfwatch_postgres_up"+ofMain, func(name string) string { return "perfwatch_postgres_" + name + ofMain }
	with := func(change func(*answers)) *answers {
		a := aPostgres(1000, 2000)
		change(a)
		return a
	}
	for _, tt := range []struct {
		name string
		says *answers
		want map[string]string
	}{
		{"nothing", &answers{server: probes.Table{Rows: [][]any{}}}, map[string]string{up: "0"}},
		{"a row without columns", &answers{server: rowsOf(nil)}, map[string]string{up: "0"}},
		{"texts for numbers", &answers{server: rowsOf([]any{"x", "y", "z", 1, 2, 3, 4})}, map[string]string{up: "0"}},
		{"no more than who it is", &answers{server: aPostgres(1, 2).server}, map[string]string{
			up: "1", main("lock_waits"): "", main("max_connections"): "20", main("deadlocks_total"): "", main("replicas"): "",
			`perfwatch_scrape_success{collector="postgres/main"}`: "0",
		}},
		{"figures that cannot be", with(func(a *answers) {
			a.server.Rows[0][4] = math.Inf(1)
			a.databases = rowsOf([]any{"5", -1.0, math.NaN(), "1e999", nil, true, "12"})
			a.activity = rowsOf([]any{"idle", nil, -5.0, -3.0, math.Inf(1)})
		}), map[string]string{
			up: "1", main("max_connections"): "", main("deadlocks_total"): "", main("cache_hits_total"): "", main("cache_misses_total"): "",
			main("commits_total"): "", main("rollbacks_total"): "0", main("temporary_bytes_total"): "0",
			connectionsIn("idle"): "0", main("longest_transaction_seconds"): "0", main("longest_idle_in_transaction_seconds"): "0",
		}},
		{"states of its own", with(func(a *answers) {
			a.activity = rowsOf([]any{"danc\xffing", "Fun", 2.0, nil, nil}, []any{"active", "Fun", 3.0, nil, nil}, []any{}, nil)
		}), map[string]string{connectionsIn("unknown"): "2", waitingFor("other"): "3", connectionsIn("active"): "3"}},
		{"a version of its own", with(func(a *answers) { a.server.Rows[0][3] = strings.Repeat("\xff", 1000) }), map[string]string{
			`perfwatch_postgres_info{postgres="main",role="primary",version="` + strings.Repeat("\uFFFD", 1) + `"}`: "1",
		}},
		{"replicas that are hidden", with(func(a *answers) { a.replication = rowsOf([]any{0.0, 1.0, nil, nil}) }),
			map[string]string{main("replicas"): "", main("replica_lag_bytes"): ""}},
		{"a replica ahead of us", with(func(a *answers) { a.replication = rowsOf([]any{1.0, 0.0, -8.0, nil}) }),
			map[string]string{main("replicas"): "1", main("replica_lag_bytes"): "0", main("replica_lag_seconds"): "0"}},
		{"ids that are statements", with(func(a *answers) {
			a.statements.Rows = append(a.statements.Rows, []any{"1) OR (1=1", 9.0, 9.0, 9.0, 1.0})
		}), map[string]string{`perfwatch_postgres_statement_calls_total{postgres="main",queryid="1) OR (1=1"}`: "",
			`perfwatch_postgres_statement_calls_total{postgres="main",queryid="-7"}`: "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wantSeries(t, postgresPage(t, tt.says), tt.want) })
		})
	}
}

func TestAReplicaThatHidesItsLinkHasNone(t *testing.T) {
	link, lag := "perfwatch_postgres_replication_link_up"+ofMain, "perfwatch_postgres_replica_lag_seconds"+ofMain
	for _, tt := range []struct {
		name      string
		row       []any
		link, lag string
	}{
		{"streams and has all", []any{true, "streaming", true, 900.0}, "1", "0"},
		{"streams and is behind", []any{true, "streaming", false, 3.5}, "1", "3.5"},
		{"has no receiver", []any{false, nil, true, 900.0}, "0", "900"},
		{"waits for its primary", []any{true, "waiting", true, 900.0}, "0", "900"},
		{"never replayed any", []any{false, nil, false, nil}, "0", ""},
		{"hides it", []any{true, nil, true, 900.0}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := aPostgres(1000, 2000)
				a.server.Rows[0][2], a.replication = true, rowsOf(tt.row)
				wantSeries(t, postgresPage(t, a), map[string]string{link: tt.link, lag: tt.lag})
			})
		})
	}
}

// However often the heaviest statements change, the series are few: a seat is free an hour after its statement left.
func TestStatementsThatComeAndGoHaveFewSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newStatementCounters(2)
		round := func(ids ...int) string {
			all := []postgresStatement{{totals: statementTotals{{1, true}, {1, true}, {1, true}}}}
			for i, id := range ids {
				all = append(all, postgresStatement{id: fmt.Sprint(id), place: i + 1, totals: statementTotals{{5, true}, {5, true}, {5, true}}})
			}
			c.update(time.Now(), all, false)
			return strings.Join(sortedIDs(c.each), " ")
		}
		for _, tt := range []struct {
			after time.Duration
			ids   []int
			want  string
		}{
			{0, []int{1, 2}, "1 2"},
			{time.Minute, []int{3, 4, 1}, "1 2"}, // 1 is asked for as it has series, but in the third place
			{58 * time.Minute, []int{3, 4}, "1 2"},
			{time.Minute, []int{3, 4}, "3 4"},
			{time.Hour, []int{5}, "5"},
		} {
			time.Sleep(tt.after)
			if got := round(tt.ids...); got != tt.want {
				t.Errorf("after %v with %v: series of %s, want %s", tt.after, tt.ids, got, tt.want)
			}
		}
	})
}
