package probes

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresEngine is PostgreSQL and what speaks its protocol.
func postgresEngine() engine {
	return engine{
		open: openPostgres, begin: beginPostgres, limit: limitPostgres, held: heldByPostgres, refusal: refusedByPostgres,
		tells: true,
	}
}

func openPostgres(dsn string, d dialer) (driver.Connector, error) {
	config, err := postgresConfig(dsn, d)
	if err != nil {
		return nil, err
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol { // in which a query may be several
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return stdlib.GetConnector(*config), nil
}

// postgresConfig leaves names to our dialer, so that they are timed and permitted as everywhere.
func postgresConfig(dsn string, d dialer) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errDSN // the error tells the DSN
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return d.dial(ctx, network, address)
	}
	config.MaxProtocolMessageBodyLen = maxMessage
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "perfwatch"
	}
	return config, nil
}

// beginPostgres is one round trip. The limit lasts as long as the transaction, also behind a pooler, and so does the trace
// at the end of the application's name, where the server's log and pg_stat_activity show it: of 63 bytes that a name may
// have, it takes 33.
func beginPostgres(limit time.Duration, trace TraceID) []string {
	begin := "BEGIN READ ONLY; " + limitPostgres(limit)
	if trace != (TraceID{}) {
		begin += "; SELECT set_config('application_name'," +
			" left(current_setting('application_name'), 30) || ' " + trace.String() + "', true)"
	}
	return []string{begin}
}

// limitPostgres gives a lock a little less time than the statement that waits for it, so that the error tells of the lock.
func limitPostgres(limit time.Duration) string {
	return fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d",
		max(limit.Milliseconds(), 1), max((limit-limit/20).Milliseconds(), 1))
}

// heldByPostgres looks at the last thing that the server said. The session itself stays free to write: behind a pooler it is
// not ours alone.
func heldByPostgres(conn any) bool {
	c, ok := conn.(*stdlib.Conn)
	return ok && c.Conn().PgConn().TxStatus() == 'T'
}

// refusedByPostgres goes by the SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html.
func refusedByPostgres(err error) (Outcome, string, bool) {
	var (
		pg   *pgconn.PgError
		long *pgproto3.ExceededMaxBodyLenErr
	)
	if errors.As(err, &long) { // from what has not even let us in, it is garbage
		o := BodyTooLarge
		if connecting := new(pgconn.ConnectError); errors.As(err, &connecting) {
			o = InvalidResponse
		}
		return o, fmt.Sprintf("an answer of %d bytes in one piece, want at most %d", long.ActualBodyLen, long.MaxExpectedBodyLen), true
	}
	if refused := "server refused TLS connection"; strings.Contains(err.Error(), refused) { // it has no type
		return TLSFailure, refused, true
	}
	if !errors.As(err, &pg) {
		return Error, "", false
	}
	text := fmt.Sprintf("%.200s: SQLSTATE %.5s", pg.Message, pg.Code)
	class := ""
	if len(pg.Code) == 5 {
		class = pg.Code[:2]
	}
	switch pg.Code {
	case "57014", "55P03": // statement_timeout, lock_timeout
		return Timeout, text, true
	case "3D000", "53300", "57P03": // no such database, too many connections, starting up or shutting down
		return Refused, text, true
	case "57P01", "57P02", "57P05": // shut down, crashed, idle for too long
		return Reset, text, true
	}
	switch class {
	case "28": // wrong credentials
		return Refused, text, true
	case "08":
		return Reset, text, true
	case "53", "58", "XX": // out of disk or memory, I/O errors, internal errors
		return Error, text, true
	}
	return InvalidResponse, text, true
}
