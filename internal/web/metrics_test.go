package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A page of metrics goes out as it is made, over a connection that serves the next scrape too.
func TestMetricsAreWrittenAsTheyAreMade(t *testing.T) {
	t.Parallel()
	big := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		f := &dto.MetricFamily{Name: new("big"), Type: dto.MetricType_GAUGE.Enum()}
		for range 20_000 {
			f.Metric = append(f.Metric, &dto.Metric{
				Label: []*dto.LabelPair{{Name: new("l"), Value: new(strings.Repeat("x", 100))}}, Gauge: &dto.Gauge{Value: new(1.0)},
			})
		}
		return []*dto.MetricFamily{f}, nil
	})
	srv := httptest.NewServer(serve(t, func(o *Options) { o.Registry = big }))
	defer srv.Close()
	for range 2 {
		resp, err := srv.Client().Get(srv.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || resp.ContentLength != -1 {
			t.Fatalf("status %d, length %d, %v; want 200 and an answer in chunks", resp.StatusCode, resp.ContentLength, err)
		}
		if n := strings.Count(string(text), "\nbig{l="); n != 20_000 {
			t.Errorf("%d series, want 20000", n)
		}
	}
}
