package probes

import (
	"cmp"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// compile checks the expectations and makes them ready to run.
func (e *Expect) compile(ms *mistakes) expectation {
	x := expectation{
		status: slices.Clone(e.Status), want: "2xx", query: e.JSON, headers: e.compileHeaders(ms),
		minTLS: uint16(e.MinTLSVersion), minDays: e.MinDays,
	}
	for i, code := range e.Status {
		if code < 100 || code > 599 {
			ms.add(fmt.Sprintf("expect.status[%d]", i), code, "an HTTP status from 100 to 599")
		}
	}
	if len(e.Status) > 0 {
		x.want = strings.Trim(fmt.Sprint(e.Status), "[]")
	}
	var err error
	if e.ContentType != "" {
		var params map[string]string
		x.contentType, params, err = mime.ParseMediaType(e.ContentType)
		if err != nil || len(params) > 0 || !strings.Contains(x.contentType, "/") {
			ms.add("expect.content_type", e.ContentType, "a media type without parameters, such as application/json")
		}
	}
	if e.BodyMatches != "" {
		if x.match, err = regexp.Compile(e.BodyMatches); err != nil {
			ms.add("expect.body_matches", e.BodyMatches, "an RE2 regular expression: "+err.Error())
		}
	}
	if e.JSON != "" {
		if x.code, err = compileQuery(e.JSON); err != nil {
			ms.add("expect.json", e.JSON, "a gojq query: "+err.Error())
		}
	}
	if e.MaxBody < 0 || e.MaxBody > maxMaxBody {
		ms.add("expect.max_body", e.MaxBody, "a size above 0 and up to "+maxMaxBody.String())
	}
	x.minBody, x.maxBody = int64(e.MinBody), int64(cmp.Or(e.MaxBody, defaultMaxBody))
	e.bounds(x.maxBody, ms)
	return x
}

// bounds checks what is given beside the largest body.
func (e *Expect) bounds(maxBody int64, ms *mistakes) {
	if n := int64(e.MinBody); n != 0 && (n < 0 || n > maxBody) {
		ms.add("expect.min_body", e.MinBody, "a size up to max_body, "+ByteSize(maxBody).String())
	}
	if d := e.MinDays; d < 0 || d > maxDays {
		ms.add("expect.min_days", d, fmt.Sprintf("0 to %d days", maxDays))
	}
}

// compileHeaders checks the expectations of headers, and brings them into an order.
func (e *Expect) compileHeaders(ms *mistakes) (xs []headerExpectation) {
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		field, text := "expect.headers."+name, e.Headers[name]
		match, err := regexp.Compile(text)
		switch {
		case !isToken(name):
			ms.add(field, text, "a header name of letters, digits and !#$%&'*+-.^_`|~")
		case err != nil:
			ms.add(field, text, "an RE2 regular expression: "+err.Error())
		default:
			xs = append(xs, headerExpectation{http.CanonicalHeaderKey(name), match})
		}
	}
	return xs
}
