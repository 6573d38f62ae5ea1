package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// stallRate is how many requests a second each client sends to the target that stops.
const stallRate = 200

// A witness is a client that says its quantiles of the target that stops.
type witness struct {
	name  string
	cmd   func(ctx context.Context, url string) *exec.Cmd
	read  func(said []byte) (quantiles, error)
	found quantiles
	err   error
}

// stalls asks every witness at the same time: none of them is busy.
func (b *bench) stalls(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d+startup)
	defer cancel()
	witnesses := b.witnesses(d)
	if _, err := b.ask(ctx, "/start"); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for i := range witnesses {
		w := &witnesses[i]
		wg.Go(func() {
			cmd := w.cmd(ctx, fmt.Sprintf("%s/stall/%d", b.url, i))
			var out, said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &said
			if err := cmd.Run(); err != nil {
				w.err = fmt.Errorf("%w: %.300s", err, said.String())
				return
			}
			w.found, w.err = w.read(out.Bytes())
		})
	}
	wg.Wait()
	return b.printStalls(witnesses, d)
}

func (b *bench) printStalls(witnesses []witness, d time.Duration) error {
	fmt.Fprintf(b.out, "\nA target that stops for 1 s in every 5, %d requests a second, %s: response times in seconds\n\n",
		stallRate, d)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "client\tp50\tp95\tp99")
	row := func(name string, q quantiles) { fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%.4f\n", name, q.P50, q.P95, q.P99) }
	row("truth", truth(d))
	for _, wit := range witnesses {
		switch {
		case errors.Is(wit.err, exec.ErrNotFound) || errors.Is(wit.err, os.ErrNotExist):
		case wit.err != nil:
			fmt.Fprintf(w, "%s\t%v\n", wit.name, wit.err)
		default:
			row(wit.name, wit.found)
		}
	}
	return w.Flush()
}

// truth is what the clients of an open system wait: each from the instant at which its request was due.
func truth(d time.Duration) quantiles {
	waits := make([]float64, int(stallRate*d.Seconds()))
	for k := range waits {
		waits[k] = stopped(time.Duration(k) * time.Second / stallRate).Seconds()
	}
	slices.Sort(waits)
	at := func(q float64) float64 { return waits[int(q*float64(len(waits)))] }
	return quantiles{P50: at(0.5), P95: at(0.95), P99: at(0.99)}
}

func (b *bench) witnesses(d time.Duration) []witness {
	summary := filepath.Join(b.folder, "k6.json")
	users := locust{folder: b.folder, client: "fast"}
	tool := func(name string) string { return filepath.Join(b.tools, name) }
	return []witness{
		{name: "perfwatch", read: readOwn, cmd: func(ctx context.Context, url string) *exec.Cmd {
			return pinned(ctx, generatorCore, b.self, "client", perfwatch, url, d.String(), strconv.Itoa(stallRate))
		}},
		{name: "vegeta, open", read: readVegeta, cmd: func(ctx context.Context, url string) *exec.Cmd {
			return b.vegeta(ctx, url, stallRate, d)
		}},
		{name: "k6, 10 users", read: func([]byte) (quantiles, error) { return readK6(summary) },
			cmd: func(ctx context.Context, url string) *exec.Cmd {
				cmd := pinned(ctx, generatorCore, tool("k6"), "run", "--quiet", "--vus", "10", "--duration", d.String(), "-e", "URL="+url,
					"--summary-trend-stats", "p(50),p(95),p(99)", "--summary-export", summary, "-")
				cmd.Stdin = strings.NewReader("import http from 'k6/http'; import {sleep} from 'k6';" +
					" export default function () { http.get(__ENV.URL); sleep(0.05); }")
				return cmd
			}},
		{name: "fortio, 10 connections", read: readFortio, cmd: func(ctx context.Context, url string) *exec.Cmd {
			return pinned(ctx, generatorCore, tool("fortio"), "load", "-quiet", "-c", "10", "-qps", strconv.Itoa(stallRate),
				"-t", d.String(), "-p", "50,95,99", "-json", "-", url)
		}},
		{name: "hey, 10 workers", read: readHey, cmd: func(ctx context.Context, url string) *exec.Cmd {
			return pinned(ctx, generatorCore, tool("hey"), "-c", "10", "-q", strconv.Itoa(stallRate/10), "-z", d.String(), url)
		}},
		{name: "locust, 10 users", read: readOwn, cmd: func(ctx context.Context, url string) *exec.Cmd {
			cmd := pinned(ctx, generatorCore, "locust", users.args(url, 10, d)...)
			cmd.Env = append(os.Environ(), users.env("", 50*time.Millisecond)...)
			return cmd
		}},
	}
}

func (b *bench) vegeta(ctx context.Context, url string, rate int, d time.Duration) *exec.Cmd {
	program := filepath.Join(b.tools, "vegeta")
	line := fmt.Sprintf("echo GET %s | %s attack -rate=%d -duration=%s | %s report -type=json", url, program, rate, d, program)
	return pinned(ctx, generatorCore, "sh", "-c", line)
}

func readOwn(said []byte) (q quantiles, err error) { return q, json.Unmarshal(said, &q) }

func readVegeta(said []byte) (quantiles, error) {
	var report struct {
		Latencies struct {
			P50 float64 `json:"50th"`
			P95 float64 `json:"95th"`
			P99 float64 `json:"99th"`
		} `json:"latencies"` // nanoseconds
	}
	err := json.Unmarshal(said, &report)
	l := report.Latencies
	return quantiles{P50: l.P50 / 1e9, P95: l.P95 / 1e9, P99: l.P99 / 1e9}, err
}

func readK6(file string) (quantiles, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return quantiles{}, err
	}
	var summary struct {
		Metrics map[string]map[string]any `json:"metrics"`
	}
	err = json.Unmarshal(text, &summary)
	at := func(name string) float64 {
		ms, _ := summary.Metrics["http_req_duration"][name].(float64)
		return ms / 1000
	}
	return quantiles{P50: at("p(50)"), P95: at("p(95)"), P99: at("p(99)")}, err
}

func readFortio(said []byte) (quantiles, error) {
	var report struct {
		DurationHistogram struct {
			Percentiles []struct{ Percentile, Value float64 }
		}
	}
	err := json.Unmarshal(said, &report)
	at := map[float64]float64{}
	for _, p := range report.DurationHistogram.Percentiles {
		at[p.Percentile] = p.Value
	}
	return quantiles{P50: at[50], P95: at[95], P99: at[99]}, err
}

// heyLine is "  95%% in 0.0012 secs", with one percent sign or two.
var heyLine = regexp.MustCompile(`(\d+)%+ in ([\d.]+) secs`)

func readHey(said []byte) (quantiles, error) {
	at := map[string]float64{}
	for _, m := range heyLine.FindAllSubmatch(said, -1) {
		at[string(m[1])], _ = strconv.ParseFloat(string(m[2]), 64)
	}
	if len(at) == 0 {
		return quantiles{}, fmt.Errorf("no quantiles in %.200q", said)
	}
	return quantiles{P50: at["50"], P95: at["95"], P99: at["99"]}, nil
}
