package collector

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/peer"
)

const ofMain = `{postgres="main"}`

// postgresUser makes a user with the rights that the README asks for, or others.
func postgresUser(t *testing.T, owner *sql.DB, name, rights string) {
	t.Helper()
	execute(t, owner, "CREATE ROLE "+name+" LOGIN PASSWORD 'hunter3'")
	if rights != "" {
		execute(t, owner, rights)
	}
}

// A querier is a *sql.DB, or one session of it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func execute(t *testing.T, db querier, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func postgresOwner(t *testing.T, server *peer.Postgres) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", "postgres://watcher:hunter2@"+server.Address+"/postgres?sslmode=disable&application_name=owner")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// session is a connection of its own, closed when the test ends.
func session(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// watchPostgres makes a collector that logs in as a user. The test reads it by pull.
func watchPostgres(t *testing.T, server *peer.Postgres, user string, log *slog.Logger) (*Postgres, *prometheus.Registry) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dsn")
	writeFile(t, file, "postgres://"+user+":hunter3@"+server.Address+"/postgres?sslmode=disable")
	p, err := NewPostgres(PostgresSpec{Name: "main", DSNFile: file, Timeout: testTimeout, Statements: 5}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.db.Close)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(p)
	return p, reg
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pulled pulls until something holds: what a session does shows on the server a moment later.
func pulled(t *testing.T, p *Postgres, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		p.pull(t.Context())
		if holds() {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// flushed has a session tell what it has counted. Before version 15 it does so when its last word was half a second ago.
func flushed(t *testing.T, session querier) {
	t.Helper()
	var version int
	if err := session.QueryRowContext(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version >= 150_000 {
		execute(t, session, "SELECT pg_stat_force_next_flush()")
	} else {
		execute(t, session, "SELECT pg_sleep(0.6)")
	}
}

// has says that series have these values now.
func has(t *testing.T, reg prometheus.Gatherer, want map[string]string) func() bool {
	return func() bool {
		got := series(t, reg)
		for name, value := range want {
			if got[name] != value {
				return false
			}
		}
		return true
	}
}

func connectionsIn(state string) string {
	return fmt.Sprintf(`perfwatch_postgres_connections{postgres="main",state=%q}`, state)
}

func waitingFor(what string) string {
	return fmt.Sprintf(`perfwatch_postgres_waiting_connections{postgres="main",wait=%q}`, what)
}

func TestPostgresConnectionsAreThoseThatThereAre(t *testing.T) {
	server := peer.StartPostgres(t, "deadlock_timeout=20ms", "autovacuum=off")
	owner := postgresOwner(t, server)
	postgresUser(t, owner, "perfwatch", "GRANT pg_monitor TO perfwatch")
	postgresUser(t, owner, "nobody", "")
	p, reg := watchPostgres(t, server, "perfwatch", quiet())
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_up" + ofMain: ""})
	_ = owner.Close()
	pulled(t, p, "nobody else is there", has(t, reg, map[string]string{
		connectionsIn("idle"): "0", connectionsIn("active"): "1", connectionsIn("hidden"): "0",
	}))
	wantSeries(t, reg, map[string]string{
		"perfwatch_postgres_up" + ofMain: "1", "perfwatch_postgres_max_connections" + ofMain: "20",
		"perfwatch_postgres_lock_waits" + ofMain: "0", "perfwatch_postgres_longest_transaction_seconds" + ofMain: "0",
		"perfwatch_postgres_longest_idle_in_transaction_seconds" + ofMain: "0", "perfwatch_postgres_deadlocks_total" + ofMain: "0",
		"perfwatch_postgres_replicas" + ofMain: "0", "perfwatch_postgres_replica_lag_bytes" + ofMain: "",
		"perfwatch_postgres_replica_lag_seconds" + ofMain: "", "perfwatch_postgres_replication_link_up" + ofMain: "",
		"perfwatch_postgres_statements_total" + ofMain: "", "perfwatch_postgres_restarts_total" + ofMain: "0",
		`perfwatch_scrape_success{collector="postgres/main"}`: "1",
	})
	owner = postgresOwner(t, server)
	t.Run("states", func(t *testing.T) { postgresStatesOf(t, owner, p, reg) })
	t.Run("deadlock", func(t *testing.T) { postgresDeadlock(t, owner, p, reg) })
	t.Run("too few rights", func(t *testing.T) { postgresTooFewRights(t, server, owner) })
	t.Run("not tracked", func(t *testing.T) { postgresNotTracked(t, owner, p, reg) })
}

// postgresStatesOf has sessions in every state at once.
func postgresStatesOf(t *testing.T, owner *sql.DB, p *Postgres, reg prometheus.Gatherer) {
	t.Helper()
	execute(t, owner, "CREATE TABLE accounts (id int PRIMARY KEY, amount int)", "INSERT INTO accounts VALUES (1, 0), (2, 0)")
	holder, waiter, broken := session(t, owner), session(t, owner), session(t, owner)
	session(t, owner) // idle, as the one that made the table
	before := time.Now()
	execute(t, holder, "BEGIN", "UPDATE accounts SET amount = 1 WHERE id = 1")
	execute(t, broken, "BEGIN")
	if _, err := broken.ExecContext(t.Context(), "SELECT 1/0"); err == nil {
		t.Fatal("1/0 is fine")
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = waiter.ExecContext(t.Context(), "UPDATE accounts SET amount = 2 WHERE id = 1") })
	pulled(t, p, "a session waits for a lock", has(t, reg, map[string]string{"perfwatch_postgres_lock_waits" + ofMain: "1"}))
	wantSeries(t, reg, map[string]string{
		connectionsIn("idle_in_transaction"): "1", connectionsIn("idle_in_transaction_aborted"): "1",
		connectionsIn("active"): "2", connectionsIn("disabled"): "0", connectionsIn("unknown"): "0",
		waitingFor("lock"): "1", waitingFor("io"): "0", waitingFor("other"): "0",
	})
	p.pull(t.Context())
	after := time.Now()
	tx := number(t, reg, "perfwatch_postgres_longest_transaction_seconds"+ofMain)
	idle := number(t, reg, "perfwatch_postgres_longest_idle_in_transaction_seconds"+ofMain)
	if most := after.Sub(before).Seconds(); tx > most || idle > tx || idle <= 0 {
		t.Errorf("longest transaction %v s, longest idle %v s, want 0 < idle <= transaction <= %v", tx, idle, most)
	}
	execute(t, holder, "ROLLBACK")
	execute(t, broken, "ROLLBACK")
	wg.Wait()
	pulled(t, p, "all are idle", has(t, reg, map[string]string{
		connectionsIn("idle_in_transaction"): "0", "perfwatch_postgres_lock_waits" + ofMain: "0",
		"perfwatch_postgres_longest_transaction_seconds" + ofMain: "0",
	}))
}

// postgresDeadlock makes two sessions want what the other one has.
func postgresDeadlock(t *testing.T, owner *sql.DB, p *Postgres, reg prometheus.Gatherer) {
	t.Helper()
	one, other := session(t, owner), session(t, owner)
	execute(t, one, "BEGIN", "UPDATE accounts SET amount = 1 WHERE id = 1")
	execute(t, other, "BEGIN", "UPDATE accounts SET amount = 1 WHERE id = 2")
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { _, errs[0] = one.ExecContext(t.Context(), "UPDATE accounts SET amount = 2 WHERE id = 2") })
	wg.Go(func() { _, errs[1] = other.ExecContext(t.Context(), "UPDATE accounts SET amount = 2 WHERE id = 1") })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("%v, %v, want one of them a deadlock", errs[0], errs[1])
	}
	execute(t, one, "ROLLBACK")
	execute(t, other, "ROLLBACK")
	flushed(t, one)
	flushed(t, other)
	pulled(t, p, "the deadlock is counted", has(t, reg, map[string]string{"perfwatch_postgres_deadlocks_total" + ofMain: "1"}))
}

// Whom our role may not look at is counted as hidden, and what could be true of them is not known.
func postgresTooFewRights(t *testing.T, server *peer.Postgres, owner *sql.DB) {
	t.Helper()
	p, reg := watchPostgres(t, server, "nobody", quiet())
	var others int
	row := owner.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
	if err := row.Scan(&others); err != nil {
		t.Fatal(err)
	}
	p.pull(t.Context())
	if hidden := number(t, reg, connectionsIn("hidden")); hidden < float64(others) {
		t.Errorf("%v connections are hidden, want the other %d at least", hidden, others)
	}
	wantSeries(t, reg, map[string]string{
		"perfwatch_postgres_up" + ofMain: "1", connectionsIn("active"): "1", connectionsIn("idle"): "0",
		"perfwatch_postgres_lock_waits" + ofMain: "", waitingFor("lock"): "",
		"perfwatch_postgres_longest_transaction_seconds" + ofMain:         "",
		"perfwatch_postgres_longest_idle_in_transaction_seconds" + ofMain: "",
		"perfwatch_postgres_deadlocks_total" + ofMain:                     "0",
		"perfwatch_postgres_max_connections" + ofMain:                     "20",
	})
}

// A session without track_activities does not say what it does.
func postgresNotTracked(t *testing.T, owner *sql.DB, p *Postgres, reg prometheus.Gatherer) {
	t.Helper()
	silent := session(t, owner)
	execute(t, silent, "SET track_activities = off")
	pulled(t, p, "a session is not tracked", has(t, reg, map[string]string{
		connectionsIn("disabled"): "1", "perfwatch_postgres_longest_transaction_seconds" + ofMain: "",
		"perfwatch_postgres_longest_idle_in_transaction_seconds" + ofMain: "", "perfwatch_postgres_lock_waits" + ofMain: "0",
	}))
}
