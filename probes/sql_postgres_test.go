package probes

import (
	"database/sql"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

const holdings = "CREATE TABLE holdings (user_id INTEGER, symbol VARCHAR(20), quantity DOUBLE PRECISION)"

// postgresDSN is the DSN of a peer's database as its owner.
func postgresDSN(address string) string {
	return "postgres://watcher:hunter2@" + address + "/postgres?sslmode=disable"
}

func TestPostgres(t *testing.T) {
	server := peer.StartPostgres(t)
	file := writeDSN(t, t.TempDir(), postgresDSN(server.Address))
	owner, err := sql.Open("pgx", postgresDSN(server.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	mustExec(t, owner, holdings, "INSERT INTO holdings VALUES (1, 'AAPL', 2.5), (1, 'MSFT', 4), (2, 'AAPL', 1)")
	t.Run("queries", func(t *testing.T) { postgresQueries(t, file) })
	t.Run("types", func(t *testing.T) { postgresTypes(t, file) })
	t.Run("left transaction", func(t *testing.T) {
		leftTransaction(t, file, owner, "INSERT INTO holdings VALUES (9, 'X', 1) RETURNING symbol", "it ended the transaction")
		simple := writeDSN(t, t.TempDir(), postgresDSN(server.Address)+"&default_query_exec_mode=simple_protocol")
		several := Query{Name: "q", Query: "SELECT 1; COMMIT; INSERT INTO holdings VALUES (9, 'X', 1); BEGIN"}
		s := takeWithin(t, mustBuild(t, &SQL{DSNFile: simple, Queries: []Query{several}}, Env{}), InvalidResponse)
		if s.Outcome != InvalidResponse || !strings.Contains(s.Err.Error(), "multiple commands") {
			t.Errorf("several in the simple protocol: %v, want invalid_response: %v", s.Outcome, s.Err)
		}
	})
	t.Run("connection", func(t *testing.T) { postgresConnection(t, file) })
	t.Run("locked table", func(t *testing.T) { lockedTable(t, file, owner, "LOCK TABLE holdings", "lock timeout") })
	t.Run("server limits", func(t *testing.T) { postgresLimits(t, file, owner) })
	t.Run("two slow queries", func(t *testing.T) {
		twoSlowQueries(t, file, owner, func(seconds string) string { return "SELECT pg_sleep(" + seconds + ")" },
			"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)%' AND state = 'active' AND pid <> pg_backend_pid()")
	})
	t.Run("refused", func(t *testing.T) { postgresRefusals(t, server.Address) })
	t.Run("rotated password", func(t *testing.T) { postgresRotation(t, file, owner, server.Address) })
	t.Run("for a collector", func(t *testing.T) { postgresDatabase(t, file) })
	t.Run("terminated", func(t *testing.T) { postgresTerminated(t, file, owner) })
	t.Run("stopped", func(t *testing.T) { stoppedServer(t, server.Process, file) })
	t.Run("dead", func(t *testing.T) { deadServer(t, server.Process, file) })
}

func postgresQueries(t *testing.T, file string) {
	t.Helper()
	endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
	rows := append(queryRows(),
		queryRow{"writes", Query{Query: "INSERT INTO holdings VALUES (9, 'X', 1) RETURNING symbol"}, InvalidResponse, "read-only transaction"},
		queryRow{"two statements", Query{Query: "SELECT 1; DELETE FROM holdings"}, InvalidResponse, "multiple commands"},
		queryRow{"never answers", Query{Query: "SELECT pg_sleep(60)"}, Timeout, ""},
		queryRow{"never ends", Query{Query: endless + "repeat('x', 1000) FROM n"}, BodyTooLarge, "over 10MiB"},
		queryRow{"never ends, of nothing", Query{Query: endless + "FROM n", Expect: QueryExpect{MaxRows: new(int)}},
			InvalidResponse, "more than 0 rows"},
		queryRow{"one huge value", Query{Query: "SELECT repeat('x', 50000000)"}, BodyTooLarge, ""},
		queryRow{"divides by zero", Query{Query: "SELECT 1 / 0"}, InvalidResponse, "SQLSTATE 22012"},
		queryRow{"types", Query{Query: "SELECT 1::bigint AS a, 1.5::numeric AS b, now() AS c, '{1}'::int[] AS d, 'NaN'::float8 AS e",
			Expect: QueryExpect{JSON: `.[0] | .a == 1 and .b == 1.5 and (.c | startswith("20")) and .d == "{1}" and .e == null`}}, OK, ""},
	)
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			tt.query.Name = "q"
			for i := range len(tt.query.Args) {
				tt.query.Query = strings.Replace(tt.query.Query, "?", "$"+string(rune('1'+i)), 1)
			}
			s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{tt.query}}, Env{}), tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); !strings.HasPrefix(got, "connect request first_byte") {
				t.Errorf("phases %s, want connect request first_byte and maybe transfer", got)
			}
		})
	}
}

func postgresTypes(t *testing.T, file string) {
	t.Helper()
	sameTypes(t, file, "SELECT 0.1::float4 AS f4, sum(i) AS su, avg(i) AS av, sum(i::bigint) AS sb, count(*) AS n, "+
		"12345678901234567890::numeric AS big, extract(epoch from interval '1 h 0.5 s') AS ex, 'NaN'::numeric AS nan, "+
		"'Infinity'::numeric AS inf, '7'::xid8 AS x, 1::oid AS o, B'101' AS bits FROM generate_series(1, 3) i WHERE …", "$1",
		`.[0] | .f4 == 0.1 and .su == 6 and .av == 2 and .sb == 6 and .n == 3 and .big == 12345678901234567890 and .ex == 3600.5
			and .nan == null and .inf > 1e300 and .x == 7 and .o == 1 and .bits == "101" and (tojson | length > 0)`)
	sameTypes(t, file, "SELECT extract(epoch from now() - now()) AS age WHERE …", "$1", ".[0].age < 1000000")
}

// A probe keeps its connection, also where the server ended its query.
func postgresConnection(t *testing.T, file string) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "now", Query: "SELECT pg_sleep(0)"},
		{Name: "rows", Query: "SELECT * FROM holdings", Expect: QueryExpect{MinRows: 3}}}}, Env{})
	for i, opened := range []int{1, 0, 0} {
		s := takeWithin(t, p, OK)
		if want := (PoolStats{Idle: 1, Opened: opened}); s.Outcome != OK || s.SQL.Pool != want {
			t.Errorf("run %d: %v, pool %+v, want ok and %+v: %v", i, s.Outcome, s.SQL.Pool, want, s.Err)
		}
		if q := s.SQL.Queries; len(q) != 2 || q[0].Name != "now" || q[1].Name != "rows" || q[0].Duration+q[1].Duration > s.Duration {
			t.Errorf("queries %v of a run of %v, want now and rows within it", q, s.Duration)
		}
	}
	slow := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT pg_sleep(60)"}}}, Env{})
	for i, opened := range []int{1, 0} {
		s := takeFor(t, slow, serverPatience)
		if s.Outcome != Timeout || s.SQL.Pool.Opened != opened || s.SQL.Queries[0].Duration < serverPatience/2 {
			t.Errorf("slow run %d: %v, %d connections opened, %v, want timeout on the same connection: %v",
				i, s.Outcome, s.SQL.Pool.Opened, s.SQL.Queries, s.Err)
		}
	}
}

// lockedTable runs a query on a table that another holds, and again once it is free.
func lockedTable(t *testing.T, file string, owner *sql.DB, lock, reason string) {
	t.Helper()
	conn, err := owner.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range []string{"BEGIN", lock} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT * FROM holdings", Expect: QueryExpect{MinRows: 3}}}}, Env{})
	if s := takeFor(t, p, serverPatience); s.Outcome != Timeout || !strings.Contains(s.Err.Error(), reason) {
		t.Errorf("%v, want timeout with %q: %v", s.Outcome, reason, s.Err)
	}
	for _, statement := range []string{"ROLLBACK", "UNLOCK TABLES"} {
		_, _ = conn.ExecContext(t.Context(), statement)
	}
	if s := takeWithin(t, p, OK); s.Outcome != OK {
		t.Errorf("once it is free: %v: %v", s.Outcome, s.Err)
	}
}

// What a probe asked for must not go on when the probe has given up, though the server may not have been told.
func postgresLimits(t *testing.T, file string, owner *sql.DB) {
	t.Helper()
	settings := Query{
		Name: "q",
		Query: "SELECT current_setting('transaction_read_only') AS ro, current_setting('statement_timeout') AS t, " +
			"current_setting('application_name') AS a",
		Expect: QueryExpect{JSON: `.[0] | .ro == "on" and .t == "1h" and (.a | test("^perfwatch [0-9a-f]{32}$"))`},
	}
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{settings}}, Env{})
	if s := Take(t.Context(), p, time.Now()); s.Outcome != OK {
		t.Errorf("without a deadline: %v, want a limit of an hour: %v", s.Outcome, s.Err)
	}
	var left int
	err := owner.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' "+
		"AND state = 'active' AND pid <> pg_backend_pid()").Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d queries still run whose probes gave up, %v, want none", left, err)
	}
}

func postgresRefusals(t *testing.T, address string) {
	t.Helper()
	for _, tt := range []struct {
		name, dsn string
		want      Outcome
		reason    string
		phases    string
	}{
		{"wrong password", "postgres://watcher:swordfish@" + address + "/postgres?sslmode=disable", Refused, "SQLSTATE 28P01", "connect"},
		{"unknown user", "postgres://stranger:swordfish@" + address + "/postgres?sslmode=disable", Refused, "SQLSTATE 28P01", "connect"},
		{"unknown database", "postgres://watcher:hunter2@" + address + "/swordfish?sslmode=disable", Refused, "SQLSTATE 3D000", "connect"},
		{"no TLS there", "postgres://watcher:hunter2@" + address + "/postgres?sslmode=require", TLSFailure, "TLS", "connect"},
		{"no server", "postgres://watcher:swordfish@" + deadAddress(t) + "/postgres", Refused, "connection refused", "connect"},
		{"no host", "postgres://watcher:swordfish@nobody.invalid/postgres", DNSFailure, "", "dns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := writeDSN(t, t.TempDir(), tt.dsn)
			s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{}), tt.want)
			if s.Outcome != tt.want || !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			wantNoSecrets(t, s.Err, "swordfish", "hunter2", "stranger", "watcher", file)
			if got := strings.Join(happened(s.Phases), " "); got != tt.phases {
				t.Errorf("phases %s, want %s", got, tt.phases)
			}
		})
	}
}

func wantNoSecrets(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(err.Error(), word) {
			t.Errorf("the error tells %q: %v", word, err)
		}
	}
}

func postgresRotation(t *testing.T, file string, owner *sql.DB, address string) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, FreshConnection: true, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{})
	mustExec(t, owner, "ALTER USER watcher PASSWORD 'swordfish'")
	defer func() { mustExec(t, owner, "ALTER USER watcher PASSWORD 'hunter2'") }()
	if s := takeWithin(t, p, Refused); s.Outcome != Refused {
		t.Errorf("the old password: %v, want refused: %v", s.Outcome, s.Err)
	}
	dir := file[:strings.LastIndexByte(file, '/')]
	writeDSN(t, dir, strings.Replace(postgresDSN(address), "hunter2", "swordfish", 1))
	if s := takeWithin(t, p, OK); s.Outcome != OK {
		t.Errorf("the new password: %v, want ok: %v", s.Outcome, s.Err)
	}
	writeDSN(t, dir, postgresDSN(address))
}

// An administrator ends the connection while a query runs, having seen whose it is.
func postgresTerminated(t *testing.T, file string, owner *sql.DB) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT pg_sleep(30)"}}}, Env{})
	done := make(chan Sample)
	go func() { done <- Take(t.Context(), p, time.Now()) }()
	var seen sql.NullString
	for !seen.Valid {
		err := owner.QueryRowContext(t.Context(), "SELECT max(application_name) FILTER (WHERE pg_terminate_backend(pid)) "+
			"FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()").Scan(&seen)
		if err != nil {
			t.Fatal(err)
		}
	}
	s := <-done
	if s.Outcome != Reset || !strings.Contains(s.Err.Error(), "57P01") {
		t.Errorf("%v, want reset: %v", s.Outcome, s.Err)
	}
	if want := "perfwatch " + s.TraceID.String(); seen.String != want {
		t.Errorf("the server saw %q, want %q", seen.String, want)
	}
}

// stoppedServer runs a probe whose server is frozen after the first run, and thawed after the third.
func stoppedServer(t *testing.T, server *peer.Process, file string) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{})
	if s := takeWithin(t, p, OK); s.Outcome != OK {
		t.Fatalf("before: %v: %v", s.Outcome, s.Err)
	}
	server.Freeze(t)
	for _, how := range []string{"on the connection that it had", "on a new one"} {
		start := time.Now()
		s := takeWithin(t, p, Timeout)
		if s.Outcome != Timeout || time.Since(start) > patience+time.Second {
			t.Fatalf("%s: %v after %v, want timeout after %v: %v", how, s.Outcome, time.Since(start), patience, s.Err)
		}
		wantNoSecrets(t, s.Err, "hunter2", "watcher")
	}
	server.Signal(t, syscall.SIGCONT)
	if s := takeWithin(t, p, OK); s.Outcome != OK {
		t.Errorf("after: %v: %v", s.Outcome, s.Err)
	}
}

func deadServer(t *testing.T, server *peer.Process, file string) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{})
	if s := takeWithin(t, p, OK); s.Outcome != OK {
		t.Fatalf("before: %v: %v", s.Outcome, s.Err)
	}
	server.Signal(t, syscall.SIGKILL)
	server.Stop(t)
	got := takeWithin(t, p, OK).Outcome
	if got != Refused && got != Reset {
		t.Errorf("on the connection that it had: %v, want reset or refused", got)
	}
	if s := takeWithin(t, p, OK); s.Outcome != Refused {
		t.Errorf("on a new one: %v, want refused: %v", s.Outcome, s.Err)
	}
}

// TestHostilePostgres is about servers that are none.
func TestHostilePostgres(t *testing.T) {
	auth := func(kind string) string { return "R\x00\x00\x00\x08\x00\x00\x00" + kind }
	echo := "E\x00\x00\x00\x3dSFATAL\x00VFATAL\x00C28P01\x00Mno \"watcher\" with hunter2 in here\x00\x00"
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  Outcome
	}{
		{"never answers", hangs, Timeout},
		{"closes at once", func(net.Conn) {}, Reset},
		{"speaks HTTP", insists("HTTP/1.1 400 Bad Request\r\n\r\n"), InvalidResponse},
		{"speaks garbage", insists(strings.Repeat("\xff\x00\x01", 100_000)), InvalidResponse},
		{"announces a message of 1 GiB", insists("R\x40\x00\x00\x00"), InvalidResponse},
		{"drips", dripsAfter("R\x00\x00\x10\x00"), Timeout},
		{"asks for the password and tells it", insists(auth("\x03") + echo), Refused},
		{"sends notices for ever", forEverFast("N\x00\x00\x00\x05\x00"), Timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listener(t)
			t.Cleanup(serveAll(l, tt.serve))
			file := writeDSN(t, t.TempDir(), postgresDSN(l.Addr().String()))
			start := time.Now()
			s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{}), tt.want)
			if s.Outcome != tt.want || time.Since(start) > patience+2*time.Second {
				t.Errorf("outcome %v after %v, want %v: %v", s.Outcome, time.Since(start), tt.want, s.Err)
			}
			wantNoSecrets(t, s.Err, "hunter2", "watcher")
		})
	}
}

// insists sends text and waits for the peer to go.
func insists(text string) func(net.Conn) {
	return func(c net.Conn) {
		hasty(text)(c)
		hangs(c)
	}
}

// forEverFast sends piece until nobody takes it.
func forEverFast(piece string) func(net.Conn) {
	all := []byte(strings.Repeat(piece, 1000))
	return func(c net.Conn) {
		for {
			if _, err := c.Write(all); err != nil {
				return
			}
		}
	}
}
