package probes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// maxDSN is the longest DSN that is read, in bytes; maxMessage is the longest answer of a database server that is taken in
// one piece.
const (
	maxDSN     = 16 << 10
	maxMessage = 16 << 20
)

// What is said of a DSN. Nothing of the DSN itself is ever said.
const (
	wantDSNFile = "a file that can be read, from the configuration's folder on"
	wantDSN     = "a file whose one line is a DSN such as postgres://USER:PASSWORD@HOST:PORT/DB, mysql://… or sqlite:PATH"
)

var errDSN = errors.New("want " + wantDSN)

// An engine is what one kind of database does in its own way.
type engine struct {
	// open makes the connections of a DSN, which dial through d.
	open func(dsn string, d dialer) (driver.Connector, error)
	// confine keeps a connection to the database that it was opened for, where that takes more than a statement.
	confine func(conn *sql.Conn) error
	// begin opens a transaction that may only read, with a limit for each of its statements that the server keeps. The
	// server is told the trace where it can show it of a transaction. Where held is nil, what follows the transaction may
	// only read too.
	begin func(limit time.Duration, trace TraceID) []string
	// limit is a statement that sets the limit of those that follow in the transaction.
	limit func(limit time.Duration) string
	// held says whether a driver's connection is still in a transaction, as its server last said.
	held func(conn any) bool
	// refusal tells what the server itself says is wrong; it reports false of any other error.
	refusal func(err error) (o Outcome, text string, ok bool)
	// tells says that there is a server that is told the trace.
	tells bool
	// comments says that each query tells the trace in a comment.
	comments bool
}

// traced is a query with its trace, as https://google.github.io/sqlcommenter/spec/ writes it, though at its beginning: its end
// may be a comment of its own, and is what a list of processes cuts off.
func (e *engine) traced(query, traceparent string) string {
	if !e.comments {
		return query
	}
	return "/*traceparent='" + traceparent + "'*/ " + query
}

// engineOf knows an engine by the scheme of a DSN.
func engineOf(dsn string) (engine, error) {
	if isPostgres(dsn) {
		return postgresEngine(), nil
	}
	switch scheme, _, _ := strings.Cut(dsn, ":"); scheme {
	case "mysql":
		return mysqlEngine(), nil
	case "sqlite":
		return sqliteEngine(), nil
	}
	return engine{}, errDSN
}

// An sqlConnector opens the connections of one probe. It reads the DSN anew for each, so that a password can be rotated.
type sqlConnector struct {
	file   string
	dir    string
	dialer dialer
	engine engine

	opened  atomic.Int64            // connections since the last run said how many
	secrets atomic.Pointer[secrets] // of the DSN read last
}

// sqlConnector reads a DSN and makes what connects to it; want says which DSN is a good one, for which pick has an engine.
func (ms *mistakes) sqlConnector(file string, env Env, want string, pick func(dsn string) (engine, error)) *sqlConnector {
	if file == "" {
		ms.add("dsn_file", nil, wantDSNFile)
		return nil
	}
	c := &sqlConnector{file: inDir(env.Dir, file), dir: env.Dir, dialer: dialer{permit: env.Permit}}
	dsn, err := c.read()
	if err != nil && !errors.Is(err, errDSN) {
		ms.addFile("dsn_file", file, fmt.Sprintf("%s: %v", wantDSNFile, err), err)
		return nil
	}
	if err == nil {
		c.engine, err = pick(dsn)
	}
	if err == nil {
		_, err = c.engine.open(dsn, c.dialer)
	}
	if err != nil {
		ms.add("dsn_file", file, want)
		return nil
	}
	return c
}

// inDir is a file's path where a relative one starts at dir.
func inDir(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// read reads the DSN. The path of an SQLite file starts at the same folder as that of the DSN's file.
func (c *sqlConnector) read() (dsn string, err error) {
	text, err := readBounded(c.file, maxDSN)
	if err != nil {
		return "", err
	}
	dsn = strings.TrimSpace(string(text))
	if strings.ContainsAny(dsn, "\r\n\x00") {
		return "", errDSN
	}
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		dsn = "sqlite:" + inDir(c.dir, path)
	}
	c.secrets.Store(secretsOf(dsn))
	return dsn, nil
}

// Connect implements driver.Connector.
func (c *sqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	dsn, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("reading dsn_file: %w", err)
	}
	inner, err := c.engine.open(dsn, c.dialer)
	if err != nil {
		return nil, errDSN // it was good when the probe was built
	}
	conn, err := inner.Connect(ctx)
	if err == nil {
		c.opened.Add(1)
	}
	return conn, err
}

// Driver implements driver.Connector. Nothing of ours calls it.
func (c *sqlConnector) Driver() driver.Driver { return nil }

// explain names the outcome of an error and says it in words that have nothing of the DSN. What a server answers that has
// no name is an invalid response.
func (c *sqlConnector) explain(err error, reached bool) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	o, says, refused := c.engine.refusal(err)
	switch was := OutcomeOf(err); {
	case was == Timeout, was == Canceled, was == InvalidResponse, was == BodyTooLarge, was == Panic:
	case refused:
		err = &outcomeError{o, err}
		text = says
	case errors.Is(err, driver.ErrBadConn):
		err = &outcomeError{Reset, err}
	case was == Error && reached:
		err = fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	if s := c.secrets.Load(); s != nil {
		text = s.hide(text)
	}
	return shorten(&shortError{text, err})
}

// secrets are the parts of a DSN that no error may show.
type secrets struct{ whole, password, user, database string }

func secretsOf(dsn string) *secrets {
	s := &secrets{whole: dsn}
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		s.password, _, _ = strings.Cut(path, "?")
		return s
	}
	if u, err := url.Parse(dsn); err == nil {
		s.password, _ = u.User.Password()
		s.user, s.database = u.User.Username(), strings.TrimPrefix(u.Path, "/")
		if s.password == "" {
			s.password = u.Query().Get("password")
		}
	}
	return s
}

// hide takes them out of a text. User and database are hidden where they stand by themselves, in quotes or as a value:
// they may be words such as "shop" that a text has anyway.
func (s *secrets) hide(text string) string {
	for _, whole := range []string{s.whole, s.password} {
		if whole != "" {
			text = strings.ReplaceAll(text, whole, hidden)
		}
	}
	for _, name := range []string{s.user, s.database} {
		for _, pair := range []string{`""`, "''", "``", "' ", "' '", "= ", "=`", "=:"} {
			if name == "" {
				break
			}
			text = strings.ReplaceAll(text, pair[:1]+name+pair[1:], pair[:1]+hidden+pair[1:])
		}
	}
	return text
}
