package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// SQLFigures reads a business value by a query, over a connection of its own and in a transaction that may only read. Its
// error is a DSN that cannot be read or understood.
func SQLFigures(dsnFile, dir, query string) (FigureSource, error) {
	db, err := probes.OpenDatabase(dsnFile, dir)
	if err != nil {
		return FigureSource{}, err
	}
	return tableFigures(db, query), nil
}

func tableFigures(db database, query string) FigureSource {
	return FigureSource{
		read: func(ctx context.Context, label string) ([]businessFigure, error) {
			t, err := db.Query(ctx, query, maxFigures)
			if err != nil {
				return nil, err
			}
			return figuresOfTable(t, label)
		},
		close: db.Close,
	}
}

// figuresOfTable takes one number out of one row, or a number of each row beside the column that has the label's name. A
// number that is null is no figure: an average over nothing is one.
func figuresOfTable(t probes.Table, label string) ([]businessFigure, error) {
	labelAt, numberAt := -1, 0
	if label != "" {
		labelAt = slices.Index(t.Columns, label)
		if numberAt = 0; labelAt == 0 {
			numberAt = 1
		}
	}
	switch {
	case label == "" && len(t.Columns) != 1:
		return nil, fmt.Errorf("reading the answer: %d columns, %w", len(t.Columns), errNoLabel)
	case label == "" && len(t.Rows) > 1:
		return nil, fmt.Errorf("reading the answer: %d rows, %w", len(t.Rows), errNoLabel)
	case label != "" && (len(t.Columns) != 2 || labelAt < 0):
		return nil, fmt.Errorf("reading the answer: columns %.200q, want two of which one is %q", t.Columns, label)
	}
	var all []businessFigure
	for i := range t.Rows {
		r := rowOf(t, i)
		if r.cell(numberAt) == nil {
			continue
		}
		n := r.number(numberAt)
		if !n.known {
			return nil, fmt.Errorf("reading the answer: column %.100q has a %T that is no finite number",
				t.Columns[numberAt], r.cell(numberAt))
		}
		f := businessFigure{v: n.v}
		if labelAt >= 0 {
			f.label = labelText(r.cell(labelAt))
		}
		all = append(all, f)
	}
	return all, nil
}

// labelText is a value of a database as a label; null is "".
func labelText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// RedisFigures reads a business value by a command that only reads, over a connection of its own. Its error is a URL that
// cannot be understood.
func RedisFigures(server RedisServer, command []string) (FigureSource, error) {
	conn, err := NewRedisConn(server)
	if err != nil {
		return FigureSource{}, err
	}
	args := make([]any, len(command))
	for i, arg := range command {
		args[i] = arg
	}
	return FigureSource{
		read: func(ctx context.Context, label string) ([]businessFigure, error) {
			reply, err := conn.Do(ctx, args...)
			if err != nil {
				return nil, err
			}
			return figuresOfReply(reply, label)
		},
		close: conn.Close,
	}, nil
}

// figuresOfReply takes one number out of a reply, or pairs of label and number out of a list, as HGETALL and ZRANGE with
// its scores give. No reply, as of a key that is not there, is no figure.
func figuresOfReply(reply any, label string) ([]businessFigure, error) {
	if reply == nil {
		return nil, nil
	}
	if label == "" {
		n, ok := toNumber(reply)
		if !ok {
			return nil, fmt.Errorf("reading the reply: %T %.100q, %w", reply, fmt.Sprint(reply), errNoLabel)
		}
		return []businessFigure{{v: n}}, nil
	}
	list, ok := reply.([]any)
	if !ok || len(list)%2 != 0 {
		return nil, fmt.Errorf("reading the reply: %T, want a list of values of %s and numbers, one after the other", reply, label)
	}
	all := make([]businessFigure, 0, len(list)/2)
	for pair := range slices.Chunk(list, 2) {
		n, ok := toNumber(pair[1])
		if !ok {
			return nil, fmt.Errorf("reading the reply: %.100q is no finite number", fmt.Sprint(pair[1]))
		}
		all = append(all, businessFigure{labelText(pair[0]), n})
	}
	return all, nil
}

// JSONFigures reads a business value from a web server's JSON.
func JSONFigures(f *probes.Figures) FigureSource {
	return FigureSource{
		read: func(ctx context.Context, label string) ([]businessFigure, error) {
			v, err := f.Read(ctx)
			if err != nil {
				return nil, err
			}
			return figuresOfJSON(v, label)
		},
		close: f.Close,
	}
}

// figuresOfJSON takes a number, or an object of numbers by value of the label, whose keys it sorts. A null in it is no
// figure.
func figuresOfJSON(v any, label string) ([]businessFigure, error) {
	if label == "" {
		n, ok := jsonNumber(v)
		if !ok {
			return nil, fmt.Errorf("reading the answer: the query gave %T, %w", v, errNoLabel)
		}
		return []businessFigure{{v: n}}, nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reading the answer: the query gave %T, want an object of numbers by %s", v, label)
	}
	var all []businessFigure
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if object[key] == nil {
			continue
		}
		n, ok := jsonNumber(object[key])
		if !ok {
			return nil, errors.New("reading the answer: the query gave an object in which not all are numbers")
		}
		all = append(all, businessFigure{key, n})
	}
	return all, nil
}

// jsonNumber is a number of gojq's, which has three types of them.
func jsonNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return toNumber(v)
	case interface{ Float64() (float64, error) }:
		f, err := v.Float64()
		n, ok := toNumber(f)
		return n, ok && err == nil
	case interface{ String() string }: // a big integer
		return toNumber(v.String())
	}
	return 0, false
}
