package k6

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perfwatch/perfwatch/probes"
)

// headers are those of a request beside those that the script gives to each: that of the body, those of all tasks, and
// its own, of which each later one wins.
func (x *exporter) headers(at place, h *probes.HTTP, common map[string]string, media string) []header {
	all := map[string]text{}
	if media != "" {
		all["Content-Type"] = text{}.literal(media)
	}
	if len(h.Cookies) > 0 {
		all["Cookie"] = x.cookies(h.Cookies)
	}
	if x.authorized {
		all["Authorization"] = text{x.secret("header", "Authorization", "")}
	}
	own := map[string]bool{}
	for _, name := range sortedKeys(h.Headers) {
		key := http.CanonicalHeaderKey(name)
		own[key], all[key] = true, x.headerText(at.below(".headers.%s", name), key, h.Headers[name])
	}
	for _, name := range sortedKeys(common) {
		if key := http.CanonicalHeaderKey(name); !own[key] {
			all[key] = x.headerText(place{"load.headers." + name, at.task}, key, common[name])
		}
	}
	list := make([]header, 0, len(all))
	for _, name := range sortedKeys(all) {
		if name == "__proto__" {
			x.refuse(at.path, "a header %q is none in JavaScript", name)
		}
		list = append(list, header{name, all[name]})
	}
	return list
}

// headerText compiles a header's value. What may be a secret in it is read from the environment.
func (x *exporter) headerText(at place, key, value string) text {
	t := x.text(at, value, raw)
	if slices.Contains(openHeaders(), key) {
		return t
	}
	for i, part := range t {
		if s, ok := part.(string); ok && (i == len(t)-1 || !scheme.MatchString(s)) && !between.MatchString(s) {
			t[i] = x.secret("header", key, s)
		}
	}
	return t
}

// openHeaders are those whose values are no secrets.
func openHeaders() []string {
	return []string{
		"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Encoding",
		"Content-Language", "Content-Type", "Dnt", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
		"If-Unmodified-Since", "Origin", "Pragma", "Prefer", "Range", "Referer", "Te", "Traceparent", "Tracestate",
		"User-Agent", "X-Requested-With",
	}
}

var (
	// scheme is what stands before credentials.
	scheme = regexp.MustCompile(`^(?i:Basic|Bearer|Token|Digest|ApiKey) $`)
	// between is what stands between two of them.
	between = regexp.MustCompile(`^[ :;,=./|-]*$`)
)

// secret takes the value of a header or a cookie out of the script: it is read from a variable of the environment, the
// same for the same value.
func (x *exporter) secret(of, name, value string) blank {
	key := of + " " + name + "\n" + value
	variable, ok := x.variables[key]
	for n := 1; !ok; n++ {
		variable = strings.ToUpper("PERFWATCH_" + of + "_" + unsafe.ReplaceAllString(name, "_"))
		if n > 1 {
			variable += "_" + strconv.Itoa(n)
		}
		if !x.needed[variable] {
			x.variables[key], x.needed[variable], ok = variable, true, true
			x.note(of+" "+name, "its value may be a secret and does not stand in the script, which reads it from %s", variable)
		}
	}
	return blank{"kind": "env", "name": variable}
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9]+`)

// cookies writes them as a browser does.
func (x *exporter) cookies(cookies map[string]string) text {
	var t text
	for i, name := range sortedKeys(cookies) {
		if i > 0 {
			t = t.literal("; ")
		}
		t = append(t.literal(name+"="), x.secret("cookie", name, cookies[name]))
	}
	return t
}
