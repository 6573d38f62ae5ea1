package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/itchyny/gojq"

	"github.com/perfwatch/perfwatch/probes"
)

// Capture says what of an answer is kept for later requests of the same user: exactly one of its fields. Written as a
// text it is JSON.
type Capture struct {
	JSON   string `yaml:"json"`   // gojq query of the body; a string is kept without quotes
	Header string `yaml:"header"` // the first value of a header
	Regexp string `yaml:"regexp"` // RE2 of the body; its first group, or all of it if it has none
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Capture) UnmarshalText(text []byte) error {
	*c = Capture{JSON: string(text)}
	return nil
}

// maxCaptured bounds what is kept of one answer, in bytes.
const maxCaptured = 64 << 10

var (
	errNotThere = errors.New("nothing there")
	errTooLong  = fmt.Errorf("over %d bytes", maxCaptured)
)

// A catcher is a Capture ready to run, into a slot of the user.
type catcher struct {
	name string
	slot int
	from func(ctx context.Context, a probes.Answer) (string, error)
}

// catch runs catchers over an answer. Its error names the capture and never the value.
func catch(ctx context.Context, catchers []catcher, a probes.Answer, into [][]byte) error {
	for _, c := range catchers {
		value, err := c.from(ctx, a)
		switch {
		case err != nil:
		case value == "":
			err = errNotThere
		case len(value) > maxCaptured:
			err = errTooLong
		}
		if err != nil {
			return fmt.Errorf("capturing %q: %w", c.name, err)
		}
		into[c.slot] = append(into[c.slot][:0], value...)
	}
	return nil
}

// catchers compiles what a step captures, in the order of their names.
func (v *validator) catchers(at string, captures map[string]Capture, slot func(field, name string) (int, bool)) (all []catcher) {
	for _, name := range sortedNames(captures) {
		field := at + ".capture." + name
		i, ok := slot(field, name)
		from := v.catcher(field, captures[name])
		if ok && from != nil {
			all = append(all, catcher{name: name, slot: i, from: from})
		}
	}
	return all
}

func (v *validator) catcher(at string, c Capture) func(context.Context, probes.Answer) (string, error) {
	given := 0
	for _, text := range []string{c.JSON, c.Header, c.Regexp} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		v.wrong(at, nil, "a gojq query, or one of json, header and regexp")
	case c.Header != "":
		name := http.CanonicalHeaderKey(c.Header)
		return func(_ context.Context, a probes.Answer) (string, error) { return a.Header(name), nil }
	case c.Regexp != "":
		return v.regexpCatcher(at, c.Regexp)
	default:
		return v.jsonCatcher(at, c.JSON)
	}
	return nil
}

func (v *validator) regexpCatcher(at, text string) func(context.Context, probes.Answer) (string, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		v.wrong(at+".regexp", text, "an RE2 regular expression: %s", err)
		return nil
	}
	group := min(re.NumSubexp(), 1)
	return func(_ context.Context, a probes.Answer) (string, error) {
		if found := re.FindSubmatch(a.Body); found != nil {
			return string(found[group]), nil
		}
		return "", nil
	}
}

func (v *validator) jsonCatcher(at, text string) func(context.Context, probes.Answer) (string, error) {
	query, err := gojq.Parse(text)
	var code *gojq.Code
	if err == nil {
		code, err = gojq.Compile(query) // without an environment, a file system or an input
	}
	if err != nil {
		v.wrong(at, text, "a gojq query: %s", err)
		return nil
	}
	return func(ctx context.Context, a probes.Answer) (string, error) {
		var body any
		if err := json.Unmarshal(a.Body, &body); err != nil {
			return "", errors.New("the body is no JSON") // the error would quote it
		}
		value, ok := code.RunWithContext(ctx, body).Next()
		switch value := value.(type) {
		case nil:
			return "", nil
		case string:
			return value, nil
		case error:
			return "", errors.New("the query fails")
		default:
			if !ok {
				return "", nil
			}
			written, err := json.Marshal(value)
			return string(written), err
		}
	}
}
