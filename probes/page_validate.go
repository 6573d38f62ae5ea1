package probes

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/browser"
)

// What one page may hold.
const (
	maxSteps, maxBlocked, maxMarks          = 50, 200, 20
	maxSelector                             = 1000
	maxPagePassword                         = 64 << 10
	maxViewport                             = 10_000
	defaultMaxPage                 ByteSize = 50 << 20
)

// Prober implements Spec. It starts no browser.
func (s *Page) Prober(env Env) (Prober, error) {
	var ms mistakes
	as := &HTTP{URL: s.URL, Headers: s.Headers, Cookies: s.Cookies}
	target := as.target(env, &ms)
	as.headers(&ms)
	as.cookies(&ms)
	width, height, scale := s.window(&ms)
	page := &browser.Page{
		URL: target, UserAgent: cmp.Or(env.UserAgent, "perfwatch"),
		Width: width, Height: height, Scale: scale, Mobile: s.Device == "mobile",
		Headers: maps.Clone(s.Headers), Insecure: s.Insecure, Warm: s.Warm, Marks: slices.Clone(s.Marks),
		Blocked: slices.Clone(s.Block), MaxBytes: int64(cmp.Or(s.MaxBytes, defaultMaxPage)),
	}
	page.Slowdown, page.Network = s.Throttling.figures(&ms)
	for _, name := range slices.Sorted(maps.Keys(s.Cookies)) {
		page.Cookies = append(page.Cookies, browser.Cookie{Name: name, Value: s.Cookies[name]})
	}
	page.Username, page.Password = s.password(env, &ms)
	page.Login = s.steps(env, &ms)
	want := s.expectation(&page.Expect, &ms)
	s.lists(&ms)
	for name := range s.Headers {
		if s.Trace && strings.EqualFold(name, traceHeader) {
			ms.add("trace", true, "it only where no header is traceparent")
		}
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	if password, ok := target.User.Password(); ok || target.User.Username() != "" {
		bare := *target
		bare.User = nil
		page.URL, page.Username, page.Password = &bare, target.User.Username(), password
	}
	return &pageProber{browser: env.Browser, page: page, want: want, traces: s.Trace}, nil
}

// window is the size of the window: what is given, or that of Lighthouse's devices.
func (s *Page) window(ms *mistakes) (width, height int, scale float64) {
	width, height, scale = 1350, 940, 1
	switch s.Device {
	case "", "desktop":
	case "mobile":
		width, height, scale = 412, 823, 1.75
	default:
		ms.add("device", s.Device, "desktop or mobile")
	}
	for _, side := range []struct {
		name  string
		value int
	}{{"viewport.width", s.Viewport.Width}, {"viewport.height", s.Viewport.Height}} {
		if side.value < 0 || side.value > maxViewport {
			ms.add(side.name, side.value, fmt.Sprintf("1 to %d", maxViewport))
		}
	}
	if v := s.Viewport.Scale; v != 0 && !(v >= 0.1 && v <= 10) {
		ms.add("viewport.scale", v, "0.1 to 10")
	}
	return cmp.Or(s.Viewport.Width, width), cmp.Or(s.Viewport.Height, height), cmp.Or(s.Viewport.Scale, scale)
}

// figures are those of the preset, each replaced by the one that is given. The presets are what Lighthouse's DevTools
// throttling applies for its slow 4G, regular 3G and dense 4G:
// https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md. Its rates are in kbit, 1,024 bits.
func (t *Throttling) figures(ms *mistakes) (slowdown float64, n browser.Network) {
	const kbit = 1024. / 8
	switch t.Preset {
	case "":
	case "slow_4g":
		slowdown, n = 4, browser.Network{Latency: 562500 * time.Microsecond, Download: 1474.56 * kbit, Upload: 675 * kbit}
	case "regular_3g":
		slowdown, n = 4, browser.Network{Latency: 1125 * time.Millisecond, Download: 630 * kbit, Upload: 630 * kbit}
	case "dense_4g":
		slowdown, n = 1, browser.Network{Latency: 150 * time.Millisecond, Download: 9216 * kbit, Upload: 9216 * kbit}
	default:
		ms.add("throttling.preset", t.Preset, "slow_4g, regular_3g or dense_4g")
	}
	if t.Latency < 0 || t.Latency > time.Minute {
		ms.add("throttling.latency", t.Latency, "0s to 1m")
	}
	if t.CPU != 0 && !(t.CPU >= 1 && t.CPU <= 100) {
		ms.add("throttling.cpu", t.CPU, "1 to 100")
	}
	return cmp.Or(t.CPU, slowdown), browser.Network{
		Latency: cmp.Or(t.Latency, n.Latency), Download: cmp.Or(float64(t.Download), n.Download),
		Upload: cmp.Or(float64(t.Upload), n.Upload),
	}
}

// password is what the page is asked with. Files start at the configuration's folder.
func (s *Page) password(env Env, ms *mistakes) (username, password string) {
	a := s.BasicAuth
	if a == nil {
		return "", ""
	}
	if a.Username == "" {
		ms.add("basic_auth.username", nil, "a name")
	}
	return a.Username, ms.secret("basic_auth.password", a.Password, a.PasswordFile, env)
}

// secret is what is given, or the first line of a file.
func (ms *mistakes) secret(field, given, file string, env Env) string {
	switch {
	case file == "":
		return given
	case given != "":
		ms.add(field, "beside "+field+"_file", "one of them")
		return ""
	}
	text, err := readBounded(promconfig.JoinDir(env.Dir, file), maxPagePassword)
	if err != nil {
		ms.addFile(field+"_file", file, "a file that can be read, from the configuration's folder on: "+err.Error(), err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r")
}

// steps checks the login.
func (s *Page) steps(env Env, ms *mistakes) (list []browser.Step) {
	if len(s.Login) > maxSteps {
		ms.add("login", len(s.Login), fmt.Sprintf("%d steps at most", maxSteps))
		return nil
	}
	for i := range s.Login {
		in, at := &s.Login[i], fmt.Sprintf("login[%d]", i)
		given := 0
		for _, text := range []string{in.URL, in.Fill, in.Click, in.WaitFor} {
			if text != "" {
				given++
			}
			if len(text) > maxSelector {
				ms.add(at, len(text), fmt.Sprintf("%d bytes at most", maxSelector))
			}
		}
		if given != 1 {
			ms.add(at, fmt.Sprint(given, " actions"), "exactly one of url, fill, click and wait_for")
		}
		if in.Fill == "" && (in.Value != "" || in.ValueFile != "") {
			ms.add(at+".value", hidden, "it only beside fill")
		}
		list = append(list, browser.Step{
			URL: in.target(env, at, ms), Fill: in.Fill, Value: ms.secret(at+".value", in.Value, in.ValueFile, env),
			Click: in.Click, WaitFor: in.WaitFor,
		})
	}
	return list
}

func (in *PageStep) target(env Env, at string, ms *mistakes) *url.URL {
	if in.URL == "" {
		return nil
	}
	var own mistakes
	u := (&HTTP{URL: in.URL}).target(env, &own)
	for _, err := range own {
		if f := new(FieldError); errors.As(err, &f) {
			ms.add(at+".url", f.Value, f.Want)
		}
	}
	return u
}

// expectation checks what is expected, and says which statuses are.
func (s *Page) expectation(e *browser.Expect, ms *mistakes) (want string) {
	for i, code := range s.Expect.Status {
		if code < 100 || code > 599 {
			ms.add(fmt.Sprintf("expect.status[%d]", i), code, "an HTTP status from 100 to 599")
		}
	}
	want = "2xx"
	e.Status = func(code int) bool { return code >= 200 && code < 300 }
	if list := slices.Clone(s.Expect.Status); len(list) > 0 {
		want = strings.Trim(fmt.Sprint(list), "[]")
		e.Status = func(code int) bool { return slices.Contains(list, code) }
	}
	if len(s.Expect.Selector) > maxSelector {
		ms.add("expect.selector", len(s.Expect.Selector), fmt.Sprintf("%d bytes at most", maxSelector))
	}
	e.Selector = s.Expect.Selector
	for _, m := range []struct {
		field, text string
		into        **regexp.Regexp
	}{{"expect.text", s.Expect.Text, &e.Text}, {"expect.title", s.Expect.Title, &e.Title}} {
		if m.text == "" {
			continue
		}
		var err error
		if *m.into, err = regexp.Compile(m.text); err != nil {
			ms.add(m.field, m.text, "an RE2 regular expression: "+err.Error())
		}
	}
	return want
}

// lists checks what is blocked and which marks are kept, each of which is a series.
func (s *Page) lists(ms *mistakes) {
	if len(s.Block) > maxBlocked {
		ms.add("block", len(s.Block), fmt.Sprintf("%d patterns at most", maxBlocked))
	}
	for i, pattern := range s.Block {
		if pattern == "" || len(pattern) > maxSelector {
			ms.add(fmt.Sprintf("block[%d]", i), pattern, `a pattern of URLs, as "*://ads.example/*"`)
		}
	}
	if len(s.Marks) > maxMarks {
		ms.add("marks", len(s.Marks), fmt.Sprintf("%d names at most, as each is a series", maxMarks))
	}
	for i, name := range s.Marks {
		if name == "" || len(name) > maxQueryName || slices.Contains(s.Marks[:i], name) {
			ms.add(fmt.Sprintf("marks[%d]", i), name, "a name of 1 to 64 bytes that no other mark has")
		}
	}
	if s.MaxBytes < 0 || s.MaxBytes > maxMaxBody {
		ms.add("max_bytes", s.MaxBytes, "a size above 0 and up to "+maxMaxBody.String())
	}
}
