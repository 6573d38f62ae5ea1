package load

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// The bounds of a file of data.
const (
	maxDataFile = 64 << 20
	maxRows     = 1_000_000
	maxValue    = 64 << 10 // bytes of one value
	maxLine     = 1 << 20
	maxColumns  = 1000
)

var errNoRows = errors.New("no rows")

// file reads the values of a feed from its file.
func (v *validator) file(at string, f *Feed) (n int, values []string) {
	lines := strings.HasSuffix(f.File, ".jsonl")
	switch {
	case lines && (f.Field == "" || f.Column != ""):
		v.wrong(at+".field", nilIfEmpty(f.Field), "the field of each object of a .jsonl file, and no column")
		return 0, nil
	case !lines && (f.Column == "" || f.Field != ""):
		v.wrong(at+".column", nilIfEmpty(f.Column), "the column of a .csv file with a header row, and no field")
		return 0, nil
	}
	path := f.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(v.env.Dir, path)
	}
	text, err := readBounded(path)
	if f.Digest == "" && err == nil {
		sum := sha256.Sum256(text)
		f.Digest = hex.EncodeToString(sum[:])
	}
	if err == nil && lines {
		values, err = jsonField(text, f.Field)
	} else if err == nil {
		values, err = csvColumn(text, f.Column)
	}
	if err == nil && len(values) == 0 {
		err = errNoRows
	}
	if err != nil {
		tell := v.wrong
		switch {
		case errors.Is(err, fs.ErrNotExist) && v.env.Elsewhere:
			return 1, []string{""}
		case errors.Is(err, fs.ErrNotExist):
			tell = v.absent
		}
		tell(at+".file", f.File, "a file that can be read: %s", err)
		return 0, nil
	}
	return len(values), values
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// readBounded reads a regular file. Its error does not repeat the path.
func readBounded(path string) (text []byte, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer must not hold up a reload
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("not a regular file"), err)
	}
	text, err = io.ReadAll(io.LimitReader(f, maxDataFile+1))
	if err == nil && len(text) > maxDataFile {
		err = fmt.Errorf("over %d MiB", maxDataFile>>20)
	}
	return text, err
}

// csvColumn reads one column of a file whose first row names them.
func csvColumn(text []byte, column string) (values []string, err error) {
	if err := shortLines(text); err != nil { // of which a reader of CSV would make fields of 40 bytes for each comma
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("reading its header row: %w", err)
	}
	if len(header) > maxColumns {
		return nil, fmt.Errorf("%d columns, want at most %d", len(header), maxColumns)
	}
	i := slices.Index(header, column)
	if i < 0 {
		return nil, fmt.Errorf("columns %.200s, want %q among them", fmt.Sprintf("%q", header), column)
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err // it says the line
		}
		line, _ := r.FieldPos(i)
		if values, err = appendValue(values, row[i], line); err != nil {
			return nil, err
		}
	}
}

// shortLines says which line is too long, if one is.
func shortLines(text []byte) error {
	n := 0
	for line := range bytes.Lines(text) {
		if n++; len(line) > maxLine {
			return fmt.Errorf("line %d: %d bytes, want at most %d", n, len(line), maxLine)
		}
	}
	return nil
}

// jsonField reads one field of the objects of a file that has one a line.
func jsonField(text []byte, field string) (values []string, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("line %d: want an object: %w", n, err)
		}
		value, err := plainValue(row[field])
		if err != nil {
			return nil, fmt.Errorf("line %d: field %q: %w", n, field, err)
		}
		if values, err = appendValue(values, value, n); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return values, nil
}

// plainValue is a string, or a number or a boolean as it is written.
func plainValue(raw json.RawMessage) (string, error) {
	const want = "want a string, a number or a boolean"
	if len(raw) == 0 {
		return "", errors.New("missing, " + want)
	}
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{', '[', 'n':
		return "", errors.New(want)
	}
	return string(raw), nil
}

func appendValue(values []string, value string, line int) ([]string, error) {
	if len(value) > maxValue {
		return nil, fmt.Errorf("line %d: a value of %d bytes, want at most %d", line, len(value), maxValue)
	}
	if len(values) == maxRows {
		return nil, fmt.Errorf("line %d: more than %d rows", line, maxRows)
	}
	return append(values, strings.Clone(value)), nil // a clone: a row shares its memory with the others
}
