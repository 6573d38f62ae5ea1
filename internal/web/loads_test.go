package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/probes"
)

// loadAt is a load of a page that failed, or was measured if reason is "".
func loadAt(at time.Time, reason string, picture int) *probes.Sample {
	s := &probes.Sample{Start: at}
	s.Page = &probes.PageResult{Reason: reason, Evidence: browser.Evidence{
		URL: "http://shop.example/<b>", Screenshot: make([]byte, picture),
		Waterfall: []browser.Request{
			{Method: "GET", URL: "http://shop.example/", Type: "Document", Status: 200, End: 500 * time.Millisecond, Bytes: 2048},
			{Method: "GET", URL: "http://shop.example/stream", Type: "Fetch", Start: 250 * time.Millisecond},
			{Method: "GET", URL: "http://shop.example/late", Start: time.Second, Error: "net::ERR_ABORTED", End: time.Second},
		},
		Console: []browser.Line{{At: 20 * time.Millisecond, Level: "error", Text: "<script>alert(1)</script>"}},
	}}
	if reason != "" {
		s.Page.Evidence.Film = []browser.Frame{{At: 200 * time.Millisecond, JPEG: []byte("white")}, {At: time.Second, JPEG: []byte("red")}}
		s.Outcome, s.Err = probes.Timeout, errors.New(`loading "http://shop.example/": `+reason)
	}
	return s
}

func TestLoadsAreShownWithTheirEvidence(t *testing.T) {
	var loads Loads
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	loads.Observe("home", loadAt(at, "network_busy", 3))
	good := loadAt(at.Add(10*time.Second), "", 0)
	good.Page.Figures = browser.Figures{FirstPaint: 120 * time.Millisecond, Interactive: 480 * time.Millisecond, Requests: 7, Bytes: 2048}
	loads.Observe("home", good)
	h := serve(t, func(o *Options) { o.Loads = &loads })
	got := ask(h, "GET", "/pages/home", "").Body.String()
	for _, want := range []string{
		"network_busy", "http://shop.example/&lt;b&gt;", "&lt;script&gt;", "first paint 120ms", "interactive 480ms", "7 requests, 2.0 KiB",
		`<rect x="0" y="0" width="500"`, `<rect x="250" y="0" width="750"`, `<rect x="1000" y="0" width="2"`, "net::ERR_ABORTED",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Index(got, "interactive 480ms") > strings.Index(got, "network_busy") {
		t.Error("the older load comes first")
	}
	var pictures []string
	for _, link := range regexp.MustCompile(`<img [^>]*src="([^"]+)"`).FindAllStringSubmatch(got, -1) {
		picture := ask(h, "GET", "/pages/"+link[1], "")
		pictures = append(pictures, fmt.Sprintf("%d %s %q", picture.Code, picture.Header().Get("Content-Type"), picture.Body))
	}
	want := []string{`200 image/jpeg "\x00\x00\x00"`, `200 image/jpeg "white"`, `200 image/jpeg "red"`}
	if !slices.Equal(pictures, want) {
		t.Errorf("the pictures are %q, want %q", pictures, want)
	}
	film := fmt.Sprintf("/pages/home/%d/film/", at.UnixNano())
	for _, path := range []string{
		"/pages/other", "/pages/home/1/screenshot.jpg", "/pages/home/x/screenshot.jpg", film + "2.jpg", film + "-1.jpg", film + "x.jpg",
	} {
		if got := ask(h, "GET", path, "").Code; got != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, got)
		}
	}
	loads.Remove("home")
	if got := ask(h, "GET", "/pages/home", "").Code; got != http.StatusNotFound {
		t.Errorf("after it was removed: status %d, want 404", got)
	}
}

func TestLoadsAreBounded(t *testing.T) {
	var loads Loads
	at := time.Now()
	loads.Observe("home", loadAt(at, "", 0))
	for i := range 30 {
		loads.Observe("home", loadAt(at.Add(time.Duration(i+1)*time.Second), "no_load", 10))
	}
	list := loads.of("home")
	if len(list) != keptLoads+1 || !list[0].At.Equal(at.Add(30*time.Second)) || !list[keptLoads].Good() {
		t.Errorf("%d loads, from %v to %v, want the last 20 that failed and the good one", len(list), list[0].At, list[len(list)-1].At)
	}
	for i := range 12 {
		loads.Observe("home", loadAt(at.Add(time.Duration(i+100)*time.Second), "no_load", 512<<10))
	}
	list = loads.of("home")
	if len(list[0].Evidence.Film) != 2 || list[1].Evidence.Film != nil || list[1].Evidence.Screenshot == nil {
		t.Error("the last failure has no film, or one before it still has its own")
	}
	if n := len(list) - 1; n != 7 { // each takes a little more than its picture
		t.Errorf("%d failed loads of half a MiB, want 7 in 4 MiB", n)
	}
	canceled := loadAt(at, "", 0)
	canceled.Outcome = probes.Canceled
	loads.Observe("stopped", canceled)
	loads.Observe("api", &probes.Sample{Start: at})
	if loads.of("stopped") != nil || loads.of("api") != nil {
		t.Error("runs without a page are kept")
	}
}
