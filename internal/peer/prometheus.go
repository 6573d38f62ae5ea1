package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// Prometheus is a running Prometheus server.
type Prometheus struct {
	*Process
	URL string
}

// StartPrometheus starts a Prometheus with a configuration file; its data lives as long as the test.
func StartPrometheus(t testing.TB, configFile string) *Prometheus {
	t.Helper()
	address := FreeAddress(t)
	p := &Prometheus{URL: "http://" + address}
	p.Process = Start(t, "prometheus", "prometheus",
		"--config.file="+configFile, "--web.listen-address="+address, "--storage.tsdb.path=data")
	p.WaitFor(t, Answers(p.URL+"/-/ready"))
	return p
}

// A Point is one series of an instant query and its value.
type Point struct {
	Labels map[string]string
	Value  float64
}

// Query runs an instant query now.
func (p *Prometheus) Query(ctx context.Context, expr string) ([]Point, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := getJSON(ctx, p.URL+"/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("querying %q: %s", expr, answer.Error)
	}
	var points []Point
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("querying %q: %w", expr, err)
		}
		points = append(points, Point{r.Metric, v})
	}
	return points, nil
}

// getJSON reads a JSON answer whatever its status; Prometheus puts its errors into one.
func getJSON(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.NewDecoder(resp.Body).Decode(into)
}
