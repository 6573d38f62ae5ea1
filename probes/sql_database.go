package probes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// maxTable is about how much one answer of a Database may take, in bytes.
const maxTable = 1 << 20

// wantPostgresDSN is what OpenPostgres takes.
const wantPostgresDSN = "a file whose one line is a DSN such as postgres://USER:PASSWORD@HOST:PORT/DB"

// A Database answers the queries of a collector over one connection, which it keeps. It may only read. It is safe for
// concurrent use; queries wait for each other.
type Database struct {
	connector *sqlConnector
	db        *sql.DB
}

// A Table is an answer. Its values are int64, uint64, float32, float64, bool, string, []byte, time.Time or nil; what PostgreSQL
// calls numeric is a string, and what MySQL calls decimal is bytes.
type Table struct {
	Columns []string
	Rows    [][]any
}

// OpenDatabase makes ready to ask a database of any engine, and connects to nothing. A relative path of the DSN's file
// starts at dir; the file is read at each connection, so that a password can be rotated. Its error joins a *FieldError of
// dsn_file.
func OpenDatabase(dsnFile, dir string) (*Database, error) {
	return openDatabase(dsnFile, dir, wantDSN, func(dsn string) (engine, error) {
		if isPostgres(dsn) {
			return pooledEngine(), nil
		}
		return engineOf(dsn)
	})
}

// OpenPostgres is OpenDatabase for PostgreSQL alone.
func OpenPostgres(dsnFile, dir string) (*Database, error) {
	return openPostgresAs(pooledEngine(), dsnFile, dir)
}

// pooledEngine is a PostgreSQL that may stand behind a pooler.
func pooledEngine() engine {
	return engine{open: openPooled, begin: beginPostgres, refusal: refusedByPostgres}
}

// OpenPgBouncer is OpenPostgres for the console of a PgBouncer, which is the database pgbouncer there. The console knows
// no transactions, and refuses what changes something to a user who may only see its statistics.
func OpenPgBouncer(dsnFile, dir string) (*Database, error) {
	return openPostgresAs(engine{open: openConsole, refusal: refusedByPostgres}, dsnFile, dir)
}

func openPostgresAs(e engine, dsnFile, dir string) (*Database, error) {
	return openDatabase(dsnFile, dir, wantPostgresDSN, func(dsn string) (engine, error) {
		if !isPostgres(dsn) {
			return engine{}, errDSN
		}
		return e, nil
	})
}

func isPostgres(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "postgres" || scheme == "postgresql"
}

func openDatabase(dsnFile, dir, want string, pick func(dsn string) (engine, error)) (*Database, error) {
	var ms mistakes
	c := ms.sqlConnector(dsnFile, Env{Dir: dir}, want, pick)
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	d := &Database{connector: c, db: sql.OpenDB(c)}
	d.db.SetMaxOpenConns(1)
	d.db.SetConnMaxLifetime(sqlConnLifetime)
	return d, nil
}

// openPooled prepares no statements: behind a pooler the next one may go to another server.
func openPooled(dsn string, d dialer) (driver.Connector, error) {
	config, err := postgresConfig(dsn, d)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.GetConnector(*config), nil
}

// openConsole speaks the simple protocol, which is the only one that a console knows, and does not ask whether a
// connection still lives: the console takes that for a wrong command.
func openConsole(dsn string, d dialer) (driver.Connector, error) {
	config, err := postgresConfig(dsn, d)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	never := func(context.Context, stdlib.ShouldPingParams) bool { return false }
	return stdlib.GetConnector(*config, stdlib.OptionShouldPing(never)), nil
}

// Query runs one statement that returns rows, within the context's deadline, in a transaction of its own. Its error has
// nothing of the DSN in it; an answer of more than maxRows rows, or of about 1 MiB, is ErrBodyTooLarge.
func (d *Database) Query(ctx context.Context, query string, maxRows int) (Table, error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return Table{}, d.connector.explain(fmt.Errorf("connecting: %w", err), false)
	}
	t, err := d.ask(ctx, conn, query, maxRows)
	if d.connector.engine.begin != nil {
		release(ctx, conn)
	} else {
		_ = conn.Close() // it only goes back
	}
	return t, d.connector.explain(err, true)
}

func (d *Database) ask(ctx context.Context, conn *sql.Conn, query string, maxRows int) (t Table, err error) {
	if engine := &d.connector.engine; engine.begin != nil {
		if err := engine.enter(ctx, conn, statementLimit(ctx), TraceID{}); err != nil {
			return t, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		cancel()
		return t, fmt.Errorf("asking: %w", err)
	}
	defer func() {
		if err != nil {
			cancel() // before Close, which would read what is left
		}
		_ = rows.Close()
		cancel()
	}()
	if t.Columns, err = rows.Columns(); err != nil {
		return t, fmt.Errorf("reading the answer: %w", err)
	}
	for size := int64(0); rows.Next(); {
		values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err = rows.Scan(into...); err != nil {
			return t, fmt.Errorf("reading the answer: %w", err)
		}
		size += sizeOf(values)
		if size > maxTable || len(t.Rows) == maxRows {
			return t, fmt.Errorf("reading the answer: %w: over %d rows or %d bytes", ErrBodyTooLarge, maxRows, maxTable)
		}
		t.Rows = append(t.Rows, values)
	}
	if err = rows.Err(); err != nil {
		return t, fmt.Errorf("reading the answer: %w", err)
	}
	return t, nil
}

// Close closes the connection.
func (d *Database) Close() { _ = d.db.Close() }
