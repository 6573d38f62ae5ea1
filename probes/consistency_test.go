package probes

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// workersOf serves each body by a worker of its own and returns their URLs.
func workersOf(t *testing.T, bodies ...string) (urls []string) {
	t.Helper()
	for _, body := range bodies {
		urls = append(urls, serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }).URL)
	}
	return urls
}

func mustConsistency(t *testing.T, c *Consistency) *consistencyProber {
	t.Helper()
	p, ok := mustBuild(t, c, Env{}).(*consistencyProber)
	if !ok {
		t.Fatal("not a prober of workers")
	}
	return p
}

// verdicts are one letter a worker: agreed, disagreed, failed.
func verdicts(r *ConsistencyResult) (text string) {
	for _, w := range r.Workers {
		text += w.Verdict.String()[:1]
	}
	return text
}

func TestWorkersAreCompared(t *testing.T) {
	for _, tt := range []struct {
		name     string
		compare  string
		bodies   []string
		outcome  Outcome
		verdicts string
		reason   string // the first worker's host is A, the second's B and so on
	}{
		{"all say the same", ".close", []string{`{"close": 17, "at": 1}`, `{"close": 17, "at": 2}`, `{"close":17}`}, OK, "aaa", ""},
		{"one number in three spellings", ".", []string{`100`, `100.0`, `1e2`}, OK, "aaa", ""},
		{"an object in two orders", ".", []string{`{"a": 1, "b": [2]}`, `{"b": [2], "a": 1}`}, OK, "aa", ""},
		{"false is a value", ".open", []string{`{"open": false}`, `{"open": false}`}, OK, "aa", ""},
		{"one lags behind", ".close", []string{`{"close": 18}`, `{"close": 17}`, `{"close": 18}`}, InvalidResponse, "ada",
			"worker B says 17, 2 of 3 say 18"},
		{"the first is the odd one", ".close", []string{`{"close": 17}`, `{"close": 18}`, `{"close": 18}`}, InvalidResponse, "daa",
			"worker A says 17, 2 of 3 say 18"},
		{"all say something else", ".", []string{`1`, `2`, `"3"`}, InvalidResponse, "add", `worker B says 2, 1 of 3 say 1; worker C says "3", 1 of`},
		{"numbers that no float tells apart", ".id", []string{`{"id": 9007199254740993}`, `{"id": 9007199254740992}`}, InvalidResponse, "ad",
			"worker B says 9007199254740992, 1 of 2 say 9007199254740993"},
		{"text is no number", ".", []string{`"1"`, `1`}, InvalidResponse, "ad", `worker B says 1, 1 of 2 say "1"`},
		{"several values", ".[]", []string{`[1, 2]`, `[1, 2, 3]`}, InvalidResponse, "ad", "worker B says [1,2,3], 1 of 2 say [1,2]"},
		{"a long value is cut", ".", []string{`"` + strings.Repeat("x", 100) + `"`, `1`}, InvalidResponse, "ad",
			`say "` + strings.Repeat("x", 59) + "…"},
		{"nothing to agree on", ".clse", []string{`{"close": 1}`, `{"close": 1}`}, InvalidResponse, "ff", `".clse" gave null`},
		{"no value", "empty", []string{`1`, `1`}, InvalidResponse, "ff", `"empty" gave no value`},
		{"too many values", "range(2000)", []string{`1`, `1`}, InvalidResponse, "ff", "more than 1000 values"},
		{"a query that does not fit", ".[0]", []string{`{}`, `[1]`}, InvalidResponse, "fa", `worker A: fetching "GET http://A": invalid response: ".[0]"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustConsistency(t, &Consistency{URLs: workersOf(t, tt.bodies...), Compare: tt.compare})
			for range 2 { // over new connections and over kept ones
				s := take(t, p, tt.outcome)
				if got := verdicts(s.Consistency); got != tt.verdicts {
					t.Errorf("verdicts %s, want %s", got, tt.verdicts)
				}
				if s.Err != nil && !strings.Contains(byLetter(p, s.Err), tt.reason) {
					t.Errorf("error %s, want one with %s", byLetter(p, s.Err), tt.reason)
				}
			}
		})
	}
}

// byLetter names workers A, B, C in an error.
func byLetter(p *consistencyProber, err error) string {
	text := err.Error()
	for i, name := range p.names {
		text = strings.ReplaceAll(text, name, string(rune('A'+i)))
	}
	return text
}

func TestStalenessIsBetweenTheNewestAndTheOldest(t *testing.T) {
	at := func(price int, version string) string { return fmt.Sprintf(`{"close": %d, "at": %s}`, price, version) }
	for _, tt := range []struct {
		name     string
		bodies   []string
		outcome  Outcome
		verdicts string
		seconds  float64
		reason   string
	}{
		{"seconds", []string{at(1, "100"), at(1, "102.5"), at(1, "101")}, OK, "aaa", 2.5, ""},
		{"RFC 3339 in two zones", []string{at(1, `"2026-11-24T08:00:04.5Z"`), at(1, `"2026-11-24T09:00:00+01:00"`)}, OK, "aa", 4.5, ""},
		{"both spellings", []string{at(1, `"1970-01-01T00:01:00Z"`), at(1, "63")}, OK, "aa", 3, ""},
		{"too far behind", []string{at(1, "100"), at(1, "106")}, InvalidResponse, "aa", 6, "worker A is 6s behind, want 5s at most"},
		{"the newer of two is right", []string{at(1, "100"), at(2, "101")}, InvalidResponse, "da", 1, "worker A says 1, 1 of 2 say 2"},
		{"most are right, though older", []string{at(1, "100"), at(2, "101"), at(1, "100")}, InvalidResponse, "ada", 1, "worker B says 2"},
		{"milliseconds", []string{at(1, "1764000000000"), at(1, "1764000000")}, InvalidResponse, "fa", 0, "version 1764000000000, want seconds"},
		{"no instant", []string{at(1, `"yesterday"`), at(1, "3")}, InvalidResponse, "fa", 0, `version "yesterday", want seconds since 1970 or RFC 3339`},
		{"none", []string{at(1, "null"), at(1, "3")}, InvalidResponse, "fa", 0, `".at" gave null`},
		{"a number too large", []string{at(1, "1e999"), at(1, "3")}, InvalidResponse, "fa", 0, "version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustConsistency(t, &Consistency{
				URLs: workersOf(t, tt.bodies...), Compare: ".close", Version: ".at", MaxStaleness: 5 * time.Second,
			})
			s := take(t, p, tt.outcome)
			r := s.Consistency
			if verdicts(r) != tt.verdicts || r.Staleness != tt.seconds || r.Comparable != (r.Answered > 1) {
				t.Errorf("verdicts %s, staleness %v, comparable %v, want %s, %v", verdicts(r), r.Staleness, r.Comparable, tt.verdicts, tt.seconds)
			}
			if s.Err != nil && !strings.Contains(byLetter(p, s.Err), tt.reason) {
				t.Errorf("error %s, want one with %s", byLetter(p, s.Err), tt.reason)
			}
		})
	}
}

// A worker that gives no good answer fails with its own outcome, and the others are compared all the same.
func TestAWorkerThatFailsDoesNotDisagree(t *testing.T) {
	big := okHead + "Content-Length: 10485760\r\n\r\n"
	for _, tt := range []struct {
		name    string
		serve   func(net.Conn)
		outcome Outcome
		reason  string
	}{
		{"dead", nil, Refused, "refused"},
		{"hangs", hangs, Timeout, "deadline"},
		{"hangs after the headers", thenHangs(okHead + "Content-Length: 5\r\n\r\n"), Timeout, "reading body"},
		{"resets", resets, Reset, "reset by peer"},
		{"answers 503", says("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"), HTTP5xx, "status 503"},
		{"answers 404", says("HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"), HTTP4xx, "status 404"},
		{"answers 429", says("HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"), HTTP429, "status 429"},
		{"sends 10 MiB", forEver(big, strings.Repeat("x", 1<<16), 0), BodyTooLarge, "over 1048576 bytes"},
		{"sends for ever", forEver(okHead+"\r\n", strings.Repeat("[", 1<<16), 0), BodyTooLarge, "over 1048576 bytes"},
		{"nests JSON without end", says(okHead + "\r\n" + strings.Repeat("[", 1<<19)), InvalidResponse, "parsing body as JSON"},
		{"answers no JSON", says(okHead + "\r\n<html>"), InvalidResponse, "parsing body as JSON"},
		{"answers two values", says(okHead + "\r\n1 2"), InvalidResponse, "parsing body as JSON: more after the value"},
		{"answers nothing", says(okHead + "Content-Length: 0\r\n\r\n"), InvalidResponse, "parsing body as JSON"},
		{"answers a number of a megabyte", says(okHead + "\r\n" + strings.Repeat("9", 1<<19)), BodyTooLarge, `"." gave more than 64KiB`},
		{"answers more than is compared", says(okHead + "\r\n\"" + strings.Repeat("x", 1<<17) + `"`), BodyTooLarge, `"." gave more than 64KiB`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if tt.serve == nil {
				_ = l.Close()
			} else {
				t.Cleanup(serveAll(l, tt.serve))
			}
			urls := workersOf(t, `7`, `8`, `8`)
			urls[1] = "http://" + l.Addr().String()
			p := mustConsistency(t, &Consistency{URLs: urls})
			timeout := plenty
			if tt.outcome == Timeout {
				timeout = 2 * time.Second // time for the others to answer
			}
			s := takeFor(t, p, timeout)
			if s.Outcome != tt.outcome {
				t.Errorf("outcome %v, want %v: %v", s.Outcome, tt.outcome, s.Err)
			}
			if r := s.Consistency; verdicts(r) != "afd" || r.Answered != 2 || r.Agreeing != 1 || !r.Mismatch() {
				t.Errorf("verdicts %s, %d of %d agree, want afd, 1 of 2", verdicts(r), r.Agreeing, r.Answered)
			}
			for _, want := range []string{"worker B: fetching", tt.reason, "worker C says 8, 1 of 2 say 7"} {
				if got := byLetter(p, s.Err); !strings.Contains(got, want) {
					t.Errorf("error %s, want one with %s", got, want)
				}
			}
		})
	}
}

func TestNoWorkerAnswers(t *testing.T) {
	p := mustConsistency(t, &Consistency{URLs: []string{"http://127.0.0.1:1", "http://127.0.0.1:1"}, Version: ".at"})
	r := take(t, p, Refused).Consistency
	if verdicts(r) != "ff" || r.Answered != 0 || r.Mismatch() || r.Comparable {
		t.Errorf("%+v, want two failures and nothing to compare", r)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:1#1", "127.0.0.1:1#2"}, p.Workers()); diff != "" {
		t.Error(diff)
	}
}

// The workers wait for each other: a run that asked one after the other would never end.
func TestWorkersAreAskedAtTheSameTime(t *testing.T) {
	const n = 4
	met := make(chan struct{}, n)
	all := make(chan struct{})
	var urls []string
	traces := make(chan string, n)
	for range n {
		urls = append(urls, serve(t, func(w http.ResponseWriter, r *http.Request) {
			traces <- r.Header.Get("Traceparent")
			if met <- struct{}{}; len(met) == n {
				close(all)
			}
			select {
			case <-all:
				_, _ = io.WriteString(w, `"`+r.Header.Get("X-Team")+`"`)
			case <-r.Context().Done():
			}
		}).URL)
	}
	p := mustConsistency(t, &Consistency{URLs: urls, Headers: map[string]string{"X-Team": "blue"}})
	s := take(t, p, OK)
	if s.Consistency.Agreeing != n {
		t.Errorf("%d agree, want %d", s.Consistency.Agreeing, n)
	}
	var seen []string
	for range n {
		seen = append(seen, <-traces)
	}
	if !strings.Contains(strings.Join(seen, " "), "00-"+s.TraceID.String()+"-") {
		t.Errorf("trace %q, want one of %q", s.TraceID, seen)
	}
}

func TestTheEarliestCertificateCounts(t *testing.T) {
	plain := workersOf(t, `1`)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") }))
	t.Cleanup(secure.Close)
	p := mustBuild(t, &Consistency{URLs: []string{plain[0], secure.URL}}, trusting(t, secure))
	if got, want := take(t, p, OK).CertNotAfter, secure.Certificate().NotAfter; !got.Equal(want) {
		t.Errorf("certificate until %v, want %v", got, want)
	}
}

func TestWrongConsistencySpecs(t *testing.T) {
	two := []string{"http://a.example/x", "http://b.example/x"}
	for _, tt := range []struct {
		name string
		spec Consistency
		want string
	}{
		{"no worker", Consistency{}, "urls: missing, want 2 to 32 URLs, one a worker"},
		{"one worker", Consistency{URLs: two[:1]}, `urls: "1", want 2 to 32 URLs, one a worker`},
		{"too many", Consistency{URLs: make([]string, 33)}, `urls: "33", want 2 to 32 URLs`},
		{"a scheme", Consistency{URLs: []string{two[0], "ftp://b.example"}}, `urls[1]: "ftp://b.example", want a URL with the scheme http or https`},
		{"a password", Consistency{URLs: []string{two[0], "ftp://u:hunter2@b"}}, `urls[1]: "ftp://<secret>@b", want`},
		{"relative", Consistency{URLs: []string{"/a", two[0]}}, `urls[0]: "/a", want an absolute URL, as global.base_url is not set`},
		{"a header, told once", Consistency{URLs: two, Headers: map[string]string{"a b": "hunter2"}}, `headers.a b: "<secret>", want a header name`},
		{"compare", Consistency{URLs: two, Compare: ".["}, `compare: ".[", want a gojq query: `},
		{"version", Consistency{URLs: two, Version: "nope"}, `version: "nope", want a gojq query: function not defined: nope/0`},
		{"staleness of nothing", Consistency{URLs: two, MaxStaleness: time.Second}, `max_staleness: "1s", want it beside version`},
		{"staleness below 0", Consistency{URLs: two, Version: ".", MaxStaleness: -1}, `max_staleness: "-1ns", want a duration up to 24h`},
		{"max_body below 0", Consistency{URLs: two, MaxBody: -1}, `max_body: "-1B", want a size up to 10MiB`},
		{"max_body too large", Consistency{URLs: two, MaxBody: 11 << 20}, `max_body: "11MiB", want a size up to 10MiB`},
	} {
		_, err := tt.spec.Prober(Env{})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			continue
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != 1 && tt.name != "too many" {
			t.Errorf("%s: %d mistakes, want one: %v", tt.name, n, err)
		}
	}
}

func TestWorkersAreNamedByTheirHosts(t *testing.T) {
	base, _ := url.Parse("http://shop.example")
	spec := &Consistency{URLs: []string{"/x", "http://b.example:81/x", "http://b.example:82/x", "/y"}}
	named, ok := mustBuild(t, spec, Env{BaseURL: base}).(interface{ Workers() []string })
	if !ok {
		t.Fatal("no names")
	}
	want := []string{"shop.example#1", "b.example:81", "b.example:82", "shop.example#4"}
	if diff := cmp.Diff(want, named.Workers()); diff != "" {
		t.Error(diff)
	}
}

// What workers say stands in errors as evidence shows it.
func TestAnErrorOfContradictionsTellsNoSecret(t *testing.T) {
	for _, tt := range []struct {
		compare, version string
		bodies           []string
		want             string
	}{
		{".", "", []string{`{"api_token":"hunter2"}`, `{"api_token":"hunter3"}`},
			`worker B says {"api_token":"<secret>"}, 1 of 2 say {"api_token":"<secret>"}`},
		{".api_token", "", []string{`{"api_token":"hunter2"}`, `{"api_token":"hunter3"}`}, `worker B says <secret>, 1 of 2 say <secret>`},
		{".", "", []string{`"for sent-hunter2"`, `"for nobody"`}, `worker B says "for nobody", 1 of 2 say "for <secret>"`},
		{".", "", []string{`"` + strings.Repeat("x", 50) + `sent-hunter2 and more"`, `1`}, `say "` + strings.Repeat("x", 50) + `<secret> …`},
		{".", "", []string{`"\u001b\u202e"`, `1`}, `worker B says 1, 1 of 2 say "\u001b."`},
		{".n", ".token", []string{`{"n":1,"token":"hunter2"}`, `{"n":1,"token":"hunter3"}`}, `version <secret>, want seconds`},
	} {
		urls := workersOf(t, tt.bodies...)
		spec := &Consistency{URLs: urls, Compare: tt.compare, Version: tt.version, Headers: map[string]string{"X-Token": "sent-hunter2"}}
		p := mustBuild(t, spec, Env{})
		s := Take(t.Context(), p, time.Time{})
		text := fmt.Sprint(s.Err)
		for i, url := range urls {
			text = strings.ReplaceAll(text, strings.TrimPrefix(url, "http://"), string(rune('A'+i)))
		}
		if !strings.Contains(text, tt.want) || strings.Contains(text, "hunter") {
			t.Errorf("%s of %q: %s, want %s", tt.compare, tt.bodies, text, tt.want)
		}
	}
}
