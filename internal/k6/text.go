package k6

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perfwatch/perfwatch/internal/load"
)

// An encoding is how the script writes values where a template stands.
type encoding string

const (
	raw        encoding = ""
	urlEncoded encoding = "url"
	jsonString encoding = "json" // within the quotes of a string
)

// A text is written by the script for each request: a string as it is, or what is drawn, captured or known only there.
type text []any

// A blank is a template in a text.
type blank map[string]any

// literal appends what stands as it is.
func (t text) literal(s string) text {
	if s == "" {
		return t
	}
	if n := len(t); n > 0 {
		if before, ok := t[n-1].(string); ok {
			t[n-1] = before + s
			return t
		}
	}
	return append(t, s)
}

// A use is how often one request draws from a column.
type use struct {
	setup int   // draws of all steps
	tasks []int // draws of each task
}

// nameAll gives what templates name its place in the script.
func (x *exporter) nameAll(columns []load.Column) {
	for i := range columns {
		x.columns[columns[i].Name] = i
		x.uses = append(x.uses, use{tasks: make([]int, len(x.plan.Leaves))})
	}
	for i := range x.spec.Setup {
		for _, name := range sortedKeys(x.spec.Setup[i].Capture) {
			if _, ok := x.slots[name]; !ok {
				x.slots[name] = len(x.slots)
			}
		}
	}
}

// text compiles a text of the spec.
func (x *exporter) text(at place, written string, as encoding) text {
	var t text
	for _, p := range load.Pieces(written) {
		if p.Literal {
			t = t.literal(encode(p.Text, as))
		} else {
			t = append(t, x.blank(at, p, as))
		}
	}
	return t
}

// blank is what the script writes for a template.
func (x *exporter) blank(at place, p load.Piece, as encoding) blank {
	b := blank{"kind": p.Name}
	if as != raw {
		b["as"] = as
	}
	switch p.Name {
	case "user", "uuid":
	case "int":
		b["from"], b["to"] = x.number(p.Args[0]), x.number(p.Args[1])
	case "vector":
		b["n"] = x.number(p.Args[0])
	case "matrix":
		b["rows"], b["n"] = x.number(p.Args[0]), x.number(p.Args[1])
	case "env":
		b["name"] = p.Args[0]
		x.needed[p.Args[0]] = true
	default:
		x.named(at, p, b)
	}
	return b
}

// named fills in a template that names a variable of the matrix, a captured value or a column.
func (x *exporter) named(at place, p load.Piece, b blank) {
	if values := x.spec.Matrix[p.Name]; values != nil {
		b["kind"], b["from"], b["to"] = "int", values[0], values[0]
		return
	}
	if slot, ok := x.slots[p.Name]; ok {
		b["kind"], b["slot"] = "captured", slot
		return
	}
	i, ok := x.columns[p.Name]
	if !ok {
		x.refuse(at.path, "k6 has no counterpart of the template %s", p.Text)
		return
	}
	b["kind"], b["column"] = "column", i
	if at.task < 0 {
		x.uses[i].setup++
	} else {
		x.uses[i].tasks[at.task]++
	}
}

// number is an argument of a template that the plan has checked: a number, or a variable of the matrix.
func (x *exporter) number(arg string) int64 {
	if values := x.spec.Matrix[arg]; values != nil {
		return int64(values[0])
	}
	n, _ := strconv.ParseInt(arg, 10, 64)
	return n
}

// encode writes what is known already. A URL is resolved before it is taken apart, and is encoded by that.
func encode(s string, as encoding) string {
	if as == jsonString {
		return quoted(s)
	}
	return s
}

// quoted is the inside of a JSON string.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// json compiles a JSON value whose strings may have templates in them. A string that is nothing but one template of
// numbers is written as those, without quotes.
func (x *exporter) json(at place, value any) text {
	switch value := value.(type) {
	case string:
		t := x.text(at, value, jsonString)
		if b, ok := lone(t); ok && slices.Contains([]any{"user", "int", "vector", "matrix"}, b["kind"]) {
			return t
		}
		return text{}.literal(`"`).join(t).literal(`"`)
	case []any:
		t := text{}.literal("[")
		for i, item := range value {
			if i > 0 {
				t = t.literal(",")
			}
			t = t.join(x.json(at, item))
		}
		return t.literal("]")
	case map[string]any:
		t := text{}.literal("{")
		for i, name := range sortedKeys(value) {
			if i > 0 {
				t = t.literal(",")
			}
			t = t.literal(`"` + quoted(name) + `":`).join(x.json(at, value[name]))
		}
		return t.literal("}")
	}
	written, err := json.Marshal(value)
	if err != nil {
		x.refuse(at.path, "JSON cannot say it: %v", err)
	}
	return text{}.literal(string(written))
}

// lone is the only part of a text, if that is a template.
func lone(t text) (blank, bool) {
	if len(t) != 1 {
		return nil, false
	}
	b, ok := t[0].(blank)
	return b, ok
}

// join appends another text.
func (t text) join(other text) text {
	for _, part := range other {
		if s, ok := part.(string); ok {
			t = t.literal(s)
		} else {
			t = append(t, part)
		}
	}
	return t
}

// A place is where in the spec the exporter stands.
type place struct {
	path string
	task int // of Plan.Leaves; -1 in the setup
}

func (p place) below(format string, args ...any) place {
	p.path += fmt.Sprintf(format, args...)
	return p
}
