package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// counted is a registry whose one value is how often it was gathered, beside a label that is as long as is wanted. Something
// happens while it is gathered.
func counted(long *int, during *func()) prometheus.Gatherer {
	gathered := 0.0
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		gathered++
		(*during)()
		return []*dto.MetricFamily{{Name: new("gathered"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{
			Label: []*dto.LabelPair{{Name: new("l"), Value: new(strings.Repeat("x", *long))}}, Gauge: &dto.Gauge{Value: new(gathered)},
		}}}}, nil
	})
}

func TestScrapesWithinHalfASecondShareAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, nothing := 1, func() {}
		during := nothing
		handler := serve(t, func(o *Options) { o.Registry = counted(&long, &during) })
		scrape := func(method, accept string) string {
			r := httptest.NewRequest(method, "/metrics", nil)
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			text := strings.ReplaceAll(w.Body.String(), strings.Repeat("x", long), "x")
			_, value, _ := strings.Cut(text, "{l=\"x\"} ")
			value, _, _ = strings.Cut(value, "\n")
			return w.Header().Get("Content-Type") + " " + value
		}
		const plain, open = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores ", "application/openmetrics-text"
		want := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		want("the first", scrape("GET", ""), plain+"1")
		time.Sleep(499 * time.Millisecond)
		want("within half a second", scrape("GET", ""), plain+"1")
		if got := scrape("GET", open); !strings.HasPrefix(got, open) || !strings.HasSuffix(got, " 2.0") {
			t.Errorf("another format: %q, want one of its own", got)
		}
		time.Sleep(time.Millisecond)
		want("half a second later", scrape("GET", ""), plain+"3")
		reload := func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/-/reload", nil))
		}
		reload()
		time.Sleep(time.Millisecond)
		want("after a change", scrape("GET", ""), plain+"4")

		time.Sleep(time.Second)
		during = reload
		want("during a change", scrape("GET", ""), plain+"5")
		during = nothing
		time.Sleep(time.Millisecond)
		want("after it", scrape("GET", ""), plain+"6")

		time.Sleep(time.Second)
		long = maxKeptPage
		want("a large one", scrape("GET", ""), plain+"7")
		want("is not kept", scrape("GET", ""), plain+"8")
		long = 1
		for i := range 2 * maxKept {
			scrape("GET", fmt.Sprint("text/plain; q=0.", i))
		}
		want("one kind too many", scrape("GET", ""), plain+fmt.Sprint(9+2*maxKept))
		want("nor kept", scrape("GET", ""), plain+fmt.Sprint(10+2*maxKept))
	})
}
