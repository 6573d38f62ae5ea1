package collector

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

func clientsOf(database, state string) string {
	return fmt.Sprintf(`perfwatch_pgbouncer_client_connections{database=%q,pgbouncer="pool",state=%q}`, database, state)
}

func TestThePoolsOfAPgBouncerAreRead(t *testing.T) {
	server := peer.StartPostgres(t, "password_encryption=md5")
	pooler := peer.StartPgBouncer(t, server)
	file := filepath.Join(t.TempDir(), "dsn")
	writeFile(t, file, "postgres://watcher:hunter2@"+pooler.Address+"/pgbouncer?sslmode=disable")
	p, err := NewPgBouncer(PostgresSpec{Name: "pool", DSNFile: file, Timeout: testTimeout}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.db.Close)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(p)
	db, err := sql.Open("pgx", "postgres://watcher:hunter2@"+pooler.Address+"/postgres?sslmode=disable&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	execute(t, session(t, db), "SELECT 1") // it has the only connection of the pool, until the test ends
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan struct{})
	go func() { defer close(waits); _, _ = db.ExecContext(ctx, "SELECT 1") }()
	wait := `perfwatch_pgbouncer_longest_wait_seconds{database="postgres",pgbouncer="pool"}`
	pooler.WaitFor(t, func() error {
		p.pull(t.Context())
		if got := series(t, reg); got[clientsOf("postgres", "waiting")] != "1" || got[wait] == "0" {
			return fmt.Errorf("waiting for the client that waits: %v", got)
		}
		return nil
	})
	wantSeries(t, reg, map[string]string{
		`perfwatch_pgbouncer_up{pgbouncer="pool"}`: "1", `perfwatch_scrape_success{collector="pgbouncer/pool"}`: "1",
		clientsOf("postgres", "active"): "1", clientsOf("pgbouncer", "active"): "",
		`perfwatch_pgbouncer_server_connections{database="postgres",pgbouncer="pool",state="active"}`: "1",
	})
	cancel()
	<-waits
	pooler.Freeze(t)
	p.timeout = 300 * time.Millisecond
	p.pull(t.Context())
	pooler.Signal(t, syscall.SIGCONT)
	wantSeries(t, reg, map[string]string{`perfwatch_pgbouncer_up{pgbouncer="pool"}`: "0", clientsOf("postgres", "active"): ""})
}

// console is a PgBouncer that gives one answer.
type console struct {
	t   probes.Table
	err error
}

func (c console) Query(context.Context, string, int) (probes.Table, error) { return c.t, c.err }
func (console) Close()                                                     {}

func TestOddPoolsAreNoHarm(t *testing.T) {
	columns := []string{"database", "user", "cl_active", "cl_waiting", "sv_idle", "maxwait", "maxwait_us"}
	many := probes.Table{Columns: columns}
	for i := range 2 * maxPoolDatabases {
		many.Rows = append(many.Rows, []any{fmt.Sprint("db", i), "u", int64(1), int64(0), int64(0), int64(0), int64(0)})
	}
	for _, row := range []struct {
		name string
		c    console
		want map[string]string
	}{
		{"pools of a database are summed", console{t: probes.Table{Columns: columns, Rows: [][]any{
			{"shop", "a", "2", int64(1), int64(1), int64(1), int64(500_000)}, {"shop", "b", int64(3), int64(0), int64(1), int64(0), int64(0)},
		}}}, map[string]string{
			clientsOf("shop", "active"): "5", `perfwatch_pgbouncer_longest_wait_seconds{database="shop",pgbouncer="pool"}`: "1.5",
		}},
		{"figures that are none", console{t: probes.Table{Columns: columns, Rows: [][]any{{"shop", "a", nil, "x", int64(-1), nil, nil}}}},
			map[string]string{clientsOf("shop", "active"): "", clientsOf("shop", "waiting"): ""}},
		{"short rows", console{t: probes.Table{Columns: columns, Rows: [][]any{{"shop"}}}}, map[string]string{clientsOf("shop", "active"): ""}},
		{"other columns", console{t: probes.Table{Columns: []string{"x"}}}, map[string]string{`perfwatch_pgbouncer_up{pgbouncer="pool"}`: "0"}},
		{"no answer", console{err: errors.New("no")}, map[string]string{`perfwatch_pgbouncer_up{pgbouncer="pool"}`: "0"}},
		{"many databases", console{t: many}, map[string]string{clientsOf("db0", "active"): "1", clientsOf("other", "active"): "50"}},
	} {
		p := newPgBouncer(PostgresSpec{Name: "pool", Timeout: time.Second}, row.c, quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(p)
		p.pull(t.Context())
		t.Log(row.name)
		wantSeries(t, reg, row.want)
	}
}

func fullPgBouncer(t *testing.T) *PgBouncer {
	columns := []string{"database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "maxwait", "maxwait_us"}
	p := newPgBouncer(PostgresSpec{Name: "pool", Timeout: time.Second}, console{t: probes.Table{Columns: columns, Rows: [][]any{
		{"shop", "a", int64(2), int64(1), int64(2), int64(0), int64(1), int64(500_000)},
	}}}, quiet())
	p.pull(t.Context())
	return p
}
