package probes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// minSecret is the shortest value that is looked for in what servers send back: shorter ones stand everywhere by chance.
const minSecret = 6

// maxMasks bounds what one probe may look for.
const maxMasks = 20

// A Mask says what must not be shown of answers, beside what is sent and what has the name of a secret.
type Mask struct {
	Headers []string `yaml:"headers"` // names
	Matches []string `yaml:"matches"` // RE2; what matches is not shown
	Body    bool     `yaml:"body"`    // show nothing of the body
}

// masks is a Mask ready to be used, and the secrets that we send ourselves.
type masks struct {
	headers []string // canonical
	matches []*regexp.Regexp
	values  []string // the longest first
	noBody  bool
}

// compile checks a mask.
func (m *Mask) compile(ms *mistakes) *masks {
	c := &masks{noBody: m.Body}
	if n := len(m.Headers) + len(m.Matches); n > maxMasks {
		ms.add("mask", fmt.Sprint(n, " entries"), fmt.Sprintf("at most %d", maxMasks))
	}
	for i, name := range m.Headers {
		if !isToken(name) {
			ms.add(fmt.Sprintf("mask.headers[%d]", i), name, "a header name of letters, digits and !#$%&'*+-.^_`|~")
		}
		c.headers = append(c.headers, http.CanonicalHeaderKey(name))
	}
	for i, text := range m.Matches {
		match, err := regexp.Compile(text)
		if err != nil || match.MatchString("") {
			ms.add(fmt.Sprintf("mask.matches[%d]", i), text, "an RE2 regular expression that does not match nothing")
			continue
		}
		c.matches = append(c.matches, match)
	}
	return c
}

// with is m and the secrets that a request carries: servers send back what they were asked. It is m itself if that knows
// them all.
func (m *masks) with(h http.Header) *masks {
	more := m
	for name, values := range h {
		if !m.secretHeader(name) {
			continue
		}
		for _, value := range values {
			more = more.hiding(m, value)
			for part := range strings.FieldsFuncSeq(value, divides) {
				more = more.hiding(m, part)
			}
			if _, password, ok := (&http.Request{Header: http.Header{"Authorization": {value}}}).BasicAuth(); ok {
				more = more.hiding(m, password)
			}
		}
	}
	if more != m {
		slices.SortFunc(more.values, func(a, b string) int { return len(b) - len(a) })
	}
	return more
}

// knowing is m and the secrets that a request says by name in its query, form or JSON. It is m itself if that knows them
// all.
func (m *masks) knowing(r *http.Request, body []byte) *masks {
	more := m
	take := func(name, value string) {
		if isSecretName(name) && len(more.values) <= maxSecrets {
			more = more.hiding(m, value)
		}
	}
	fields := []url.Values{r.URL.Query()}
	switch r.Header.Get("Content-Type") {
	case "application/json":
		var v any
		if json.Unmarshal(body, &v) == nil {
			eachField("", v, take)
		}
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body)) // what can be read of it
		fields = append(fields, form)
	}
	for _, values := range fields {
		for name := range values {
			for _, value := range values[name] {
				take(name, value)
			}
		}
	}
	if more != m {
		more.noBody = more.noBody || len(more.values) > maxSecrets
		slices.SortFunc(more.values, func(a, b string) int { return len(b) - len(a) })
	}
	return more
}

// eachField visits the texts of a JSON value with the names that they stand under.
func eachField(name string, v any, visit func(name, value string)) {
	switch v := v.(type) {
	case string:
		visit(name, v)
	case []any:
		for _, item := range v {
			eachField(name, item, visit)
		}
	case map[string]any:
		for key, item := range v {
			eachField(key, item, visit)
		}
	}
}

// shownURL is a URL without its password and the secrets of its query.
func shownURL(u *url.URL) string {
	shown := *u
	fields := strings.Split(u.RawQuery, "&")
	for i, field := range fields {
		if name, _, ok := strings.Cut(field, "="); ok && isSecretName(name) {
			fields[i] = name + "=" + hidden
		}
	}
	shown.RawQuery = strings.Join(fields, "&")
	return shown.Redacted()
}

// maxSecrets is how many words of what is sent are looked for in what comes back.
const maxSecrets = 100

// hide is the masks of what texts say, as wholes and by the word. Of what answers too many words nothing is shown.
func hide(texts ...string) *masks {
	m := &masks{}
	for _, text := range texts {
		m = m.hiding(nil, strings.TrimSpace(text))
		for word := range strings.FieldsFuncSeq(text, divides) {
			if m = m.hiding(nil, word); len(m.values) > maxSecrets {
				return &masks{noBody: true}
			}
		}
	}
	slices.SortFunc(m.values, func(a, b string) int { return len(b) - len(a) })
	return m
}

// divides reports whether a character stands between words: those of "Bearer …", of cookies and of lines.
func divides(r rune) bool { return strings.ContainsRune(" ;=,\r\n\t", r) }

// hiding adds a value to m, which is a copy of the original from the first one on.
func (m *masks) hiding(original *masks, value string) *masks {
	if len(value) < minSecret || slices.Contains(m.values, value) {
		return m
	}
	if m == original {
		own := *m
		own.values = slices.Clone(m.values)
		m = &own
	}
	m.values = append(m.values, value)
	return m
}

func (m *masks) secretHeader(name string) bool {
	return isSecretName(name) || slices.Contains(m.headers, name)
}

// text masks a text. That of a body may have been cut off in the midst of a secret.
func (m *masks) text(text []byte, cut bool) []byte {
	for _, secret := range m.values {
		if text = bytes.ReplaceAll(text, []byte(secret), []byte(hidden)); cut {
			text = withoutBeginning(text, secret)
		}
	}
	for _, match := range m.matches {
		text = match.ReplaceAllLiteral(text, []byte(hidden))
	}
	return text
}

// withoutBeginning masks the beginning of a secret at the end of a text.
func withoutBeginning(text []byte, secret string) []byte {
	for n := min(len(text), len(secret)-1); n >= minSecret; n-- {
		if string(text[len(text)-n:]) == secret[:n] {
			return append(text[:len(text)-n], hidden...)
		}
	}
	return text
}

// isSecretName reports whether what goes under a header's name is likely to be a secret: Authorization, Set-Cookie,
// X-Api-Key, X-Csrf-Token and the like. Too many are better than too few.
func isSecretName(name string) bool {
	for i := range len(name) {
		var words [3]string
		switch name[i] | 0x20 { // a small letter
		case 'a':
			words = [3]string{"auth"}
		case 'c':
			words = [3]string{"cookie", "csrf", "credential"}
		case 'j':
			words = [3]string{"jwt"}
		case 'k':
			words = [3]string{"key"}
		case 'p':
			words = [3]string{"passw"}
		case 's':
			words = [3]string{"secret", "session", "signature"}
		case 't':
			words = [3]string{"token"}
		}
		for _, word := range words {
			if word != "" && len(name)-i >= len(word) && strings.EqualFold(name[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}
