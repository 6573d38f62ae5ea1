package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// connections is how many users each client has.
const connections = 100

// The clients of this program by name.
const (
	bareNetHTTP  = "bare-nethttp"
	bareFastHTTP = "bare-fasthttp"
	perfwatch    = "perfwatch"
	perfwatchNet = "perfwatch-nethttp"
)

// runClient is a process of one client: NAME URL DURATION, and a rate for perfwatch's open model.
func runClient(ctx context.Context, args []string, out io.Writer) error {
	if len(args) < 3 {
		return errors.New("client: want a name, a URL and a duration")
	}
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	switch name, target := args[0], args[1]; {
	case name == bareNetHTTP:
		return loopNetHTTP(ctx, target)
	case name == bareFastHTTP:
		return loopFastHTTP(ctx, target)
	case len(args) == 4 && name == perfwatch:
		var rate float64
		if _, err := fmt.Sscan(args[3], &rate); err != nil {
			return err
		}
		return burst(&load.Spec{Rate: rate, MaxUsers: 500, Duration: d, Tasks: oneTask(target)}, probes.Env{}, out)
	case name == perfwatch:
		return burst(&load.Spec{Users: connections, Duration: d, Tasks: planTree(target)}, probes.Env{}, io.Discard)
	case name == perfwatchNet:
		env := probes.Env{}
		env.HTTP.ProxyFromEnvironment = true // there is none, but only net/http can look for it
		env.HTTP.FollowRedirects = true
		return burst(&load.Spec{Users: connections, Duration: d, Tasks: planTree(target)}, env, io.Discard)
	default:
		return fmt.Errorf("client: no client has the name %q", name)
	}
}

// each runs connections loops until ctx is done.
func each(ctx context.Context, one func() error) error {
	var (
		wg   sync.WaitGroup
		once sync.Once
		bad  error
	)
	for range connections {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := one(); err != nil && ctx.Err() == nil {
					once.Do(func() { bad = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return bad
}

// loopNetHTTP is the least that one would write with net/http.
func loopNetHTTP(ctx context.Context, target string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: 0}
	return each(ctx, func() error {
		req, err := http.NewRequest(http.MethodGet, target, nil) //nolint:gosec,noctx // our own target, and the least
		if err != nil {
			return err
		}
		resp, err := client.Do(req) //nolint:gosec // our own target
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	})
}

// loopFastHTTP is the least that one would write with fasthttp, its requests and responses from its own pools.
func loopFastHTTP(ctx context.Context, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	client := &fasthttp.HostClient{Addr: u.Host, MaxConns: connections}
	return each(ctx, func() error {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		req.SetRequestURI(target)
		return client.Do(req, resp)
	})
}

// oneTask asks for the URL and nothing else.
func oneTask(target string) []load.Task {
	return []load.Task{{Name: "stall", HTTP: &probes.HTTP{URL: target}}}
}

// planTree is the task tree of the plan: 14 leaves, weights 1, 2, 3, 1, 1.
func planTree(target string) (tree []load.Task) {
	for i, group := range []struct{ weight, leaves int }{{1, 3}, {2, 3}, {3, 3}, {1, 2}, {1, 3}} {
		t := load.Task{Name: fmt.Sprint("group", i), Weight: float64(group.weight)}
		for j := range group.leaves {
			name := fmt.Sprintf("leaf%d_%d", i, j)
			t.Tasks = append(t.Tasks, load.Task{Name: name, HTTP: &probes.HTTP{URL: target + "/" + name}})
		}
		tree = append(tree, t)
	}
	return tree
}

// quantiles are in seconds.
type quantiles struct {
	P50, P95, P99 float64
	Lag           *float64 `json:",omitempty"` // its p99, of a client that says so
}

// burst fires one burst as the daemon does: into the recorder's metrics, with phases, outcomes and histograms.
func burst(spec *load.Spec, env probes.Env, out io.Writer) error {
	plan, err := spec.Plan("bench", env)
	if err != nil {
		return err
	}
	plan.Precise = true
	reg := prometheus.NewRegistry()
	recorder := collector.NewRecorder(reg, objective.NewBook(nil))
	sink := recorder.Probe(collector.ProbeInfo{Name: "bench", Group: "load", Kind: "load"}).Burst(plan)
	s := load.Run(context.Background(), plan, sink)
	sink.End(s, nil)
	if s.Failures() > 0 {
		return fmt.Errorf("%d of %d requests failed: %s", s.Failures(), s.Requests(), s.Reason)
	}
	all := s.All()
	lag := float64(s.Lag.ValueAtQuantile(99)) / 1e6
	return json.NewEncoder(out).Encode(quantiles{all.Quantile(0.5), all.Quantile(0.95), all.Quantile(0.99), &lag})
}
