package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/perfwatch/perfwatch/probes"
)

// maxMistakes bounds what is told of one file: past it, a reader has seen enough, and a hostile file costs too much.
const maxMistakes = 100

// A report collects what is wrong and knows where in the file each path stands. A path is dotted, with indices:
// "probes[2].http.url".
type report struct {
	lines    map[string]int    // of each path that the file gives
	names    map[string]string // of the items of top-level lists: "probes[2]" -> "checkout"
	mistakes []Mistake         // with raw paths until finish
	warnings []Mistake
	omitted  int

	wrong   map[string]bool // paths whose value could not be read: nothing more is said of them
	tainted map[string]bool // paths above those
	spoilt  map[string]bool // mappings just above those
	unknown map[string]bool // mappings with an unknown key: it may be a missing one misspelt
}

// newReport makes a report of a file of which nothing has been read.
func newReport() *report {
	return &report{
		lines: map[string]int{"": 1}, names: map[string]string{},
		wrong: map[string]bool{}, tainted: map[string]bool{}, spoilt: map[string]bool{},
		unknown: map[string]bool{},
	}
}

// has says that the file gives a path.
func (r *report) has(path string) bool { _, ok := r.lines[path]; return ok }

// full says that no further mistake will be told, only counted.
func (r *report) full() bool { return len(r.mistakes) >= maxMistakes }

// add records a mistake at the line of its path, or of the nearest path above it that the file gives.
func (r *report) add(path, format string, args ...any) { r.addAt(r.line(path), path, format, args...) }

// addAt records a mistake at a line that is not that of its path, as of a key that stands twice.
func (r *report) addAt(line int, path, format string, args ...any) {
	if r.full() {
		r.omitted++
		return
	}
	r.mistakes = append(r.mistakes, Mistake{Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// unreadable records a value that could not be read, so that no check speaks of it again.
func (r *report) unreadable(path, format string, args ...any) {
	r.wrong[path] = true
	r.spoilt[parent(path)] = true
	for p := path; p != ""; {
		p = parent(p)
		r.tainted[p] = true
	}
	r.add(path, format, args...)
}

// refuse records what a check finds, unless the value there, something above it or something in it could not be read.
func (r *report) refuse(path, format string, args ...any) {
	if !r.doubtful(path) {
		r.add(path, format, args...)
	}
}

// missing records a field that must be there, unless an unknown key beside it may be just that field.
func (r *report) missing(path, want string) {
	if !r.unknown[parent(path)] {
		r.refuse(path, "missing, want %s", want)
	}
}

// warn records what is accepted but will not work as hoped.
func (r *report) warn(path, format string, args ...any) {
	if len(r.warnings) < maxMistakes {
		r.warnings = append(r.warnings, Mistake{Line: r.line(path), Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

// doubtful says that nothing sensible can be said of a path: it, something above or something below could not be read.
func (r *report) doubtful(path string) bool {
	if r.tainted[path] {
		return true
	}
	for p := path; p != ""; p = parent(p) {
		if r.wrong[p] {
			return true
		}
	}
	return r.wrong[""]
}

// line is where a path stands, or the nearest path above it.
func (r *report) line(path string) int {
	for {
		if n, ok := r.lines[path]; ok || path == "" {
			return n
		}
		path = parent(path)
	}
}

// fields records every *probes.FieldError that a spec's error joins, and any other error as it stands.
func (r *report) fields(at string, err error) {
	var field *probes.FieldError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.fields(at, e)
		}
		return
	}
	if !errors.As(err, &field) {
		r.refuse(at, "%s", foreign(err, ""))
		return
	}
	path, before := join(at, field.Field), len(r.mistakes)
	if field.Absent {
		defer func() { r.absent(before) }()
	}
	switch {
	case field.Value == nil && r.spoilt[parent(path)]:
		// What could not be read may be what it misses, or make it unnecessary.
	case field.Value == nil:
		r.missing(path, field.Want)
	case secretPath(path):
		r.refuse(path, "%s, want %s", secret, field.Want)
	default:
		r.refuse(path, "%s, want %s", quote(fmt.Sprint(field.Value)), field.Want)
	}
}

// absent marks the mistakes from the nth on: it is this machine that lacks what they name.
func (r *report) absent(n int) {
	for i := n; i < len(r.mistakes); i++ {
		r.mistakes[i].Absent = true
	}
}

// finish writes paths for people and sorts by line.
func (r *report) finish() (mistakes, warnings Mistakes) {
	for _, list := range [][]Mistake{r.mistakes, r.warnings} {
		for i := range list {
			list[i].Path = r.display(list[i].Path)
		}
		slices.SortStableFunc(list, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
	}
	mistakes = r.mistakes
	if r.omitted > 0 {
		mistakes = append(mistakes, Mistake{Message: fmt.Sprintf("and %d more mistakes", r.omitted)})
	}
	return mistakes, r.warnings
}

// display turns "probes[2].http.url" into `probes[2] "checkout": http.url`.
func (r *report) display(path string) string {
	head := item(path)
	if head == "" {
		return path
	}
	shown := head
	if name := r.names[head]; name != "" {
		shown += " " + quote(name)
	}
	if rest := strings.TrimPrefix(path[len(head):], "."); rest != "" {
		shown += ": " + rest
	}
	return shown
}

var itemPath = regexp.MustCompile(`^[a-z]+\[\d+\]`)

// item is the item of a top-level list that a path stands in; "" if it stands in none.
func item(path string) string { return itemPath.FindString(path) }

// parent is the path of what a path stands in.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// join appends a step to a path: a key after a dot, an index as it is.
func join(path, key string) string {
	if path == "" || key == "" || key[0] == '[' {
		return path + key
	}
	return path + "." + key
}
