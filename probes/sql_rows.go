package probes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A compiledQuery is a Query ready to run. It is immutable.
type compiledQuery struct {
	Query
	rows expectation // on the rows as JSON
}

// An answer is what one run of a query gave.
type answer struct {
	columns []string
	count   int
	rows    []any // as objects, if they are looked at
}

// run sends the query as text has it and reads its rows to the end, or to the first that is one too many. It ends with
// ErrBodyTooLarge past 10 MiB of values, counted a byte more for each row.
func (q *compiledQuery) run(ctx context.Context, conn *sql.Conn, text string, times *timings) (got answer, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close, which would read what is left
	rows, err := conn.QueryContext(ctx, text, q.Args...)
	if err != nil {
		return got, err
	}
	defer func() {
		if err != nil {
			cancel()
		}
		_ = rows.Close()
	}()
	if got.columns, err = rows.Columns(); err != nil {
		return got, err
	}
	var named []column
	if q.rows.code != nil {
		if named, err = columnsOf(rows); err != nil {
			return got, err
		}
	}
	values, into := make([]any, len(got.columns)), make([]any, len(got.columns))
	for i := range values {
		into[i] = &values[i]
	}
	for size := int64(0); rows.Next(); {
		if got.count++; got.count == 1 {
			times.firstByte()
		}
		if err := rows.Scan(into...); err != nil {
			return got, err
		}
		if size += sizeOf(values); size > int64(defaultMaxBody) {
			return got, fmt.Errorf("%w: over %s in %d rows", ErrBodyTooLarge, defaultMaxBody, got.count)
		}
		if q.Expect.MaxRows != nil && got.count > *q.Expect.MaxRows {
			return got, fmt.Errorf("%w: more than %d rows", ErrInvalidResponse, *q.Expect.MaxRows)
		}
		if q.rows.code != nil {
			got.rows = append(got.rows, object(named, values))
		}
	}
	return got, rows.Err()
}

// sizeOf is about what a row takes, in bytes; even one without columns takes something.
func sizeOf(row []any) int64 {
	n := int64(1)
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += int64(len(v))
		case []byte:
			n += int64(len(v))
		default:
			n += 8
		}
	}
	return n
}

// judge holds an answer against what is expected of it.
func (q *compiledQuery) judge(ctx context.Context, got answer) error {
	e := &q.Expect
	if got.count < e.MinRows {
		return fmt.Errorf("%w: %d rows, want at least %d", ErrInvalidResponse, got.count, e.MinRows)
	}
	if len(e.Columns) > 0 && !slices.Equal(got.columns, e.Columns) {
		return fmt.Errorf("%w: columns %.200q, want %q",
			ErrInvalidResponse, strings.Join(got.columns, " "), strings.Join(e.Columns, " "))
	}
	if q.rows.code == nil {
		return nil
	}
	if got.rows == nil {
		got.rows = []any{}
	}
	return q.rows.checkValue(ctx, got.rows)
}

// release ends the transaction and gives the connection back. One on which even that fails is not used again.
func release(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return // it was not usable, and is gone
	}
}
