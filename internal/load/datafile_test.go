package load

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/perfwatch/perfwatch/probes"
)

// dataFiles are files of data by name, good ones and others.
func dataFiles() map[string]string {
	return map[string]string{
		"good.csv":    "\xef\xbb\xbfsymbol,name\nAAPL,\"Apple, Inc.\"\nMSFT,Microsoft\n",
		"hundred.csv": "symbol" + strings.Repeat(",name", 100) + "\n",
		"ragged.csv":  "symbol,name\nAAPL\n",
		"empty.csv":   "symbol,name\n",
		"nothing.csv": "",
		"long.csv":    "symbol\n" + strings.Repeat("x", maxValue+1) + "\n",
		"good.jsonl":  "{\"symbol\":\"AAPL\"}\n\n{\"symbol\":12.50}\n{\"symbol\":true}\n",
		"bad.jsonl":   "{\"symbol\":\"AAPL\"}\n[1]\n",
		"deep.jsonl":  "{\"symbol\":{}}\n",
		"null.jsonl":  "{\"symbol\":null}\n",
		"line.jsonl":  "{\"symbol\":\"" + strings.Repeat("x", maxLine) + "\"}\n",
		"nest.jsonl":  strings.Repeat("[", 100_000) + "\n",
		"half.jsonl":  "{\"symbol\":\"AAPL\"}\n{\"symbol\":\"MS",
		"line.csv":    "symbol" + strings.Repeat(",x", maxLine/2) + "\n",
		"wide.csv":    "symbol" + strings.Repeat(",x", maxColumns) + "\n",
		"quote.csv":   "symbol\n\"AAPL\nMSFT\n",
		"binary.csv":  "symbol\n\x00\xff\xfe\n",
		"rows.csv":    "symbol\n" + strings.Repeat("x\n", maxRows+1),
		"huge.csv":    "symbol\n" + strings.Repeat("0123456789abcde\n", maxDataFile/16),
	}
}

// A dataTest is a feed, and its values or what its mistake says.
type dataTest struct {
	feed Feed
	want string
}

func dataTests() []dataTest {
	return []dataTest{
		{Feed{File: "good.csv", Column: "symbol"}, "AAPL MSFT"},
		{Feed{File: "good.csv", Column: "name"}, "Apple, Inc. Microsoft"},
		{Feed{File: "good.jsonl", Field: "symbol"}, "AAPL 12.50 true"},
		{Feed{File: "good.csv", Column: "price"}, `columns ["symbol" "name"], want "price" among them`},
		{Feed{File: "hundred.csv", Column: "price"}, `"name" "name" ", want "price" among them`},
		{Feed{File: "ragged.csv", Column: "symbol"}, "record on line 2: wrong number of fields"},
		{Feed{File: "empty.csv", Column: "symbol"}, "no rows"},
		{Feed{File: "nothing.csv", Column: "symbol"}, "reading its header row"},
		{Feed{File: "long.csv", Column: "symbol"}, "line 2: a value of 65537 bytes, want at most 65536"},
		{Feed{File: "bad.jsonl", Field: "symbol"}, "line 2: want an object"},
		{Feed{File: "deep.jsonl", Field: "symbol"}, `line 1: field "symbol": want a string, a number or a boolean`},
		{Feed{File: "good.jsonl", Field: "price"}, `line 1: field "price": missing`},
		{Feed{File: "none.csv", Column: "symbol"}, "no such file"},
		{Feed{File: ".", Column: "symbol"}, "not a regular file"},
		{Feed{File: "pipe.csv", Column: "symbol"}, "not a regular file"},
		{Feed{File: "/dev/zero", Column: "symbol"}, "not a regular file"},
		{Feed{File: "null.jsonl", Field: "symbol"}, `line 1: field "symbol": want a string, a number or a boolean`},
		{Feed{File: "line.jsonl", Field: "symbol"}, "line 1: bufio.Scanner: token too long"},
		{Feed{File: "nest.jsonl", Field: "symbol"}, "line 1: want an object"},
		{Feed{File: "half.jsonl", Field: "symbol"}, "line 2: want an object: unexpected end of JSON input"},
		{Feed{File: "line.csv", Column: "symbol"}, "line 1: 1048583 bytes, want at most 1048576"},
		{Feed{File: "wide.csv", Column: "symbol"}, "1001 columns, want at most 1000"},
		{Feed{File: "quote.csv", Column: "symbol"}, `extraneous or missing " in quoted-field`},
		{Feed{File: "binary.csv", Column: "symbol"}, "\x00\xff\xfe"}, // encoded where it stands, as any value
		{Feed{File: "rows.csv", Column: "symbol"}, "line 1000002: more than 1000000 rows"},
		{Feed{File: "huge.csv", Column: "symbol"}, "over 64 MiB"},
		{Feed{File: "good.csv"}, "the column of a .csv file"},
		{Feed{File: "good.jsonl", Column: "symbol"}, "the field of each object"},
		{Feed{Count: 3}, ""},
		{Feed{Values: []string{"a", "b"}}, "a b"},
		{Feed{Count: 3, Values: []string{"a"}}, "one of file, count and values"},
		{Feed{}, "one of file, count and values"},
	}
}

func TestDataFiles(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range dataFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range dataTests() {
		v := &validator{env: probes.Env{Dir: dir}, scope: *testScope()}
		built, ok := v.feeder("data.x", &tt.feed)
		got := strings.Join(built.values, " ")
		if !ok {
			got = v.err().Error()
		}
		if !strings.Contains(got, tt.want) || ok != (len(v.mistakes) == 0) {
			t.Errorf("%+v: %s, want %s", tt.feed, got, tt.want)
		}
	}
}

// Whatever stands in a file of data: it is refused, or its values are bounded and as many as it has rows.
func FuzzDataFile(f *testing.F) {
	for name, text := range dataFiles() {
		if len(text) < 1000 {
			f.Add([]byte(text), name == "good.jsonl")
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, lines bool) {
		read := func() ([]string, error) { return csvColumn(text, "symbol") }
		if lines {
			read = func() ([]string, error) { return jsonField(text, "symbol") }
		}
		values, err := read()
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes: %.100s", len(err.Error()), err)
		}
		if rows := bytes.Count(text, []byte("\n")) + 1; len(values) > rows {
			t.Errorf("%d values of %d lines", len(values), rows)
		}
		for _, v := range values {
			if len(v) > maxValue {
				t.Errorf("a value of %d bytes", len(v))
			}
		}
	})
}
