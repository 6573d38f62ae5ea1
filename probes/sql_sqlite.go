package probes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// The result codes of SQLite that say more than an error, https://www.sqlite.org/rescode.html. Extended codes have them
// in their lowest byte.
const (
	sqliteBusy, sqliteLocked, sqliteInterrupted = 5, 6, 9
	sqliteIOError, sqliteNoMemory, sqliteFull   = 10, 7, 13
	sqlitePermission, sqliteCannotOpen          = 3, 14
)

// limitAttached is the number of https://www.sqlite.org/c3ref/c_limit_attached.html.
const limitAttached = 7

// sqliteEngine is a file, which is opened to be read only and never made.
func sqliteEngine() engine {
	return engine{open: openSQLite, confine: confineSQLite, begin: beginSQLite, limit: limitSQLite, refusal: refusedBySQLite}
}

// confineSQLite leaves no room for another file, which ATTACH would open to be written and VACUUM INTO would make.
func confineSQLite(conn *sql.Conn) error {
	_, err := sqlite.Limit(conn, limitAttached, 0)
	return err
}

// openSQLite dials nothing. Parameters in the DSN are refused: a _pragma is a statement that may write.
func openSQLite(dsn string, _ dialer) (driver.Connector, error) {
	path := strings.TrimPrefix(dsn, "sqlite:")
	if path == "" || strings.ContainsRune(path, '?') {
		return nil, errDSN
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro"}
	inner, err := sqlite.NewConnector(file.String())
	if err != nil {
		return nil, err
	}
	return &sqliteConnector{inner, path}, nil
}

// An sqliteConnector opens regular files alone: opening a pipe would wait for its writer, whatever the deadline.
type sqliteConnector struct {
	driver.Connector
	path string
}

// Connect implements driver.Connector. What is not there is left to SQLite to say.
func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if info, err := os.Stat(c.path); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	return c.Connector.Connect(ctx)
}

// beginSQLite waits for a lock as long as the limit says. SQLite has no limit for a statement that works: it is
// interrupted when the run's context ends. There is no server to be told the trace.
func beginSQLite(limit time.Duration, _ TraceID) []string {
	return []string{limitSQLite(limit) + "; PRAGMA query_only = 1; BEGIN"}
}

func limitSQLite(limit time.Duration) string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", max(limit.Milliseconds(), 1))
}

func refusedBySQLite(err error) (Outcome, string, bool) {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return Error, "", false
	}
	text := fmt.Sprintf("%.200s", failure.Error())
	switch failure.Code() & 0xff {
	case sqliteBusy, sqliteLocked, sqliteInterrupted:
		return Timeout, text, true
	case sqlitePermission, sqliteCannotOpen, sqliteIOError, sqliteNoMemory, sqliteFull:
		return Error, text, true
	}
	return InvalidResponse, text, true
}
