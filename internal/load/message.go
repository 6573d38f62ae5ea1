package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/perfwatch/perfwatch/probes"
)

// A message is one of a tree's leaves or of the setup: what its prober cannot know is written anew for each.
type message struct {
	prober   *probes.HTTPProber
	target   program // path and query; nil if it is the prober's
	headers  []headerProgram
	body     program // nil if it is the prober's
	catchers []catcher
}

type headerProgram struct {
	name string // canonical
	text program
}

// plain says that nothing differs from request to request.
func (r *message) plain() bool {
	return r.target == nil && r.headers == nil && r.body == nil && r.catchers == nil
}

var errControl = errors.New("filling in a header: a control character")

// draft writes what is new in a request. What it returns is valid until the next call.
func (w *pen) draft(r *message) (*probes.Draft, error) {
	if r.plain() {
		return nil, nil //nolint:nilnil // no draft is the prober's own request
	}
	w.buf = w.buf[:0]
	ends := w.ends[:0]
	write := func(p program) error {
		err := w.write(p)
		ends = append(ends, len(w.buf))
		return err
	}
	err := write(r.target)
	for i := range r.headers {
		err = errors.Join(err, write(r.headers[i].text))
	}
	if err = errors.Join(err, write(r.body)); err != nil {
		return nil, err
	}
	w.ends = ends
	d := &w.filled
	*d = probes.Draft{Target: w.buf[:ends[0]], Header: d.Header[:0]}
	for i := range r.headers {
		value := w.buf[ends[i]:ends[i+1]]
		if bytes.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, errControl
		}
		d.Header = append(d.Header, probes.HeaderField{Name: r.headers[i].name, Value: value})
	}
	if r.body != nil {
		d.Body = w.buf[ends[len(r.headers)]:]
	}
	if r.catchers != nil {
		d.Read = func(ctx context.Context, a probes.Answer) error { return catch(ctx, r.catchers, a, w.captured) }
	}
	return d, nil
}

// message compiles a request with the headers of all. Its mistakes stand below at.
func (v *validator) message(at string, h *probes.HTTP, common map[string]string) message {
	r, spec := message{}, *h
	spec.Headers = merged(common, h.Headers)
	v.method(at, h)
	var target []part
	spec.URL, target = v.urlParts(at+".url", h.URL)
	for _, name := range slices.Sorted(maps.Keys(spec.Headers)) {
		parts, ok := v.parts(at+".headers."+name, spec.Headers[name])
		switch {
		case !ok:
			spec.Headers[name] = "x"
		case dynamic(parts):
			spec.Headers[name] = "x" // takes part in the checks of its name
			r.headers = append(r.headers, headerProgram{http.CanonicalHeaderKey(name), compile(parts, raw)})
		default:
			spec.Headers[name] = plainText(parts)
		}
	}
	if parts, ok := v.parts(at+".body", h.Body); ok && dynamic(parts) {
		r.body = compile(parts, raw)
	} else if ok {
		spec.Body = plainText(parts)
	}
	if body, ok := v.json(at+".json", h.JSON); ok && body.dynamic {
		r.body = body.program
	} else if ok && h.JSON != nil {
		spec.JSON = json.RawMessage(body.text())
	}
	var err error
	r.prober, err = spec.HTTPProber(v.env)
	h.Content = spec.Content // so that a file that changed is another spec
	v.within(at, err)
	if r.prober != nil && target != nil {
		r.target = v.target(at+".url", h.URL, r.prober, target)
	}
	return r
}

// common checks the headers of every task, once.
func (v *validator) common(headers map[string]string) {
	for _, name := range sortedNames(headers) {
		if _, ok := v.parts("headers."+name, headers[name]); ok {
			v.headers[name] = headers[name]
		}
	}
}

func merged(common, own map[string]string) map[string]string {
	all := map[string]string{}
	for name, value := range common {
		all[http.CanonicalHeaderKey(name)] = value
	}
	for name, value := range own {
		delete(all, http.CanonicalHeaderKey(name))
		all[name] = value
	}
	return all
}

// method holds bursts to what does no harm when it is done a thousand times. A POST says so by being written: logins and
// predictions are POSTs.
func (v *validator) method(at string, h *probes.HTTP) {
	switch h.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost:
	default:
		if !v.writes {
			v.wrong(at+".method", h.Method, "GET, HEAD, OPTIONS or POST, or writes: true beside tasks")
		}
	}
}

// parts parses a text and notes its mistake.
func (v *validator) parts(field, text string) ([]part, bool) {
	if !strings.Contains(text, "${") {
		return []part{{verb: literal, text: text}}, true
	}
	parts, wrong := v.scope.parse(text)
	if wrong != nil {
		tell := v.wrong
		if wrong.absent {
			tell = v.absent
		}
		tell(field, wrong.text, "at column %d %s", wrong.column, wrong.want)
		return nil, false
	}
	return parts, true
}

// dynamic says that a text differs from request to request. One of literals and constants does not.
func dynamic(parts []part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.verb != literal && p.verb != constant })
}

func plainText(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text[:len(p.text)*boolInt(p.verb == literal)] + p.value)
	}
	return b.String()
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// marker stands for template i while the URL around it is resolved. It is made of unreserved characters, so that it
// comes out as it went in.
func marker(i int) string { return "perfwatch-template-" + strconv.Itoa(i) + "-" }

// urlParts is a URL with a marker for each template, and its parts; nil if it has no template.
func (v *validator) urlParts(field, text string) (string, []part) {
	parts, ok := v.parts(field, text)
	if !ok {
		return "/", nil
	}
	if !slices.ContainsFunc(parts, func(p part) bool { return p.verb != literal }) {
		return plainText(parts), nil
	}
	var b strings.Builder
	for i, p := range parts {
		if p.verb == literal {
			b.WriteString(p.text)
		} else {
			b.WriteString(marker(i))
		}
	}
	return b.String(), parts
}

// target compiles the path and query of a URL that was resolved with markers in it. Where bursts may go is judged when
// they are configured, so that a template has no place in a host.
func (v *validator) target(field, text string, p *probes.HTTPProber, parts []part) program {
	rest := p.Target()
	var compiled program
	for i, t := range parts {
		if t.verb == literal {
			continue
		}
		before, after, found := strings.Cut(rest, marker(i))
		if !found {
			v.wrong(field, text, "templates in the path and the query only")
			return nil
		}
		compiled = compiled.literal([]byte(before))
		if t.verb == constant {
			compiled = compiled.literal(encode(nil, t.value, urlEncoded))
		} else {
			compiled = append(compiled, step{t, urlEncoded})
		}
		rest = after
	}
	return compiled.literal([]byte(rest))
}

// A jsonBody is a JSON value with templates in its strings.
type jsonBody struct {
	program program
	dynamic bool
}

func (b *jsonBody) text() []byte {
	var all []byte
	for _, s := range b.program {
		all = append(all, s.text...)
	}
	return all
}

// json compiles a JSON value. A string that is nothing but one template of numbers is written as those numbers, without
// quotes. Keys are written as they are.
func (v *validator) json(field string, value any) (jsonBody, bool) {
	var b jsonBody
	if value == nil {
		return b, true
	}
	ok := v.jsonValue(field, value, &b)
	return b, ok
}

func (v *validator) jsonValue(field string, value any, b *jsonBody) bool {
	switch value := value.(type) {
	case string:
		return v.jsonText(field, value, b)
	case []any:
		ok := true
		b.program = b.program.literal([]byte("["))
		for i, item := range value {
			if i > 0 {
				b.program = b.program.literal([]byte(","))
			}
			ok = v.jsonValue(fmt.Sprintf("%s[%d]", field, i), item, b) && ok
		}
		b.program = b.program.literal([]byte("]"))
		return ok
	case map[string]any:
		ok := true
		b.program = b.program.literal([]byte("{"))
		for i, name := range sortedNames(value) {
			if i > 0 {
				b.program = b.program.literal([]byte(","))
			}
			b.program = b.program.literal(append(append([]byte{'"'}, appendJSON(nil, name)...), '"', ':'))
			ok = v.jsonValue(field+"."+name, value[name], b) && ok
		}
		b.program = b.program.literal([]byte("}"))
		return ok
	}
	text, err := json.Marshal(value)
	if err != nil {
		return true // the prober says so
	}
	b.program = b.program.literal(text)
	return true
}

func (v *validator) jsonText(field, text string, b *jsonBody) bool {
	parts, ok := v.parts(field, text)
	if !ok {
		return false
	}
	b.dynamic = b.dynamic || dynamic(parts)
	if len(parts) == 1 && parts[0].number() {
		b.program = append(b.program, step{parts[0], raw})
		return true
	}
	b.program = b.program.literal([]byte(`"`))
	for _, s := range compile(parts, jsonString) {
		if s.verb == literal {
			b.program = b.program.literal([]byte(s.text))
		} else {
			b.program = append(b.program, s)
		}
	}
	b.program = b.program.literal([]byte(`"`))
	return true
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
