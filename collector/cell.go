package collector

import (
	"math"
	"strconv"

	"github.com/perfwatch/perfwatch/probes"
)

// A maybe is a number that may be unknown.
type maybe struct {
	v     float64
	known bool
}

// A row is one row of a database's answer, which may have other columns than were asked for.
type row []any

// row is a row of an answer, or an empty one.
func rowOf(t probes.Table, i int) row {
	if i < len(t.Rows) {
		return t.Rows[i]
	}
	return nil
}

func (r row) cell(i int) any {
	if i < len(r) {
		return r[i]
	}
	return nil
}

// number is a column's number, unless it is null, no number, or none that a metric should have.
func (r row) number(i int) maybe {
	v, ok := toNumber(r.cell(i))
	return maybe{v, ok}
}

// amount is a figure that cannot be negative.
func (r row) amount(i int) maybe {
	f := r.number(i)
	if f.v < 0 {
		return maybe{}
	}
	return f
}

func (r row) text(i int) string {
	switch v := r.cell(i).(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func (r row) truth(i int) bool {
	v, _ := r.cell(i).(bool)
	return v
}

// toNumber is the number that a value of a database is. Text counts if it is one, as PostgreSQL's numeric is.
func toNumber(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case int64:
		f = float64(v)
	case uint64:
		f = float64(v)
	case float32:
		f = float64(v)
	case float64:
		f = v
	case bool:
		f = oneIf(v)
	case []byte:
		return toNumber(string(v))
	case string:
		var err error
		if f, err = strconv.ParseFloat(v, 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
