package probes

import (
	"database/sql"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDigits is the longest text that is taken for an exact integer. PostgreSQL's numeric may have 131,072 digits.
const maxDigits = 1000

// A column of an answer, with its type as the database calls it.
type column struct{ name, kind string }

// columnsOf are the columns as an object takes them, of which no two may have one name.
func columnsOf(rows *sql.Rows) ([]column, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]column, 0, len(types))
	for _, t := range types {
		name := t.Name()
		if slices.ContainsFunc(columns, func(c column) bool { return c.name == name }) {
			return nil, fmt.Errorf("%w: two columns have the name %.100q, of which expect.json sees one: want another name by AS",
				ErrInvalidResponse, name)
		}
		columns = append(columns, column{name, strings.ToUpper(t.DatabaseTypeName())})
	}
	return columns, nil
}

// object is a row as JSON has it.
func object(columns []column, values []any) map[string]any {
	row := make(map[string]any, len(columns))
	for i, v := range values {
		row[columns[i].name] = jsonValue(v, columns[i].kind)
	}
	return row
}

// jsonValue is a value as gojq takes it. What the database calls a number is one, also where a driver gives it as text, which
// gojq takes for more than any number.
func jsonValue(v any, kind string) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case int64:
		return int(v)
	case uint64:
		return integer(strconv.FormatUint(v, 10))
	case float32:
		return single(v)
	case float64:
		if kind == "FLOAT4" {
			return single(float32(v))
		}
		return finite(v)
	case string:
		return textValue(v, kind)
	case []byte:
		if kind == "BIT" && len(v) <= 8 { // of MySQL; PostgreSQL has it as text
			return integer(new(big.Int).SetBytes(v).String())
		}
		return textValue(string(v), kind)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// textValue is the number that a text says, if its column is one of numbers.
func textValue(text, kind string) any {
	if !isNumeric(kind) {
		return text
	}
	if n := integer(text); n != nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64) // what is too large is infinite
	if err != nil && !math.IsInf(f, 0) {
		return text
	}
	return finite(f)
}

// isNumeric tells the types that a driver may give as text: DECIMAL(10,2) is one of SQLite's.
func isNumeric(kind string) bool {
	kind, _, _ = strings.Cut(kind, "(")
	switch kind {
	case "NUMERIC", "DECIMAL", "XID8":
		return true
	}
	return strings.HasPrefix(kind, "UNSIGNED ")
}

// integer is a number without a fraction, exact however large it is; nil of another text.
func integer(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if len(text) <= maxDigits {
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return n
		}
	}
	return nil
}

// single is a number of single precision as the database shows it: 0.1, and not 0.10000000149011612.
func single(f float32) any {
	g, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64) // it cannot fail
	return finite(g)
}

// finite is null instead of what is no number, which JSON does not have.
func finite(f float64) any {
	if math.IsNaN(f) {
		return nil
	}
	return f
}
