package probes

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatADatabaseCallsANumberIsOneInJSON(t *testing.T) {
	whole := func(text string) *big.Int { n, _ := new(big.Int).SetString(text, 10); return n }
	long := strings.Repeat("9", 131072)
	for _, tt := range []struct {
		v    any
		kind string
		want any
	}{
		{int64(7), "INT8", 7},
		{uint64(3), "UNSIGNED BIGINT", 3},
		{uint64(math.MaxUint64), "UNSIGNED BIGINT", whole("18446744073709551615")},
		{[]byte("18446744073709551615"), "UNSIGNED BIGINT", whole("18446744073709551615")},
		{float32(0.1), "FLOAT", 0.1},
		{float64(float32(0.1)), "FLOAT4", 0.1},
		{2.5, "DOUBLE", 2.5},
		{"1.5", "NUMERIC", 1.5},
		{"6", "NUMERIC", 6},
		{"-12345678901234567890", "NUMERIC", whole("-12345678901234567890")},
		{[]byte("9.25"), "DECIMAL", 9.25},
		{"9.25", "DECIMAL(10,2)", 9.25},
		{"742", "XID8", 742},
		{"NaN", "NUMERIC", nil},
		{math.NaN(), "FLOAT8", nil},
		{"Infinity", "NUMERIC", math.Inf(1)},
		{"-Infinity", "NUMERIC", math.Inf(-1)},
		{long, "NUMERIC", math.Inf(1)},
		{"about 5", "DECIMAL", "about 5"},
		{[]byte{1, 2}, "BIT", 258},
		{"101", "BIT", "101"},
		{"7", "TEXT", "7"},
		{[]byte("7"), "VARCHAR", "7"},
		{true, "BOOL", true},
		{nil, "NUMERIC", nil},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "TIMESTAMPTZ", "2026-01-02T03:04:05Z"},
		{int8(3), "", "3"},
	} {
		got := jsonValue(tt.v, tt.kind)
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
			t.Errorf("%.30v of %s:\n%s", tt.v, tt.kind, diff)
		}
		code, err := compileQuery("tojson")
		if err != nil {
			t.Fatal(err)
		}
		q := expectation{query: "tojson", code: code}
		if err := q.checkValue(t.Context(), []any{got}); err != nil {
			t.Errorf("%.30v of %s breaks JSON: %v", tt.v, tt.kind, err)
		}
	}
}

// sameTypes asks with and without an argument, which are two protocols of a server. The query has a place for a condition.
func sameTypes(t *testing.T, file, query, placeholder, want string) {
	t.Helper()
	for _, q := range []Query{
		{Query: strings.Replace(query, "…", "1 = 1", 1)},
		{Query: strings.Replace(query, "…", "1 = "+placeholder, 1), Args: []any{1}},
	} {
		q.Name, q.Expect.JSON = "q", want
		if s := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{q}}, Env{}), OK); s.Outcome != OK {
			q.Expect.JSON = ".[0] | tojson | error"
			shown := takeWithin(t, mustBuild(t, &SQL{DSNFile: file, Queries: []Query{q}}, Env{}), OK)
			t.Errorf("%s: %v: %v\n%v", q.Query, s.Outcome, s.Err, shown.Err)
		}
	}
}
