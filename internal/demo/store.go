package demo

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// errNotFound says that the store has no such thing.
var errNotFound = errors.New("not found")

// storeConns is how many queries run at once. It is small: the machine that watches is the machine that answers.
const storeConns = 4

// schema ends with a view of each stock's last two days, numDays-1 and numDays-2. SQLite takes the tables of a cross join
// in the order written; left to itself it scans all prices.
const schema = `
CREATE TABLE stocks (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL UNIQUE, name TEXT NOT NULL, features BLOB NOT NULL);
CREATE TABLE prices (stock INTEGER NOT NULL, day INTEGER NOT NULL, close REAL NOT NULL, PRIMARY KEY (stock, day)) WITHOUT ROWID;
CREATE TABLE holdings (stock INTEGER PRIMARY KEY, quantity INTEGER NOT NULL, cost REAL NOT NULL);
CREATE TABLE recommendations (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL);
CREATE VIEW quotes AS SELECT s.id, s.symbol, s.name, last.close, previous.close AS previous FROM stocks s
	CROSS JOIN prices last ON last.stock = s.id AND last.day = 364
	CROSS JOIN prices previous ON previous.stock = s.id AND previous.day = 363;`

// A store is the platform's database: SQLite in memory, read only once it is filled.
type store struct{ db *sql.DB }

// openStore makes and fills a database of its own.
func openStore(ctx context.Context) (*store, error) {
	db, err := sql.Open("sqlite", "file:/perfwatch-demo-"+rand.Text()+"?vfs=memdb&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	db.SetMaxOpenConns(storeConns)
	db.SetMaxIdleConns(storeConns) // the database ends with its last connection
	s := &store{db: db}
	if err := s.fill(ctx, newMarket()); err != nil {
		return nil, errors.Join(fmt.Errorf("filling the store: %w", err), db.Close())
	}
	return s, nil
}

func (s *store) close() error { return s.db.Close() }

// fill writes the market in one transaction. A year of prices travels as one JSON array: a statement for each stock
// instead of one for each price took 300 ms instead of 800 for 300 stocks.
func (s *store) fill(ctx context.Context, stocks []stock) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no more than an error after Commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	prices, err := tx.PrepareContext(ctx, `INSERT INTO prices SELECT ?, key, value FROM json_each(?)`)
	if err != nil {
		return err
	}
	defer func() { _ = prices.Close() }()
	for i, st := range stocks {
		if _, err := tx.ExecContext(ctx, `INSERT INTO stocks VALUES (?, ?, ?, ?)`, i, st.symbol, st.name,
			packFeatures(featuresOf(st.closes))); err != nil {
			return err
		}
		if _, err := prices.ExecContext(ctx, i, jsonNumbers(st.closes)); err != nil {
			return err
		}
	}
	if err := fillPortfolio(ctx, tx, stocks); err != nil {
		return err
	}
	return tx.Commit()
}

// fillPortfolio writes what is owned and what is recommended.
func fillPortfolio(ctx context.Context, tx *sql.Tx, stocks []stock) error {
	for i := range numOwned {
		if _, err := tx.ExecContext(ctx, `INSERT INTO holdings VALUES (?, ?, ?)`, i, 10*(i%7+1), stocks[i].closes[0]); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO recommendations SELECT id + 1, id FROM stocks WHERE id < ?`, numRecs)
	return err
}

func jsonNumbers(xs []float64) string {
	b := []byte{'['}
	for i, x := range xs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, x, 'f', -1, 64)
	}
	return string(append(b, ']'))
}

func packFeatures(features []float64) []byte {
	var b []byte
	for _, f := range features {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

func unpackFeatures(b []byte) []float64 {
	features := make([]float64, len(b)/8)
	for i := range features {
		features[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return features
}
