package web

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

func TestAProbesPageShowsFailuresAndResults(t *testing.T) {
	w := ask(serve(t, nil), "GET", "/probes/dashboard", "")
	page := w.Body.String()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
	failures, results, _ := strings.Cut(page, `<section id="results">`)
	sec := objective.Seconds.Format
	for _, want := range []string{
		"<h1>dashboard ", "1 of 61 runs failed since the start", "http_5xx</span><small>status 503</small><small>14 B</small>",
		sec(0.031), "connect " + sec(0.001) + ", first_byte " + sec(0.029), "<code>status 503, want 2xx</code>",
		"<small>trace <code>ab000000000000000000000000000000</code></small>", "<pre>302 http://shop.test/down\n</pre>",
		"<pre>HTTP/1.1\nServer: &lt;b&gt;envoy&lt;/b&gt;\nX-A: 1\n</pre>", "<pre>no &lt;i&gt;upstream&lt;/i&gt;</pre>", "There was more of it.",
	} {
		if !strings.Contains(failures, want) {
			t.Errorf("the failures lack %q", want)
		}
	}
	if n := strings.Count(results, "✓</span>&nbsp;ok"); n != 50 {
		t.Errorf("%d results, want 50", n)
	}
	if same, shown := strings.Count(results, "the same as above"), strings.Count(results, "<pre>{}</pre>"); same != 49 || shown != 1 {
		t.Errorf("an answer of 50 runs stands %d times and %d times by reference, want 1 and 49", shown, same)
	}
}

func TestAProbesPageIsWellFormed(t *testing.T) {
	d := xml.NewDecoder(ask(serve(t, nil), "GET", "/probes/dashboard", "").Body)
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			checkElement(t, e, open)
		case xml.EndElement:
			if last := open[len(open)-1]; last != e.Name.Local {
				t.Fatalf("</%s> closes <%s>", e.Name.Local, last)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestHostileAnswersStayTexts(t *testing.T) {
	h := serve(t, func(o *Options) {
		o.History = func(string) (Probe, History, bool) {
			r := Result{Outcome: probes.Error, Error: hostile, Evidence: &probes.Evidence{
				Redirects: hostile, Proto: hostile, Head: hostile, Body: "</pre></details></table>" + hostile,
			}}
			return Probe{Name: hostile, Group: hostile, Kind: hostile, Schedule: hostile}, History{Results: []Result{r}, Failures: []Result{r}}, true
		}
	})
	page := ask(h, "GET", "/probes/a%2Fb", "").Body.String()
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Count(page, "</table>") != 2 {
		t.Errorf("markup of a target stands in the page")
	}
	if got := strings.Count(page, "&lt;script&gt;alert(1)"); got < 12 {
		t.Errorf("%d escaped texts, want every one", got)
	}
	body := ask(h, "GET", "/api/v1/probes/x", "").Body.String()
	if strings.ContainsAny(body, "<>") || !json.Valid([]byte(body)) {
		t.Errorf("markup in JSON: %s", body)
	}
}

func TestTheAPIListsProbes(t *testing.T) {
	w := ask(serve(t, nil), "GET", "/api/v1/probes", "")
	var got struct{ Probes []probeJSON }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Probes) != 6 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	const want = `{"name":"portfolio_summary","group":"api","kind":"http","schedule":"@every 15s","runs":1,"failed":1,` +
		`"last":{"at":"2026-03-14T03:07:00Z","duration_seconds":0.031,"outcome":"http_5xx","error":"status 503, want 2xx","bytes":0}}`
	if !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %s\nwant in it %s", w.Body, want)
	}
}

func TestTheAPIShowsAProbe(t *testing.T) {
	w := ask(serve(t, nil), "GET", "/api/v1/probes/dashboard", "")
	_, failures, _ := strings.Cut(w.Body.String(), `"failures":`)
	const want = `[{"at":"2026-03-14T02:07:09Z","duration_seconds":0.031,"outcome":"http_5xx","error":"status 503, want 2xx","status":503,` +
		`"bytes":14,"phases":{"connect":0.001,"first_byte":0.029},"trace_id":"ab000000000000000000000000000000","evidence":{"redirects":` +
		`["302 http://shop.test/down"],"proto":"HTTP/1.1","headers":["Server: \u003cb\u003eenvoy\u003c/b\u003e","X-A: 1"],` +
		`"body":"no \u003ci\u003eupstream\u003c/i\u003e","body_cut":true}}]}` + "\n"
	if failures != want {
		t.Errorf("failures %s\nwant %s", failures, want)
	}
	var got historyJSON
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Results) != 50 || got.Runs != 61 ||
		!got.Results[0].At.Equal(now().Add(-time.Second)) {
		t.Errorf("%v: %d results of %d runs, the first of %v", err, len(got.Results), got.Runs, got.Results[0].At)
	}
	for _, path := range []string{"/api/v1/probes/nonsense", "/probes/nonsense"} {
		if w := ask(serve(t, nil), "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: status %d, want 404", path, w.Code)
		}
	}
}
