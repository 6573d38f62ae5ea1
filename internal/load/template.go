package load

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The bounds of what one template may ask for.
const (
	maxVector = 10_000  // numbers in a vector, and rows and columns of a matrix
	maxMatrix = 100_000 // numbers in a matrix: 900 kB
	maxInt    = int64(1_000_000_000_000_000)
	maxParts  = 1000 // of a text
)

// The names of what a template generates. No column of data and no captured value may have one of them.
const (
	userName   = "user"
	intName    = "int"
	vectorName = "vector"
	matrixName = "matrix"
	uuidName   = "uuid"
	envName    = "env"
)

// A verb says what a part of a template writes.
type verb uint8

const (
	literal     verb = iota // text that stands in the configuration
	constant                // the value of a variable of the environment
	captured                // the value in slot, of this user
	column                  // a value drawn from the feeder in slot
	rowVariable             // the number of the matrix variable in slot
	userNumber              // the number of the user, from 1
	integer                 // a whole number from a to b
	vector                  // a numbers
	matrixOf                // a rows, or as many as the matrix variable in slot says if a is 0, of b numbers
	uuid                    // a version 4 UUID of RFC 9562
)

// A part is one step of writing a template.
type part struct {
	verb   verb
	text   string // of a literal what it says; of any other how it is written in the configuration
	value  string // of a constant
	column int    // of its first character in the text, from 1
	slot   int
	a, b   int64
	unset  bool // a constant whose variable is not set
}

// number reports whether the part is a number or an array of them in JSON.
func (p part) number() bool {
	switch p.verb {
	case rowVariable, userNumber, integer, vector, matrixOf:
		return true
	default:
		return false
	}
}

// A scope is what the templates of a plan may name, beside what they generate.
type scope struct {
	columns   map[string]int // feeder by name
	captured  map[string]int // slot of what a setup step captured
	variables map[string]int // slot of each matrix variable
	rows      []int          // the highest value of each matrix variable
	elsewhere bool           // a variable of the environment that is not set is empty
}

// A misprint is a template that cannot be compiled.
type misprint struct {
	text   string // what is wrong, as it is written
	column int    // from 1, in characters
	want   string
	absent bool // it is right, but this machine's environment lacks what it names
}

// templateName is how a column, a captured value, a matrix variable and a variable of the environment may be called.
var templateName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// parse splits a text into literals and templates. A literal is not encoded yet, and its escapes are undone.
func (sc *scope) parse(text string) ([]part, *misprint) {
	pieces, misprinted := split(text)
	parts := make([]part, 0, len(pieces))
	for _, piece := range pieces {
		if piece.Literal {
			parts = append(parts, part{verb: literal, text: piece.Text})
			continue
		}
		p, want := sc.part(piece)
		p.text, p.column = piece.Text, piece.column
		if want != "" && (!p.unset || !sc.elsewhere) {
			return nil, &misprint{text: p.text, column: p.column, want: want, absent: p.unset}
		}
		parts = append(parts, p)
	}
	if misprinted != nil {
		return nil, misprinted
	}
	return parts, nil
}

// part reads what stands between the braces. If it cannot be read the second result says what is allowed.
func (sc *scope) part(piece Piece) (part, string) {
	args := piece.Args
	switch piece.Name {
	case intName:
		return integerPart(args)
	case vectorName:
		return vectorPart(args)
	case matrixName:
		return sc.matrixPart(args)
	case envName:
		return envPart(args)
	}
	p, ok := sc.named(piece.Name)
	if !ok || args != nil {
		return p, "one of " + sc.known()
	}
	return p, ""
}

// named finds what is written without arguments.
func (sc *scope) named(name string) (part, bool) {
	switch name {
	case userName:
		return part{verb: userNumber}, true
	case uuidName:
		return part{verb: uuid}, true
	}
	for v, slots := range map[verb]map[string]int{
		captured: sc.captured, column: sc.columns, rowVariable: sc.variables,
	} {
		if slot, ok := slots[name]; ok {
			return part{verb: v, slot: slot}, true
		}
	}
	return part{}, false
}

func integerPart(args []string) (part, string) {
	const want = "${int:a:b} with whole numbers a and b from -10^15 to 10^15, a not above b"
	if len(args) != 2 {
		return part{}, want
	}
	a, errA := strconv.ParseInt(args[0], 10, 64)
	b, errB := strconv.ParseInt(args[1], 10, 64)
	if errA != nil || errB != nil || a > b || a < -maxInt || b > maxInt {
		return part{}, want
	}
	return part{verb: integer, a: a, b: b}, ""
}

func vectorPart(args []string) (part, string) {
	if len(args) == 1 {
		if n := upTo(args[0]); n > 0 {
			return part{verb: vector, a: n}, ""
		}
	}
	return part{}, fmt.Sprintf("${vector:n} with n from 1 to %d", maxVector)
}

func (sc *scope) matrixPart(args []string) (part, string) {
	want := fmt.Sprintf("${matrix:rows:n} with rows and n from 1 to %d, or rows the name of a variable of the matrix, "+
		"and at most %d numbers in all", maxVector, maxMatrix)
	if len(args) != 2 {
		return part{}, want
	}
	p := part{verb: matrixOf, a: upTo(args[0]), b: upTo(args[1])}
	most := p.a
	if slot, ok := sc.variables[args[0]]; ok {
		p.slot, p.a, most = slot, 0, int64(sc.rows[slot])
	}
	if most < 1 || p.b < 1 || most > maxVector || most*p.b > maxMatrix {
		return part{}, want
	}
	return p, ""
}

// upTo reads a number from 1 to maxVector; 0 if it is none.
func upTo(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > maxVector {
		return 0
	}
	return n
}

// envPart reads the environment now, once: what it says later is no part of the configuration.
func envPart(args []string) (part, string) {
	if len(args) != 1 || !templateName.MatchString(args[0]) {
		return part{}, "${env:NAME} with the name of a variable of the environment"
	}
	value, ok := os.LookupEnv(args[0])
	if !ok {
		return part{verb: constant, unset: true}, fmt.Sprintf("the variable %s to be set in the environment", args[0])
	}
	return part{verb: constant, value: value}, ""
}

// known lists what a template may say.
func (sc *scope) known() string {
	const most = 20 // more would hide the rest
	var names []string
	for _, slots := range []map[string]int{sc.columns, sc.captured, sc.variables} {
		names = append(names, slices.Sorted(maps.Keys(slots))...)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	names = append(names, userName, "int:a:b", "vector:n", "matrix:rows:n", uuidName)
	return "${" + strings.Join(names, "}, ${") + "} and ${env:NAME}"
}

// reserved reports whether a name is taken by what a template generates.
func reserved(name string) bool {
	return slices.Contains([]string{userName, intName, vectorName, matrixName, uuidName, envName}, name)
}
