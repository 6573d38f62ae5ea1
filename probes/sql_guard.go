package probes

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// wantHarmless is what a query must be at its beginning.
const wantHarmless = "a statement that returns rows and leaves the transaction and the session as they are"

// meddles tells the word with which a query would end the transaction, or change it or the session: "" of another query. It
// reads the query's beginning as PostgreSQL does, and as MySQL and SQLite do. What it does not see, the server refuses, or we
// see afterwards: see engine.
func meddles(query string) string {
	for _, c := range []comments{{nest: true, ends: "\r\n"}, {ends: "\n"}} {
		word, labels := c.firstWord(query)
		// SELECT :a has a parameter of SQLite's.
		if labels && word != "SELECT" && word != "VALUES" || slices.Contains(meddlers(), word) {
			return word
		}
	}
	return ""
}

// meddlers are the words that no query may begin with. Those of the last line begin a block of statements in MariaDB.
func meddlers() []string {
	return []string{
		"ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START", "XA",
		"DEALLOCATE", "DISCARD", "EXECUTE", "LOCK", "PREPARE", "RESET", "SET", "UNLOCK", "USE",
		"CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE",
	}
}

// comments are those of a kind of database: whether they nest, and what ends those of a line.
type comments struct {
	nest bool
	ends string
}

// firstWord is a query's first word, in capitals, and whether it may be the label of a block.
func (c comments) firstWord(query string) (word string, labels bool) {
	rest := c.skip(query)
	n := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if n < 0 {
		n = len(rest)
	}
	return strings.ToUpper(rest[:n]), n > 0 && strings.HasPrefix(c.skip(rest[n:]), ":")
}

// skip leaves out what may stand before a statement. The inside of /*! and /*M! is no comment to MySQL and MariaDB.
func (c comments) skip(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f\v;(\ufeff")
		switch {
		case strings.HasPrefix(query, "--"), strings.HasPrefix(query, "#"):
			query = query[len(query)-len(strings.TrimLeft(query, "-#")):]
			n := strings.IndexAny(query, c.ends)
			if n < 0 {
				return ""
			}
			query = query[n:]
		case strings.HasPrefix(query, "/*!"), strings.HasPrefix(query, "/*M!"):
			_, query, _ = strings.Cut(query, "!")
			query = strings.TrimLeft(query, "0123456789")
		case strings.HasPrefix(query, "*/"): // of what began with /*!
			query = query[2:]
		case strings.HasPrefix(query, "/*"):
			query = c.after(query[2:])
		default:
			return query
		}
	}
}

// after is what follows a comment that has begun.
func (c comments) after(text string) string {
	for depth := 1; depth > 0; {
		n := strings.Index(text, "*/")
		if n < 0 {
			return ""
		}
		if deeper := strings.Index(text, "/*"); c.nest && deeper >= 0 && deeper < n {
			text, depth = text[deeper+2:], depth+1
			continue
		}
		text, depth = text[n+2:], depth-1
	}
	return text
}

// enter opens the transaction on a connection.
func (e *engine) enter(ctx context.Context, conn *sql.Conn, limit time.Duration, trace TraceID) error {
	if e.confine != nil {
		if err := e.confine(conn); err != nil {
			return fmt.Errorf("confining: %w", err)
		}
	}
	for _, statement := range e.begin(limit, trace) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("beginning: %w", err)
		}
	}
	return nil
}

// stillOurs says whether a query has ended the transaction, which costs no round trip.
func (e *engine) stillOurs(conn *sql.Conn) error {
	if e.held == nil {
		return nil
	}
	return conn.Raw(func(c any) error {
		if !e.held(c) {
			return fmt.Errorf("%w: it ended the transaction, want %s", ErrInvalidResponse, wantHarmless)
		}
		return nil
	})
}
