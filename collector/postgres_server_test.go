package collector

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestAPostgresThatEndsOrHangsIsDownAndItsCountersStay(t *testing.T) {
	server := peer.StartPostgres(t, "autovacuum=off")
	owner := postgresOwner(t, server)
	postgresUser(t, owner, "perfwatch", "GRANT pg_monitor TO perfwatch")
	var log bytes.Buffer
	p, reg := watchPostgres(t, server, "perfwatch", slog.New(slog.NewTextHandler(&log, nil)))
	p.pull(t.Context())
	execute(t, owner, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i", "SELECT count(*) FROM t")
	flushed(t, owner)
	pulled(t, p, "blocks are counted", func() bool { return number(t, reg, "perfwatch_postgres_cache_hits_total"+ofMain) > 0 })
	down := map[string]string{
		"perfwatch_postgres_up" + ofMain: "0", `perfwatch_scrape_success{collector="postgres/main"}`: "0",
		connectionsIn("idle"): "", "perfwatch_postgres_max_connections" + ofMain: "", "perfwatch_postgres_lock_waits" + ofMain: "",
		"perfwatch_postgres_longest_transaction_seconds" + ofMain: "", "perfwatch_postgres_replicas" + ofMain: "",
		"perfwatch_postgres_restarts_total" + ofMain: "0", "perfwatch_postgres_deadlocks_total" + ofMain: "0",
	}
	up := map[string]string{"perfwatch_postgres_up" + ofMain: "1", "perfwatch_postgres_restarts_total" + ofMain: "0"}

	server.Freeze(t)
	p.timeout = 200 * time.Millisecond
	start := time.Now()
	p.pull(t.Context())
	if took := time.Since(start); took > testTimeout {
		t.Errorf("a server that hangs held a reading up for %v, want 200ms", took)
	}
	wantSeries(t, reg, down)
	p.timeout = testTimeout
	server.Signal(t, syscall.SIGCONT)
	pulled(t, p, "it is up again", has(t, reg, up))

	hits := number(t, reg, "perfwatch_postgres_cache_hits_total"+ofMain)
	_ = server.Cmd.Process.Signal(syscall.SIGQUIT) // as a crash: what it counted is lost
	server.Stop(t)
	p.pull(t.Context())
	wantSeries(t, reg, down)
	if got := number(t, reg, "perfwatch_postgres_cache_hits_total"+ofMain); got != hits {
		t.Errorf("cache hits went from %v to %v while it was away", hits, got)
	}
	server.Restart(t, "autovacuum=off")
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_up" + ofMain: "1", "perfwatch_postgres_restarts_total" + ofMain: "1"})
	since := number(t, reg, "perfwatch_postgres_cache_hits_total"+ofMain) - hits
	var shown float64
	if err := postgresOwner(t, server).QueryRowContext(t.Context(), "SELECT sum(blks_hit) FROM pg_stat_database").Scan(&shown); err != nil {
		t.Fatal(err)
	}
	if since < 0 || since > shown {
		t.Errorf("the restart added %v cache hits, want no more than the %v that it shows", since, shown)
	}
	if text := log.String(); strings.Contains(text, "hunter") || strings.Count(text, "not readable") != 2 {
		t.Errorf("log: %s, want it to say twice that the server is not readable", text)
	}
}

func TestAPostgresThatLetsNobodyInIsDown(t *testing.T) {
	server := peer.StartPostgres(t)
	var log bytes.Buffer
	p, reg := watchPostgres(t, server, "stranger", slog.New(slog.NewTextHandler(&log, nil)))
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{
		"perfwatch_postgres_up" + ofMain: "0", "perfwatch_postgres_restarts_total" + ofMain: "",
		`perfwatch_scrape_success{collector="postgres/main"}`: "0",
	})
	if text := log.String(); !strings.Contains(text, "SQLSTATE 28P01") || strings.Contains(text, "hunter") || strings.Contains(text, "stranger") {
		t.Errorf("log: %s, want that the password is wrong, and no secret", text)
	}
	// It is read again at each connection.
	postgresUser(t, postgresOwner(t, server), "stranger", "")
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_up" + ofMain: "1"})
}

func TestAPostgresThatHangsHoldsUpNoScrape(t *testing.T) {
	server := peer.StartPostgres(t)
	postgresUser(t, postgresOwner(t, server), "perfwatch", "GRANT pg_monitor TO perfwatch")
	p, reg := watchPostgres(t, server, "perfwatch", quiet())
	p.pull(t.Context())
	server.Freeze(t)
	p.timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { p.pull(ctx) })
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_up" + ofMain: "1"}) // it would not return
	cancel()
	wg.Wait()
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_up" + ofMain: "1"}) // our own end is no news of the server
}

func TestStatementsAreThoseThatRan(t *testing.T) {
	server := peer.StartPostgres(t, "shared_preload_libraries=pg_stat_statements", "autovacuum=off")
	owner := postgresOwner(t, server)
	postgresUser(t, owner, "perfwatch", "GRANT pg_monitor TO perfwatch")
	p, reg := watchPostgres(t, server, "perfwatch", quiet())
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{ // it is loaded, but not an extension of the database
		"perfwatch_postgres_up" + ofMain: "1", "perfwatch_postgres_statements_total" + ofMain: "",
		`perfwatch_scrape_success{collector="postgres/main"}`: "1",
	})
	execute(t, owner, `CREATE SCHEMA "Odd Name"`, `CREATE EXTENSION pg_stat_statements SCHEMA "Odd Name"`)
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{"perfwatch_postgres_statements_total" + ofMain: ""})
	execute(t, owner, `GRANT USAGE ON SCHEMA "Odd Name" TO perfwatch`)
	bench(t, server, "-i", "-q", "-s", "1")
	bench(t, server, "-n", "-t", "10")
	execute(t, owner, `SELECT "Odd Name".pg_stat_statements_reset()`)
	bench(t, server, "-n", "-t", "100") // so that its statements are those that take the most time
	p.pull(t.Context())
	p.pull(t.Context())
	var id string
	row := owner.QueryRowContext(t.Context(), `SELECT queryid FROM "Odd Name".pg_stat_statements WHERE query LIKE 'UPDATE pgbench_tellers%'`)
	if err := row.Scan(&id); err != nil {
		t.Fatal(err)
	}
	calls := `perfwatch_postgres_statement_calls_total{postgres="main",queryid="` + id + `"}`
	rows := `perfwatch_postgres_statement_rows_total{postgres="main",queryid="` + id + `"}`
	seconds := `perfwatch_postgres_statement_seconds_total{postgres="main",queryid="` + id + `"}`
	wantSeries(t, reg, map[string]string{calls: "0", rows: "0", seconds: "0"}) // from when perfwatch first saw it
	total := number(t, reg, "perfwatch_postgres_statements_total"+ofMain)
	bench(t, server, "-n", "-t", "50", "-c", "2")
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{calls: "100", rows: "100"})
	if got := number(t, reg, seconds); got <= 0 || got > 60 {
		t.Errorf("100 runs took %v s", got)
	}
	if got := number(t, reg, "perfwatch_postgres_statements_total"+ofMain) - total; got < 700 || got > 800 {
		t.Errorf("%v statements ran, want seven in each of 100 transactions and a few of ours", got)
	}
	execute(t, owner, `SELECT "Odd Name".pg_stat_statements_reset()`)
	bench(t, server, "-n", "-t", "30")
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{calls: "130", rows: "130"})
	if n := strings.Count(page(t, reg, postgresStatementCalls), "queryid="); n != 5 {
		t.Errorf("%d statements have series, want 5", n)
	}
}

// What pgbench and a few statements do is counted, and what they did is known beforehand.
func TestTransactionsBlocksAndFilesAreCounted(t *testing.T) {
	server := peer.StartPostgres(t, "autovacuum=off", "shared_buffers=1MB")
	owner := postgresOwner(t, server)
	postgresUser(t, owner, "perfwatch", "GRANT pg_monitor TO perfwatch")
	p, reg := watchPostgres(t, server, "perfwatch", quiet())
	one := session(t, owner)
	execute(t, one, "CREATE TABLE t AS SELECT i, repeat('x', 1000) AS x FROM generate_series(1, 10000) i", "VACUUM ANALYZE t")
	var pages float64
	if err := one.QueryRowContext(t.Context(), "SELECT relpages FROM pg_class WHERE relname = 't'").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	bench(t, server, "-i", "-q", "-s", "1")
	// did is by how much a counter grows when something is done.
	did := func(name string, what func()) float64 {
		flushed(t, one)
		p.pull(t.Context())
		before := number(t, reg, name+ofMain)
		what()
		flushed(t, one)
		p.pull(t.Context())
		return number(t, reg, name+ofMain) - before
	}
	for _, row := range []struct {
		name        string
		what        func()
		least, most float64
	}{
		{postgresCommits, func() { bench(t, server, "-n", "-t", "50", "-c", "2") }, 100, 130}, // it asks and we do a few
		{postgresRollbacks, func() {
			for range 50 {
				execute(t, one, "BEGIN", "INSERT INTO t VALUES (0)", "ROLLBACK")
			}
		}, 50, 100}, // each of our readings is a few
		{postgresCacheMisses, func() { execute(t, one, "SELECT count(x) FROM t", "SELECT count(x) FROM t") }, 1.5 * pages, 2*pages + 500},
		{postgresCacheHits, func() {
			execute(t, one, "CREATE TABLE few AS SELECT x FROM t LIMIT 140") // in 20 blocks
			for range 50 {
				execute(t, one, "SELECT count(x) FROM few")
			}
		}, 1000, 3000},
		{postgresTempBytes, func() { execute(t, one, "SET work_mem = '64kB'", "SELECT x FROM t ORDER BY x, i DESC") }, 10e6, 20e6},
	} {
		if got := did(row.name, row.what); got < row.least || got > row.most {
			t.Errorf("%s grew by %v, want %v to %v", row.name, got, row.least, row.most)
		}
	}
}

// bench runs pgbench as the owner.
func bench(t *testing.T, server *peer.Postgres, args ...string) {
	t.Helper()
	args = append(args, "postgres://watcher:hunter2@"+server.Address+"/postgres")
	if out, err := exec.Command(peer.Find(t, "postgresql-client-15", "pgbench"), args...).CombinedOutput(); err != nil {
		t.Fatalf("pgbench: %v\n%s", err, out)
	}
}

func TestAReplicaSaysHowFarBehindItIs(t *testing.T) {
	primary := peer.StartPostgres(t, "autovacuum=off")
	owner := postgresOwner(t, primary)
	postgresUser(t, owner, "perfwatch", "GRANT pg_monitor TO perfwatch")
	replica := peer.StartPostgresReplica(t, primary)
	ofPrimary, primaryPage := watchPostgres(t, primary, "perfwatch", quiet())
	ofReplica, replicaPage := watchPostgres(t, replica, "perfwatch", quiet())
	pulled(t, ofPrimary, "a replica streams and has all", has(t, primaryPage, map[string]string{
		"perfwatch_postgres_replicas" + ofMain: "1", "perfwatch_postgres_replica_lag_bytes" + ofMain: "0",
		"perfwatch_postgres_replication_link_up" + ofMain: "",
	}))
	pulled(t, ofReplica, "the replica has all", has(t, replicaPage, map[string]string{
		"perfwatch_postgres_replication_link_up" + ofMain: "1", "perfwatch_postgres_replica_lag_seconds" + ofMain: "0",
		"perfwatch_postgres_replicas" + ofMain: "",
	}))
	if text := page(t, replicaPage, postgresInfo); !strings.Contains(text, `role="replica"`) {
		t.Errorf("%s, want a replica", text)
	}

	// What a replica is told and does not replay.
	execute(t, postgresOwner(t, replica), "SELECT pg_wal_replay_pause()")
	execute(t, owner, "CREATE TABLE t AS SELECT generate_series(1, 10000) AS i")
	pulled(t, ofPrimary, "the replica is behind", func() bool {
		return number(t, primaryPage, "perfwatch_postgres_replica_lag_bytes"+ofMain) > 100_000
	})
	pulled(t, ofReplica, "the replica knows", func() bool {
		return series(t, replicaPage)["perfwatch_postgres_replica_lag_seconds"+ofMain] != "0"
	})
	execute(t, postgresOwner(t, replica), "SELECT pg_wal_replay_resume()")
	pulled(t, ofReplica, "the replica has all again", has(t, replicaPage, map[string]string{
		"perfwatch_postgres_replica_lag_seconds" + ofMain: "0",
	}))

	// One that is cut off has replayed all that it received, and is behind all the same.
	_ = primary.Cmd.Process.Signal(syscall.SIGQUIT)
	primary.Stop(t)
	pulled(t, ofReplica, "the link is down", has(t, replicaPage, map[string]string{"perfwatch_postgres_replication_link_up" + ofMain: "0"}))
	if lag := number(t, replicaPage, "perfwatch_postgres_replica_lag_seconds"+ofMain); lag <= 0 {
		t.Errorf("a replica that is cut off is %v s behind, want more", lag)
	}

	// The replica takes over: it is no restart, and nothing jumps.
	execute(t, postgresOwner(t, replica), "SELECT pg_promote()")
	pulled(t, ofReplica, "it is the primary", has(t, replicaPage, map[string]string{
		"perfwatch_postgres_replication_link_up" + ofMain: "", "perfwatch_postgres_replica_lag_seconds" + ofMain: "",
		"perfwatch_postgres_restarts_total" + ofMain: "0",
	}))
	before := number(t, primaryPage, "perfwatch_postgres_commits_total"+ofMain)
	dsn := filepath.Join(t.TempDir(), "dsn")
	writeFile(t, dsn, "postgres://perfwatch:hunter3@"+replica.Address+"/postgres?sslmode=disable")
	moved, err := NewPostgres(PostgresSpec{Name: "main", DSNFile: dsn, Timeout: testTimeout}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moved.db.Close)
	ofPrimary.db = moved.db
	ofPrimary.pull(t.Context())
	wantSeries(t, primaryPage, map[string]string{"perfwatch_postgres_restarts_total" + ofMain: "1"})
	if after := number(t, primaryPage, "perfwatch_postgres_commits_total"+ofMain); after != before {
		t.Errorf("a failover added %v commits, want none", after-before)
	}
}
