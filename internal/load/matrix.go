package load

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of a matrix.
const (
	maxRuns     = 20 // each is a whole burst
	maxVariable = 1_000_000_000
	maxItems    = 1e9 // that one request carries
)

// Items says how many items a request carries, so that a burst has items a second: a number, or a variable of the matrix,
// written "${batch}". The zero value counts none.
type Items struct {
	Number   float64
	Variable string
}

var variableText = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Items) UnmarshalText(text []byte) error {
	if m := variableText.FindSubmatch(text); m != nil {
		*n = Items{Variable: string(m[1])}
		return nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(v > 0) || v > maxItems {
		return fmt.Errorf("%q, want a number above 0 and up to %.0f, or a variable of the matrix such as ${batch}", text, maxItems)
	}
	*n = Items{Number: v}
	return nil
}

// String writes the items as they stand in the configuration.
func (n Items) String() string {
	if n.Variable != "" {
		return "${" + n.Variable + "}"
	}
	return fmt.Sprintf("%g", n.Number)
}

// variables are the names of the matrix in the order of their values in a run.
func (s *Spec) variables() []string { return slices.Sorted(maps.Keys(s.Matrix)) }

// Runs is how many times the burst is run in turn: once for each value of its matrix, or each combination of the values
// of several variables.
func (s *Spec) Runs() int {
	n := 1
	for _, values := range s.Matrix {
		n = min(n*max(1, len(values)), maxRuns+1) // more are not told apart
	}
	return n
}

// combinations are the values of the variables in each run; those of the last variable change fastest. There is none
// without a matrix.
func (s *Spec) combinations() [][]int {
	if len(s.Matrix) == 0 {
		return nil
	}
	all := [][]int{nil}
	for _, name := range s.variables() {
		var longer [][]int
		for _, head := range all {
			for _, value := range s.Matrix[name] {
				longer = append(longer, append(slices.Clone(head), value))
			}
		}
		all = longer
	}
	return all
}

// label names a run by the values of its variables: "batch=64".
func label(names []string, values []int) string {
	parts := make([]string, len(names))
	for i := range names {
		parts[i] = fmt.Sprintf("%s=%d", names[i], values[i])
	}
	return strings.Join(parts, ", ")
}

// itemsOf is how many items a request carries in the plan's run; 0 if nobody counts them.
func (p *Plan) itemsOf() float64 {
	if i := slices.Index(p.variables, p.items.Variable); i >= 0 {
		return float64(p.values[i])
	}
	return p.items.Number
}

// CountsItems says whether the burst's items a second are known: it says how many a request carries, or has a matrix, of
// whose requests each is an item.
func (s *Spec) CountsItems() bool { return s.Items != (Items{}) || len(s.Matrix) > 0 }

// MostItems is how many items a request carries at most.
func (s *Spec) MostItems() float64 {
	switch {
	case s.Items.Variable != "" && len(s.Matrix[s.Items.Variable]) > 0:
		return float64(slices.Max(s.Matrix[s.Items.Variable]))
	case s.Items.Number > 0:
		return s.Items.Number
	}
	return 1
}

// matrix checks the variables and what a request carries.
func (v *validator) matrix(s *Spec) {
	for slot, name := range s.variables() {
		at := "matrix." + name
		v.templateName(at, name)
		v.variable(at, s.Matrix[name])
		v.scope.variables[name] = slot
		v.scope.rows = append(v.scope.rows, slices.Max(append([]int{0}, s.Matrix[name]...)))
	}
	if s.Matrix != nil && len(s.Matrix) == 0 {
		v.wrong("matrix", nil, "a variable with its values, such as batch: [1, 10]")
	}
	if s.Runs() > maxRuns {
		v.wrong("matrix", fmt.Sprintf("more than %d runs", maxRuns), "at most %d, the product of the numbers of values", maxRuns)
	}
	if name := s.Items.Variable; name != "" && s.Matrix[name] == nil {
		v.wrong("items", s.Items, "a number, or a variable of the matrix")
	}
	v.whole(s)
}

func (v *validator) variable(at string, values []int) {
	if len(values) == 0 {
		v.wrong(at, nil, "at least one value")
	}
	for i, value := range values {
		switch at := fmt.Sprintf("%s[%d]", at, i); {
		case value < 1 || value > maxVariable:
			v.wrong(at, value, "a whole number from 1 to %d", maxVariable)
		case slices.Contains(values[:i], value):
			v.wrong(at, value, "a value that does not stand before it")
		}
	}
}

// whole holds all runs together to the ceilings of one burst.
func (v *validator) whole(s *Spec) {
	n := s.Runs()
	if n == 1 || n > maxRuns || len(v.mistakes) > 0 {
		return
	}
	if asked := s.asked() * float64(n); asked > maxIterations {
		field, value := "iterations", s.Iterations
		if value == 0 {
			field, value = "iterations_per_user", s.IterationsPerUser
		}
		v.wrong(field, value, "at most %d requests with those of all %d runs of the matrix", maxIterations, n)
	}
	if each, most := s.span(), maxDuration/time.Duration(n); each > most {
		field := "duration"
		if len(s.Stages) > 0 {
			field = "stages"
		}
		v.wrong(field, written(each), "at most %s for each of the %d runs of the matrix", written(most), n)
	}
}
