package web

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/report"
)

// control is a handler of which bursts can be started and stopped, and what was asked of it.
func control(t *testing.T, lifecycle bool) (post func(path string, headers ...string) (int, string, string), asked *[]string) {
	t.Helper()
	asked = &[]string{}
	change := func(verb string) func(string) error {
		return func(name string) error {
			switch name {
			case "journey":
				*asked = append(*asked, verb+" "+name)
				return nil
			case "busy":
				return errors.New(`running "busy": it runs already`)
			}
			return ErrNoBurst
		}
	}
	h := serve(t, func(o *Options) {
		o.Lifecycle, o.StartBurst, o.StopBurst = lifecycle, change("start"), change("stop")
	})
	return func(path string, headers ...string) (int, string, string) {
		w := ask(h, "POST", path, "", headers...)
		return w.Code, w.Header().Get("Content-Type") + w.Header().Get("Location"), w.Body.String()
	}, asked
}

func TestBurstsAreStartedAndStopped(t *testing.T) {
	tests := []struct {
		path, accept string
		status       int
		kind, body   string
	}{
		{"journey/start", "", 202, "application/json", `{"burst":"journey","state":"started"}`},
		{"journey/stop", "*/*", 202, "application/json", `{"burst":"journey","state":"stopped"}`},
		{"journey/start", "text/html,*/*", 303, "../../../../", ""},
		{"busy/start", "text/html", 409, "application/problem+json",
			`{"type":"about:blank","title":"Conflict","status":409,"detail":"running \"busy\": it runs already"}`},
		{"nobody/stop", "", 404, "application/problem+json",
			`{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no load probe of this name"}`},
		{"journey/pause", "", 404, "application/problem+json", `{"type":"about:blank","title":"Not Found","status":404,` +
			`"detail":"the API has no such resource, or not by this method: see /api/v1/openapi.yaml"}`},
	}
	post, asked := control(t, true)
	for _, tt := range tests {
		status, kind, body := post("/api/v1/bursts/"+tt.path, "Accept", tt.accept)
		if status != tt.status || kind != tt.kind || strings.TrimSpace(body) != tt.body {
			t.Errorf("%s: %d %s %s, want %d %s %s", tt.path, status, kind, body, tt.status, tt.kind, tt.body)
		}
	}
	if got := strings.Join(*asked, ", "); got != "start journey, stop journey, start journey" {
		t.Errorf("asked %s", got)
	}
}

func TestBurstsAreLeftAloneWithoutLeave(t *testing.T) {
	post, asked := control(t, false)
	status, _, body := post("/api/v1/bursts/journey/start")
	if status != 403 || !strings.Contains(body, "--web.enable-lifecycle") {
		t.Errorf("%d %s, want 403 and the flag", status, body)
	}
	post, others := control(t, true)
	if status, _, _ := post("/api/v1/bursts/journey/start", "Origin", "https://evil.test"); status != 403 {
		t.Errorf("%d for another site's page, want 403", status)
	}
	if len(*asked)+len(*others) != 0 {
		t.Errorf("asked %v, %v, want nothing", *asked, *others)
	}
}

func TestThePageHasButtonsOnlyWithLeave(t *testing.T) {
	for _, lifecycle := range []bool{true, false} {
		h := serve(t, func(o *Options) {
			o.Lifecycle, o.StartBurst, o.StopBurst = lifecycle, func(string) error { return nil }, func(string) error { return nil }
		})
		page := ask(h, "GET", "/", "").Body.String()
		for _, form := range []string{`action="api/v1/bursts/investor_journey/`, `/start"><button`, `/stop"><button`} {
			if strings.Contains(page, form) != lifecycle {
				t.Errorf("lifecycle %v: page has %q: %v", lifecycle, form, !lifecycle)
			}
		}
	}
}

func TestBurstsAreListed(t *testing.T) {
	w := ask(serve(t, nil), "GET", "/api/v1/bursts", "")
	var got struct{ Bursts []burstJSON }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || len(got.Bursts) != len(nightBursts()) {
		t.Fatalf("%d: %v, %d bursts", w.Code, err, len(got.Bursts))
	}
	first := &got.Bursts[0]
	want := lastJSON{
		Result: load.Completed, End: now().Add(-4 * time.Minute), Requests: 2913, Throughput: 48.6, ErrorRatio: 0.0017,
		P50: 0.061, P95: 0.284, P99: 0.733,
	}
	if first.Name != "investor_journey" || first.Running || first.Progress != nil || first.Skipped != nil || !reflect.DeepEqual(*first.Last, want) {
		t.Errorf("%+v of %+v, want %+v", first.Last, first, want)
	}
	running := &got.Bursts[2]
	if p := running.Progress; !running.Running || running.Last != nil || p == nil || p.Requests != 1204 || p.P95 != 0.125 || p.Run != "batch=2" {
		t.Errorf("%+v, want one that runs and its progress", running)
	}
}

func TestWhatIsKeptOfABurstIsShown(t *testing.T) {
	h := serve(t, func(o *Options) {
		o.Kept = func(name string) (any, error) {
			if name != "journey" {
				return nil, ErrNoBurst
			}
			return map[string]int{"seed": 7}, nil
		}
	})
	if w := ask(h, "GET", "/api/v1/bursts/journey", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"seed":7}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/api/v1/bursts/nobody", ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"detail":"no such burst"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestThePageSaysHowABurstIsGoing(t *testing.T) {
	page := ask(serve(t, nil), "GET", "/", "").Body.String()
	if want := `<span class="said">12 of 30 s, batch=2, 85 users, 1204 requests, `; !strings.Contains(page, want) ||
		!strings.Contains(page, ", 2 failed</span>") || !strings.Contains(page, `value="0.413" aria-label="Progress of recommendations_under_load"`) {
		t.Errorf("the page does not say %q", want)
	}
}

func TestBurstsLeadToTheirReports(t *testing.T) {
	const link = `<a href="report?burst=investor_journey">report</a>`
	with := ask(serve(t, func(o *Options) {
		o.Report = func(string) (*report.Report, error) { return &report.Report{}, nil }
	}), "GET", "/", "").Body.String()
	without := ask(serve(t, nil), "GET", "/", "").Body.String()
	if !strings.Contains(with, link) || strings.Contains(without, "report?burst=") || strings.Contains(with, "report?burst=bulk_price_query") {
		t.Errorf("a burst that ran leads to its report, if there are reports, and one that never ran does not")
	}
}
