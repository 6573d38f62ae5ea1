package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Formats are what a report can be written as.
func Formats() []string { return []string{"text", "markdown", "json", "junit", "html"} }

// Write writes the report in one of the Formats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return r.writeText(w)
	case "markdown":
		return r.writeMarkdown(w)
	case "json":
		return r.writeJSON(w)
	case "junit":
		return r.writeJUnit(w)
	case "html":
		return r.writeHTML(w)
	}
	return fmt.Errorf("format %q, want one of %q", format, Formats())
}

func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// maxReport bounds a report that is read: ten times what one of a hundred bursts takes.
const maxReport = 64 << 20

// Read reads a report that was written as JSON. Its error says what the file is instead.
func Read(path string) (*Report, error) {
	r, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("reading report %q: %w", path, err)
	}
	return r, nil
}

var errForeign = errors.New("not a report of perfwatch run --format json")

func read(path string) (r *Report, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("more than %d MiB", maxReport>>20)
	}
	return parse(text)
}

// parse believes nothing that is no report.
func parse(text []byte) (*Report, error) {
	var which struct {
		Format  int    `json:"format"`
		Source  Source `json:"source"`
		Verdict string `json:"verdict"`
	}
	if err := json.Unmarshal(text, &which); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	switch {
	case which.Format > Format:
		return nil, fmt.Errorf("format %d of a newer perfwatch, want at most %d", which.Format, Format)
	case which.Format < 1 || which.Source == "" || which.Verdict == "":
		return nil, errForeign
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	return r, nil
}
