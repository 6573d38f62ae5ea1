package probes

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlEngine is MySQL and MariaDB.
func mysqlEngine() engine {
	return engine{
		open: openMySQL, begin: beginMySQL, limit: limitMySQL, refusal: refusedByMySQL, tells: true, comments: true,
	}
}

// openMySQL takes the parameters of the driver after the database: ?tls=true, ?charset=utf8mb4. Those that would let a
// server read our files, or a query be several, have no effect.
func openMySQL(dsn string, d dialer) (driver.Connector, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Hostname() == "" {
		return nil, errDSN
	}
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, errDSN // the error may tell the DSN
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	config.Net, config.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	config.User, config.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	config.AllowAllFiles, config.MultiStatements = false, false
	config.Logger = silence{}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &meteredConn{Conn: conn}, nil
	}
	return mysql.NewConnector(config)
}

// silence is a logger for what is returned as an error too.
type silence struct{}

// Print implements mysql.Logger.
func (silence) Print(...any) {}

// A meteredConn bounds what one command may be answered with: the driver itself would take any number of packets for one
// value.
type meteredConn struct {
	net.Conn
	taken int64 // since the last command
}

func (c *meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.taken += int64(n); c.taken > 2*maxMessage {
		return 0, fmt.Errorf("%w: over %s in answer to one command", ErrBodyTooLarge, ByteSize(2*maxMessage))
	}
	return n, err
}

func (c *meteredConn) Write(b []byte) (int, error) {
	c.taken = 0
	return c.Conn.Write(b)
}

// SyscallConn lets the driver see whether a kept connection is still alive.
func (c *meteredConn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// beginMySQL keeps the session from writing too, as the driver does not tell whether a transaction is still open.
func beginMySQL(limit time.Duration, _ TraceID) []string {
	return []string{
		limitMySQL(limit) + " /*M!100101 , tx_read_only = 1 */ /*!50720 , transaction_read_only = 1 */",
		"START TRANSACTION READ ONLY",
	}
}

// limitMySQL says the limit to either of the two: comments that begin with M! are read by MariaDB alone, in seconds, and
// those of 5.7.8 by MySQL alone, in milliseconds.
func limitMySQL(limit time.Duration) string {
	return fmt.Sprintf("SET SESSION /*M!100101 max_statement_time = %.3f */ /*!50708 max_execution_time = %d */",
		limit.Seconds(), max(limit.Milliseconds(), 1))
}

// refusedByMySQL goes by the numbers of https://mariadb.com/kb/en/mariadb-error-code-reference/ and of MySQL's own list.
func refusedByMySQL(err error) (Outcome, string, bool) {
	var failure *mysql.MySQLError
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return TLSFailure, err.Error(), true
	case errors.Is(err, mysql.ErrInvalidConn):
		return Reset, "the connection broke", true
	case !errors.As(err, &failure):
		return Error, "", false
	}
	text := fmt.Sprintf("%.200s: error %d", failure.Message, failure.Number)
	switch failure.Number {
	case 1969, 3024, 1205, 1317: // the two limits, a lock, interrupted
		return Timeout, text, true
	case 1040, 1044, 1045, 1049, 1129, 1130, 1203, 1226, 1251, 1698, 1820, 1862, 3118:
		// Too many connections, wrong credentials, no such database, a host that is not let in, an account that is locked.
		return Refused, text, true
	case 1053, 1152, 1184, 1158, 1159, 1160, 1161, 1927, 3169: // shut down, killed, packets that were lost
		return Reset, text, true
	case 1021, 1037, 1038, 1041, 1135, 1194, 1195: // no disk, no memory, no thread, a table that is broken
		return Error, text, true
	}
	return InvalidResponse, text, true
}
