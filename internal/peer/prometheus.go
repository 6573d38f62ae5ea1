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

// StartPrometheus starts Debian's Prometheus, 2.42, with a configuration file and more flags; its data lives as long as the
// test.
func StartPrometheus(t testing.TB, configFile string, flags ...string) *Prometheus {
	t.Helper()
	return startPrometheus(t, "prometheus", configFile, flags...)
}

// StartPrometheus3 starts a Prometheus 3 likewise.
func StartPrometheus3(t testing.TB, configFile string, flags ...string) *Prometheus {
	t.Helper()
	return startPrometheus(t, Built(t, "prometheus3/prometheus"), configFile, flags...)
}

func startPrometheus(t testing.TB, program, configFile string, flags ...string) *Prometheus {
	t.Helper()
	address := FreeAddress(t)
	p := &Prometheus{URL: "http://" + address}
	p.Process = Start(t, "prometheus", program, append([]string{
		"--config.file=" + configFile, "--web.listen-address=" + address, "--storage.tsdb.path=data",
	}, flags...)...)
	p.WaitFor(t, Answers(p.URL+"/-/ready"))
	return p
}

// A Point is one series of an instant query and its value, which of a native histogram is its count.
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
				Metric    map[string]string
				Value     [2]any
				Histogram []any
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
		if len(r.Histogram) == 2 {
			h, _ := r.Histogram[1].(map[string]any)
			text, _ = h["count"].(string)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("querying %q: %w", expr, err)
		}
		points = append(points, Point{r.Metric, v})
	}
	return points, nil
}

// Unhealthy says of each rule what went wrong in its last evaluation, and of one that was not evaluated yet that it was not.
func (p *Prometheus) Unhealthy(ctx context.Context) (problems []string, err error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := getJSON(ctx, p.URL+"/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	rules := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if rules++; r.Health != "ok" {
				problems = append(problems, fmt.Sprintf("%s: %s %s", r.Name, r.Health, r.LastError))
			}
		}
	}
	if rules == 0 {
		return []string{"no rules"}, nil
	}
	return problems, nil
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
