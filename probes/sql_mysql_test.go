package probes

import (
	"database/sql"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestMariaDB(t *testing.T) {
	server := peer.StartMariaDB(t)
	dsn := "mysql://watcher:hunter2@" + server.Address + "/shop"
	file := writeDSN(t, t.TempDir(), dsn)
	connector, err := openMySQL(dsn, dialer{})
	if err != nil {
		t.Fatal(err)
	}
	owner := sql.OpenDB(connector)
	defer func() { _ = owner.Close() }()
	mustExec(t, owner, holdings, "INSERT INTO holdings VALUES (1, 'AAPL', 2.5), (1, 'MSFT', 4), (2, 'AAPL', 1)")
	t.Run("queries", func(t *testing.T) { mariadbQueries(t, file) })
	t.Run("types", func(t *testing.T) { mariadbTypes(t, file, owner) })
	t.Run("left transaction", func(t *testing.T) {
		leftTransaction(t, file, owner, "INSERT INTO holdings VALUES (9, 'X', 1)", "READ ONLY")
	})
	t.Run("connection", func(t *testing.T) { mariadbConnection(t, file) })
	t.Run("locked table", func(t *testing.T) { lockedTable(t, file, owner, "LOCK TABLES holdings WRITE", "error 1969") })
	t.Run("two slow queries", func(t *testing.T) {
		twoSlowQueries(t, file, owner, func(seconds string) string { return "SELECT SLEEP(" + seconds + ")" },
			"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(61)%' AND id <> CONNECTION_ID()")
	})
	t.Run("refused", func(t *testing.T) { mariadbRefusals(t, server.Address) })
	t.Run("terminated", func(t *testing.T) { mariadbTerminated(t, file, owner) })
	t.Run("stopped", func(t *testing.T) { stoppedServer(t, server.Process, file) })
	t.Run("dead", func(t *testing.T) { deadServer(t, server.Process, file) })
}

func mariadbQueries(t *testing.T, file string) {
	t.Helper()
	rows := append(queryRows(),
		queryRow{"writes", Query{Query: "INSERT INTO holdings VALUES (9, 'X', 1)"}, InvalidResponse, "READ ONLY"},
		queryRow{"two statements", Query{Query: "SELECT 1; DELETE FROM holdings"}, InvalidResponse, "syntax"},
		queryRow{"never answers", Query{Query: "SELECT SLEEP(60)"}, Timeout, ""},
		queryRow{"answers too much", Query{Query: "SELECT repeat('x', 1000) FROM seq_1_to_1000000000"}, BodyTooLarge, "over 10MiB"},
		queryRow{"reads our files", Query{Query: "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE holdings"}, InvalidResponse, ""},
	)
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			tt.query.Name = "q"
			timeout := plenty
			if tt.want == Timeout {
				timeout = serverPatience
			}
			s := takeFor(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{tt.query}}, Env{}), timeout)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); !strings.HasPrefix(got, "connect request first_byte") {
				t.Errorf("phases %s, want connect request first_byte and maybe transfer", got)
			}
		})
	}
}

func mariadbTypes(t *testing.T, file string, owner *sql.DB) {
	t.Helper()
	mustExec(t, owner, "CREATE TABLE types (f FLOAT, u BIGINT UNSIGNED, i INT UNSIGNED, d DOUBLE, e DECIMAL(10,2), b BIT(1), "+
		"s BIGINT, v VARCHAR(9))", "INSERT INTO types VALUES (0.1, 18446744073709551615, 4, 2.5, 9.25, b'1', 5, '7')")
	sameTypes(t, file, "SELECT * FROM types WHERE …", "?", `.[0] | .f == 0.1 and .u == 18446744073709551615 and .i == 4 and
		.d == 2.5 and .e == 9.25 and .b == 1 and .s == 5 and .v == "7"`)
	sameTypes(t, file, "SELECT count(*) AS n, sum(s) AS su, avg(s) AS av, CAST(3 AS UNSIGNED) AS u FROM types WHERE …", "?",
		".[0] == {n: 1, su: 5, av: 5, u: 3}")
}

func mariadbConnection(t *testing.T, file string) {
	t.Helper()
	settings := Query{Name: "q", Query: "SELECT @@tx_read_only AS ro, @@max_statement_time AS t",
		Expect: QueryExpect{JSON: `.[0].t == 3600`}}
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{settings}}, Env{})
	for i, opened := range []int{1, 0, 0} {
		s := Take(t.Context(), p, time.Now())
		if want := (PoolStats{Idle: 1, Opened: opened}); s.Outcome != OK || s.SQL.Pool != want {
			t.Errorf("run %d: %v, pool %+v, want ok and %+v: %v", i, s.Outcome, s.SQL.Pool, want, s.Err)
		}
	}
}

func mariadbRefusals(t *testing.T, address string) {
	t.Helper()
	for _, tt := range []struct {
		name, dsn string
		want      Outcome
		reason    string
	}{
		{"wrong password", "mysql://watcher:swordfish@" + address + "/shop", Refused, "error 1045"},
		{"unknown user", "mysql://stranger:swordfish@" + address + "/shop", Refused, "error 1045"},
		{"unknown database", "mysql://watcher:hunter2@" + address + "/swordfish", Refused, "error 1049"},
		{"no TLS there", "mysql://watcher:hunter2@" + address + "/shop?tls=true", TLSFailure, "TLS"},
		{"no server", "mysql://watcher:swordfish@" + deadAddress(t) + "/shop", Refused, "connection refused"},
		{"no host", "mysql://watcher:swordfish@nobody.invalid/shop", DNSFailure, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := writeDSN(t, t.TempDir(), tt.dsn)
			s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{}), tt.want)
			if s.Outcome != tt.want || !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			wantNoSecrets(t, s.Err, "swordfish", "hunter2", "stranger", "watcher", file)
		})
	}
}

// An administrator ends the connection while a query runs, having seen whose it is.
func mariadbTerminated(t *testing.T, file string, owner *sql.DB) {
	t.Helper()
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT SLEEP(?)", Args: []any{30}}}}, Env{})
	done := make(chan Sample)
	go func() { done <- Take(t.Context(), p, time.Now()) }()
	var id, seen string
	for id == "" {
		_ = owner.QueryRowContext(t.Context(), "SELECT id, info FROM information_schema.processlist "+
			"WHERE info LIKE '%SLEEP(%' AND state = 'User sleep' AND id <> CONNECTION_ID()").Scan(&id, &seen)
	}
	mustExec(t, owner, "KILL "+id)
	s := <-done
	if s.Outcome != Reset {
		t.Errorf("%v, want reset: %v", s.Outcome, s.Err)
	}
	if want := "/*traceparent='00-" + s.TraceID.String() + "-"; !strings.HasPrefix(seen, want) || !strings.Contains(seen, "-01'*/ SELECT SLEEP(") {
		t.Errorf("the server saw %q, want it to begin with %q", seen, want)
	}
}

// TestHostileMySQL is about servers that are none.
func TestHostileMySQL(t *testing.T) {
	packet := func(body string) string { return string([]byte{byte(len(body)), 0, 0, 0}) + body }
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  Outcome
	}{
		{"never answers", hangs, Timeout},
		{"closes at once", func(net.Conn) {}, Reset},
		{"speaks HTTP", insists(strings.Repeat("HTTP/1.1 400 Bad Request\r\n\r\n", 500_000)), InvalidResponse},
		{"speaks garbage", insists(strings.Repeat("\x0a\x00\x00\x01", 100_000)), InvalidResponse},
		{"drips", dripsAfter("\xff\xff\xff\x00"), Timeout},
		{"is too old", insists(packet("\x05old")), InvalidResponse},
		{"refuses and tells", insists(packet("\xff\x15\x04#28000Access denied for user 'watcher'@'h' with hunter2")), Refused},
		{"sends packets without end", forEverFast("\xff\xff\xff\x00" + strings.Repeat("x", 1000)), InvalidResponse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listener(t)
			t.Cleanup(serveAll(l, tt.serve))
			file := writeDSN(t, t.TempDir(), "mysql://watcher:hunter2@"+l.Addr().String()+"/shop")
			s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{}), tt.want)
			if s.Outcome != tt.want {
				t.Errorf("outcome %v, want %v: %v", s.Outcome, tt.want, s.Err)
			}
			wantNoSecrets(t, s.Err, "hunter2", "watcher")
		})
	}
}

func TestAMeteredConnectionEndsALongAnswer(t *testing.T) {
	l := listener(t)
	t.Cleanup(serveAll(l, forEverFast(strings.Repeat("x", 1<<10))))
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	c, buf, taken := &meteredConn{Conn: raw}, make([]byte, 1<<20), 0
	for err == nil {
		var n int
		n, err = c.Read(buf)
		taken += n
	}
	if OutcomeOf(err) != BodyTooLarge || taken > 2*maxMessage {
		t.Errorf("after %d bytes: %v, want body_too_large at %d", taken, err, 2*maxMessage)
	}
	if _, err := c.Write([]byte("next")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); err != nil || n == 0 {
		t.Errorf("after the next command: %d bytes, %v, want some", n, err)
	}
}
