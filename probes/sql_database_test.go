package probes

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func postgresDatabase(t *testing.T, file string) {
	t.Helper()
	d, err := OpenPostgres(filepath.Base(file), filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got, err := d.Query(t.Context(), "SELECT 1::bigint AS n, 1.5::float8 AS f, 2.5::numeric AS d, true AS b, NULL::int AS x, 'x' AS t", 1)
	want := Table{Columns: []string{"n", "f", "d", "b", "x", "t"}, Rows: [][]any{{int64(1), 1.5, "2.5", true, nil, "x"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, tt := range []struct {
		name, query string
		want        Outcome
		reason      string
	}{
		{"as many rows as may be", "SELECT * FROM generate_series(1, 10)", OK, ""},
		{"one row too many", "SELECT * FROM generate_series(1, 11)", BodyTooLarge, "over 10 rows"},
		{"a million rows", "SELECT * FROM generate_series(1, 1000000)", BodyTooLarge, "over 10 rows"},
		{"one long value", "SELECT repeat('x', 1100000)", BodyTooLarge, "1048576 bytes"},
		{"writes", "INSERT INTO holdings VALUES (9, 'X', 1) RETURNING symbol", InvalidResponse, "read-only transaction"},
		{"leaves its transaction", "COMMIT; DELETE FROM holdings", InvalidResponse, "multiple commands"},
		{"is wrong", "SELECT nothing FROM nowhere", InvalidResponse, "SQLSTATE 42P01"},
		{"never ends", "SELECT pg_sleep(60)", Timeout, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			if tt.want == Timeout {
				ctx, cancel = context.WithTimeout(t.Context(), serverPatience)
			}
			defer cancel()
			_, err := d.Query(ctx, tt.query, 10)
			if OutcomeOf(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%v, want %v with %q", err, tt.want, tt.reason)
			}
		})
	}
	if s := d.db.Stats(); s.OpenConnections > 1 {
		t.Errorf("%d connections are open, want one", s.OpenConnections)
	}
}

func TestADatabaseIsAPostgres(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, dsn, want string }{
		{"another server", "mysql://watcher:hunter2@127.0.0.1/shop", "DSN such as postgres://"},
		{"no URL", "host=127.0.0.1 password=hunter2", "DSN such as postgres://"},
		{"a wrong URL", "postgres://watcher:hunter2@127.0.0.1:port/shop", "DSN such as postgres://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := OpenPostgres(writeDSN(t, t.TempDir(), tt.dsn), "")
			var wrong *FieldError
			if d != nil || !errors.As(err, &wrong) || wrong.Field != "dsn_file" || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "hunter") {
				t.Errorf("%v, want dsn_file: %s", err, tt.want)
			}
		})
	}
	var absent *FieldError
	if _, err := OpenPostgres("nowhere", dir); !errors.As(err, &absent) || !absent.Absent {
		t.Errorf("%v, want a file that is absent", err)
	}
	if _, err := OpenPostgres("", dir); err == nil {
		t.Error("no file is fine")
	}
}
