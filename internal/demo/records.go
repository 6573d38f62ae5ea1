package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// A quote is a stock with its last two closing prices.
type quote struct {
	Symbol   string  `json:"symbol"`
	Name     string  `json:"name"`
	Close    float64 `json:"close"`
	Previous float64 `json:"previous_close"`
}

func (q quote) change() float64 { return q.Close/q.Previous - 1 }

// A position is one stock of the portfolio.
type position struct {
	quote
	Quantity int     `json:"quantity"`
	Cost     float64 `json:"cost"` // paid for one
	Value    float64 `json:"value"`
	Weight   float64 `json:"weight"` // of the portfolio's value
}

// A recommended stock with what the models need to score it.
type recommended struct {
	quote
	id       int
	features []float64
}

// selectAll runs a query and reads every row.
func selectAll[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("querying the store: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, fmt.Errorf("reading a row: %w", err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading rows: %w", err)
	}
	return all, nil
}

func scanQuote(rows *sql.Rows, q *quote) error {
	return rows.Scan(&q.Symbol, &q.Name, &q.Close, &q.Previous)
}

func scanFloat(rows *sql.Rows, v *float64) error { return rows.Scan(v) }

// quotes returns every stock by its symbol.
func (s *store) quotes(ctx context.Context) ([]quote, error) {
	return selectAll(ctx, s.db, scanQuote, `SELECT symbol, name, close, previous FROM quotes ORDER BY symbol`)
}

// quote returns one stock, or errNotFound.
func (s *store) quote(ctx context.Context, symbol string) (quote, error) {
	found, err := selectAll(ctx, s.db, scanQuote, `SELECT symbol, name, close, previous FROM quotes WHERE symbol = ?`, symbol)
	return only(found, err)
}

// only returns the single row of a lookup, or errNotFound.
func only[T any](rows []T, err error) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, err
	case len(rows) == 0:
		return none, errNotFound
	}
	return rows[0], nil
}

// closes returns the last n closing prices of a stock, oldest first, or errNotFound.
func (s *store) closes(ctx context.Context, symbol string, n int) ([]float64, error) {
	closes, err := selectAll(ctx, s.db, scanFloat, `SELECT p.close FROM prices p JOIN stocks s ON s.id = p.stock
		WHERE s.symbol = ? AND p.day >= ? ORDER BY p.day`, symbol, numDays-n)
	if err == nil && len(closes) == 0 {
		err = errNotFound
	}
	return closes, err
}

// positions returns the portfolio, the largest first.
func (s *store) positions(ctx context.Context) ([]position, error) {
	all, err := selectAll(ctx, s.db, func(rows *sql.Rows, p *position) error {
		return rows.Scan(&p.Symbol, &p.Name, &p.Close, &p.Previous, &p.Quantity, &p.Cost)
	}, `SELECT symbol, name, close, previous, quantity, cost FROM holdings CROSS JOIN quotes ON id = stock
		ORDER BY quantity * close DESC`)
	total := 0.0
	for i := range all {
		all[i].Value = all[i].Close * float64(all[i].Quantity)
		total += all[i].Value
	}
	for i := range all {
		all[i].Weight = all[i].Value / total
	}
	return all, err
}

// values returns what the portfolio was worth on each day, oldest first.
func (s *store) values(ctx context.Context) ([]float64, error) {
	return selectAll(ctx, s.db, scanFloat, `SELECT sum(h.quantity * p.close) FROM holdings h
		CROSS JOIN prices p ON p.stock = h.stock GROUP BY p.day ORDER BY p.day`)
}

// recommended returns all recommendations, or with an id above 0 that one or errNotFound.
func (s *store) recommended(ctx context.Context, id int) ([]recommended, error) {
	all, err := selectAll(ctx, s.db, func(rows *sql.Rows, r *recommended) error {
		var packed []byte
		if err := rows.Scan(&r.Symbol, &r.Name, &r.Close, &r.Previous, &r.id, &packed); err != nil {
			return err
		}
		if r.features = unpackFeatures(packed); len(r.features) != numFeatures {
			return errors.New("features of the wrong length")
		}
		return nil
	}, `SELECT q.symbol, q.name, q.close, q.previous, r.id, s.features FROM recommendations r
		JOIN quotes q ON q.id = r.stock JOIN stocks s ON s.id = r.stock WHERE ?1 = 0 OR r.id = ?1 ORDER BY r.id`, id)
	if err == nil && len(all) == 0 {
		err = errNotFound
	}
	return all, err
}

// search returns up to limit stocks whose symbol or name contains text, or only begins with it, whatever the case.
func (s *store) search(ctx context.Context, text string, prefix bool, limit int) ([]quote, error) {
	pattern := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
	if !prefix {
		pattern = "%" + pattern
	}
	return selectAll(ctx, s.db, scanQuote, `SELECT symbol, name, close, previous FROM quotes
		WHERE symbol LIKE ?1 ESCAPE '\' OR name LIKE ?1 ESCAPE '\' ORDER BY symbol LIMIT ?2`, pattern, limit)
}
