package k6

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/itchyny/gojq"

	"github.com/perfwatch/perfwatch/internal/load"
)

// A capture says what of an answer is kept, and where: one of its last three fields is set.
type capture struct {
	Name    string `json:"name"`
	Slot    int    `json:"slot"`
	Header  string `json:"header,omitempty"`
	Matches string `json:"matches,omitempty"`
	Group   int    `json:"group,omitempty"`
	JSON    []any  `json:"json,omitzero"`
}

func (x *exporter) captures(at place, captures map[string]load.Capture) []capture {
	all := make([]capture, 0, len(captures))
	for _, name := range sortedKeys(captures) {
		c, below := captures[name], at.below(".capture.%s", name)
		out := capture{Name: name, Slot: x.slots[name]}
		switch {
		case c.Header != "":
			out.Header = http.CanonicalHeaderKey(c.Header)
		case c.Regexp != "":
			out.Matches = x.pattern(below, c.Regexp)
			out.Group = min(1, regexp.MustCompile(c.Regexp).NumSubexp()) // the plan has compiled it
		default:
			out.JSON = x.path(below, c.JSON)
		}
		all = append(all, out)
	}
	return all
}

// path takes apart a gojq query that only goes down into a value: .a.b[0]. The script has no gojq, so that any other is
// refused.
func (x *exporter) path(at place, query string) []any {
	steps, ok := steps(query)
	if !ok {
		x.refuse(at.path, "the query %q, want one of keys and numbers such as .a.b[0], which is all that the script can ask", query)
	}
	return steps
}

// steps are the keys and places that a query goes down by; none for the value itself.
func steps(query string) ([]any, bool) {
	q, err := gojq.Parse(query)
	if err != nil || q.Term == nil || q.Meta != nil || len(q.Imports)+len(q.FuncDefs) > 0 {
		return nil, false
	}
	steps := []any{}
	switch q.Term.Type {
	case gojq.TermTypeIdentity:
	case gojq.TermTypeIndex:
		step, ok := stepOf(q.Term.Index)
		if !ok {
			return nil, false
		}
		steps = append(steps, step)
	default:
		return nil, false
	}
	for _, s := range q.Term.SuffixList {
		step, ok := stepOf(s.Index)
		if !ok {
			return nil, false
		}
		steps = append(steps, step)
	}
	return steps, true
}

// stepOf is one key or one place, and false for a slice, an expression, or whatever is no index.
func stepOf(i *gojq.Index) (any, bool) {
	switch {
	case i == nil, i.IsSlice, i.End != nil:
		return nil, false
	case i.Name != "":
		return i.Name, true
	case i.Str != nil:
		return i.Str.Str, len(i.Str.Queries) == 0
	case i.Start == nil || i.Start.Term == nil || len(i.Start.Term.SuffixList) > 0:
		return nil, false
	}
	t, sign := i.Start.Term, 1
	if t.Type == gojq.TermTypeUnary && t.Unary.Op == gojq.OpSub {
		t, sign = t.Unary.Term, -1 // from the end
	}
	switch {
	case t.Type == gojq.TermTypeNumber && len(t.SuffixList) == 0:
		n, err := strconv.Atoi(t.Number)
		return sign * n, err == nil
	case t.Type == gojq.TermTypeString && sign == 1:
		return t.Str.Str, len(t.Str.Queries) == 0
	default:
		return nil, false
	}
}
