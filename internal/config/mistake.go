package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Mistake is one thing wrong in a configuration.
type Mistake struct { //nolint:errname // a reader of the package meets configurations, not errors
	File    string // as it was given to Load; "" from Parse
	Line    int    // 1-based; 0 if it has no place
	Path    string // `probes[2] "checkout": http.url`; "" for the file as a whole
	Message string // the value and what is allowed; never a secret
	// Absent is true where the file is right and this machine lacks what it names: a file, a variable of the environment.
	Absent bool
}

// Error writes a mistake as compilers do: `perfwatch.yml:12: probes[2] "checkout": http.url: "htp://x", want …`. Without
// a file it begins with "line 12".
func (m Mistake) Error() string {
	var parts []string
	switch {
	case m.File != "" && m.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", m.File, m.Line))
	case m.File != "":
		parts = append(parts, m.File)
	case m.Line > 0:
		parts = append(parts, fmt.Sprintf("line %d", m.Line))
	}
	if m.Path != "" {
		parts = append(parts, m.Path)
	}
	return strings.Join(append(parts, m.Message), ": ")
}

// Mistakes are all the mistakes of a configuration in the order of their lines.
type Mistakes []Mistake //nolint:errname // as Mistake

// Error writes one mistake a line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// onlyAbsent says that nothing is wrong with the file itself.
func (ms Mistakes) onlyAbsent() bool {
	return !slices.ContainsFunc(ms, func(m Mistake) bool { return !m.Absent })
}

// in writes the name of their file into the mistakes and returns them.
func (ms Mistakes) in(file string) Mistakes {
	for i := range ms {
		ms[i].File = file
	}
	return ms
}
