package probes

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverPatience is the deadline of a query that its server must end before we do, on however slow a machine.
const serverPatience = 2 * time.Second

// newSQLite makes a file with a table of three holdings, and a DSN beside it.
func newSQLite(t testing.TB) (dsnFile string, db *sql.DB) {
	t.Helper()
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop 50%.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	mustExec(t, db, "CREATE TABLE holdings (user_id INTEGER, symbol TEXT, quantity REAL)",
		"INSERT INTO holdings VALUES (1, 'AAPL', 2.5), (1, 'MSFT', 4), (2, 'AAPL', 1)")
	return writeDSN(t, dir, "sqlite:"+filepath.Join(dir, "shop 50%.db")+"\n"), db
}

func writeDSN(t testing.TB, dir, dsn string) string {
	t.Helper()
	file := filepath.Join(dir, "dsn")
	if err := os.WriteFile(file, []byte(dsn), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func mustExec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// A queryRow is one query of the three holdings and how it must end.
type queryRow struct {
	name   string
	query  Query
	want   Outcome
	reason string
}

func queryRows() []queryRow {
	two, one := 2, 1
	mine := Query{Query: "SELECT symbol, quantity FROM holdings WHERE user_id = ? ORDER BY symbol", Args: []any{1}}
	expect := func(e QueryExpect) Query { q := mine; q.Expect = e; return q }
	return []queryRow{
		{"rows", mine, OK, ""},
		{"all expectations", expect(QueryExpect{MinRows: 2, MaxRows: &two, Columns: []string{"symbol", "quantity"},
			JSON: `length == 2 and .[0].symbol == "AAPL" and .[0].quantity == 2.5`}), OK, ""},
		{"too few rows", expect(QueryExpect{MinRows: 3}), InvalidResponse, "2 rows, want at least 3"},
		{"too many rows", expect(QueryExpect{MaxRows: &one}), InvalidResponse, "more than 1 rows"},
		{"other columns", expect(QueryExpect{Columns: []string{"symbol"}}), InvalidResponse, `columns "symbol quantity", want "symbol"`},
		{"other values", expect(QueryExpect{JSON: ".[0].quantity > 3"}), InvalidResponse, "gave false"},
		{"no rows as JSON", Query{Query: "SELECT 1 WHERE 1 = 0", Expect: QueryExpect{JSON: "length == 0"}}, OK, ""},
		{"arguments of every kind", Query{
			Query: "SELECT 1 WHERE ? = 'a' AND ? = 1.5 AND ? AND CAST(? AS CHAR(1)) IS NULL", Args: []any{"a", 1.5, true, nil},
			Expect: QueryExpect{MinRows: 1}}, OK, ""},
		{"two columns of one name", Query{Query: "SELECT 1 AS a, 2 AS a", Expect: QueryExpect{JSON: "true"}}, InvalidResponse,
			`two columns have the name "a"`},
		{"two columns of one name, no JSON", Query{Query: "SELECT 1 AS a, 2 AS a"}, OK, ""},
		{"no such table", Query{Query: "SELECT * FROM nothing"}, InvalidResponse, "nothing"},
		{"syntax", Query{Query: "SELEKT"}, InvalidResponse, "SELEKT"},
	}
}

func TestSQLite(t *testing.T) {
	file, _ := newSQLite(t)
	endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
	rows := append(queryRows(),
		queryRow{"writes", Query{Query: "INSERT INTO holdings VALUES (9, 'X', 1) RETURNING symbol"}, InvalidResponse, "readonly"},
		queryRow{"writes after the transaction", Query{Query: "SELECT 1; ROLLBACK; PRAGMA query_only = 0; DELETE FROM holdings"},
			InvalidResponse, "readonly"},
		queryRow{"types", Query{Query: "SELECT count(*) AS n, avg(user_id) AS av, sum(quantity) AS su, '7' AS t FROM holdings",
			Expect: QueryExpect{JSON: `.[0] | .n == 3 and .av > 1.3 and .av < 1.4 and .su == 7.5 and .t == "7"`}}, OK, ""},
		queryRow{"never answers", Query{Query: endless + "count(*) FROM n"}, Timeout, ""},
		queryRow{"never ends", Query{Query: endless + "printf('%1000d', i) FROM n"}, BodyTooLarge, "over 10MiB"},
	)
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			tt.query.Name = "q"
			p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{tt.query}}, Env{})
			s := takeWithin(t, p, tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if s.TraceID != (TraceID{}) {
				t.Errorf("trace %v, of which nobody is told, want none", s.TraceID)
			}
			if q := s.SQL.Queries; len(q) != 1 || q[0].Name != "q" || q[0].Duration <= 0 || q[0].Duration > s.Duration {
				t.Errorf("queries %v of a run of %v, want one, which is timed whatever its outcome", q, s.Duration)
			}
			good := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "n", Query: "SELECT * FROM holdings",
				Expect: QueryExpect{JSON: "length == 3"}}}}, Env{})
			if s := takeWithin(t, good, OK); s.Outcome != OK {
				t.Errorf("asking again: %v: %v", s.Outcome, s.Err)
			}
		})
	}
}

// A query of SQLite may be several statements, of which only the first word is looked at.
func TestSQLiteWritesNoOtherFile(t *testing.T) {
	file, _ := newSQLite(t)
	other := filepath.Join(t.TempDir(), "other.db")
	attach := "SELECT 1; PRAGMA query_only = 0; ATTACH '" + other + "' AS other; CREATE TABLE other.holdings (user_id INTEGER)"
	d, err := OpenDatabase(file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, query := range []string{attach, "COMMIT; VACUUM INTO '" + other + "'", "ATTACH '" + other + "' AS other"} {
		_, err := d.Query(t.Context(), query, 1)
		if OutcomeOf(err) != InvalidResponse || !strings.Contains(err.Error(), "too many attached databases") {
			t.Errorf("%s, for a collector: %v, want invalid_response", query, err)
		}
	}
	s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: attach}}}, Env{}), InvalidResponse)
	if s.Outcome != InvalidResponse {
		t.Errorf("%s: %v, want invalid_response: %v", attach, s.Outcome, s.Err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("another file was made")
	}
}

func TestSQLKeepsItsConnection(t *testing.T) {
	file, _ := newSQLite(t)
	spec := SQL{DSNFile: file, Queries: []Query{{Name: "one", Query: "SELECT 1"}, {Name: "two", Query: "SELECT 2"}}}
	for _, tt := range []struct {
		fresh  bool
		opened []int
		idle   int
	}{{false, []int{1, 0, 0}, 1}, {true, []int{1, 1, 1}, 0}} {
		spec.FreshConnection = tt.fresh
		p := mustBuild(t, &spec, Env{})
		for i, opened := range tt.opened {
			s := takeWithin(t, p, OK)
			want := PoolStats{Idle: tt.idle, Opened: opened}
			if s.Outcome != OK || s.SQL.Pool != want || len(s.SQL.Queries) != 2 {
				t.Errorf("fresh %v, run %d: %v, pool %+v, want ok and %+v: %v", tt.fresh, i, s.Outcome, s.SQL.Pool, want, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); got != "request first_byte transfer" {
				t.Errorf("phases %s, want request first_byte transfer", got)
			}
		}
	}
}

// A writer that holds the file locks its readers out.
func TestSQLiteWaitsForALockAsLongAsItsDeadline(t *testing.T) {
	file, db := newSQLite(t)
	mustExec(t, db, "BEGIN EXCLUSIVE")
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT * FROM holdings"}}}, Env{})
	var s Sample
	for range 5 { // on a busy machine the deadline may be noticed before the lock that it was spent on
		s = takeFor(t, p, serverPatience)
		if s.Outcome != Timeout || s.Duration < serverPatience/2 {
			t.Fatalf("%v after %v, want timeout: %v", s.Outcome, s.Duration, s.Err)
		}
		if strings.Contains(s.Err.Error(), "locked") {
			break
		}
	}
	if !strings.Contains(s.Err.Error(), "locked") {
		t.Errorf("%v, want it to be about a lock", s.Err)
	}
	mustExec(t, db, "ROLLBACK")
	if s := takeWithin(t, p, OK); s.Outcome != OK || s.SQL.Pool.Opened != 0 {
		t.Errorf("once it is free: %v, %d connections opened, want ok on the one that it had: %v", s.Outcome, s.SQL.Pool.Opened, s.Err)
	}
}

func TestSQLiteThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	file := writeDSN(t, dir, "sqlite:shop.db")
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}, Env{Dir: dir})
	s := takeWithin(t, p, Error)
	if s.Outcome != Error || strings.Contains(s.Err.Error(), dir) {
		t.Errorf("%v, want error and no path: %v", s.Outcome, s.Err)
	}
	if _, err := os.Stat(filepath.Join(dir, "shop.db")); err == nil {
		t.Error("the probe made a database")
	}
	if err := os.WriteFile(filepath.Join(dir, "shop.db"), []byte(strings.Repeat("garbage ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := takeWithin(t, p, InvalidResponse); s.Outcome != InvalidResponse {
		t.Errorf("a file of garbage: %v, want invalid_response: %v", s.Outcome, s.Err)
	}
}

// A pipe that nobody writes to would be waited for, by a reload too.
func TestSQLWaitsForNoPipe(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := SQL{DSNFile: writeDSN(t, dir, "sqlite:pipe"), Queries: []Query{{Name: "q", Query: "SELECT 1"}}}
	p := mustBuild(t, &spec, Env{Dir: dir})
	ended := make(chan string, 1)
	go func() {
		_, err := (&SQL{DSNFile: "pipe", Queries: spec.Queries}).Prober(Env{Dir: dir})
		s := takeFor(t, p, patience)
		ended <- fmt.Sprintf("%v, then %v: %v", err, s.Outcome, s.Err)
	}()
	select {
	case got := <-ended:
		want := `dsn_file: "pipe", want a file that can be read, from the configuration's folder on: not a file, then error: not a file`
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	case <-time.After(serverPatience):
		t.Errorf("still waiting for the pipe after %v", serverPatience)
		if f, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil { // who waits is let go
			_ = f.Close()
		}
	}
}

func TestSQLEndsWhenItIsCanceled(t *testing.T) {
	file, _ := newSQLite(t)
	p := mustBuild(t, &SQL{DSNFile: file, Queries: []Query{{Name: "q",
		Query: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"}}}, Env{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if s := Take(ctx, p, time.Now()); s.Outcome != Canceled {
		t.Errorf("%v, want canceled: %v", s.Outcome, s.Err)
	}
}
