package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"text/tabwriter"
	"time"
)

// fixedDelay is what an answer of the target takes under /delay.
const fixedDelay = 20 * time.Millisecond

// An account is what the target says of the requests that it answered.
type account struct {
	N          int
	Variation  float64 // coefficient of variation of the times between arrivals
	MostIn10ms int
	P99        float64 // seconds that the target itself took
}

// An opener is a client of the open model, for a rate.
type opener struct {
	name string
	cmd  func(ctx context.Context, url string, rate int, d time.Duration) *exec.Cmd
	read func(said []byte) (quantiles, error)
}

func (b *bench) openers() []opener {
	return []opener{
		{name: perfwatch, read: readOwn, cmd: func(ctx context.Context, url string, rate int, d time.Duration) *exec.Cmd {
			return pinned(ctx, generatorCore, b.self, "client", perfwatch, url, d.String(), fmt.Sprint(rate))
		}},
		{name: "vegeta", read: readVegeta, cmd: func(ctx context.Context, url string, rate int, d time.Duration) *exec.Cmd {
			return b.vegeta(ctx, url, rate, d)
		}},
	}
}

// openly sends requests in the open model, and holds what each client says against what the target saw: how evenly they
// arrive, and how true the response times of a target with a fixed delay are.
func (b *bench) openly(ctx context.Context, d time.Duration) error {
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(b.out, "\nArrivals at the target at 200 a second, and response times of an answer that takes %s; %s each\n\n", fixedDelay, d)
	fmt.Fprintln(w, "client\trate\tarrived\tvariation\tmost in 10 ms\tlag p99, ms\tp50 off, ms\tp99 x the target's")
	for _, turn := range []struct {
		path string
		rate int
	}{{"/space", 200}, {"/delay", 500}, {"/delay", 2000}} {
		for _, o := range b.openers() {
			q, saw, err := b.turn(ctx, &o, turn.path, turn.rate, d)
			switch {
			case err != nil:
				fmt.Fprintf(w, "%s\t%d\t%v\n", o.name, turn.rate, err)
			case turn.path == "/space":
				fmt.Fprintf(w, "%s\t%d\t%d\t%.3f\t%d\t%s\t\t\n", o.name, turn.rate, saw.N, saw.Variation, saw.MostIn10ms, q.lag())
			default:
				fmt.Fprintf(w, "%s\t%d\t%d\t%.3f\t%d\t%s\t%.2f\t%.2f\n", o.name, turn.rate, saw.N, saw.Variation, saw.MostIn10ms, q.lag(),
					1000*(q.P50-fixedDelay.Seconds()), q.P99/saw.P99)
			}
		}
	}
	return w.Flush()
}

func (b *bench) turn(ctx context.Context, o *opener, path string, rate int, d time.Duration) (q quantiles, saw account, err error) {
	ctx, cancel := context.WithTimeout(ctx, d+startup)
	defer cancel()
	if _, err := b.ask(ctx, "/account"); err != nil { // which begins a new one
		return q, saw, err
	}
	cmd := o.cmd(ctx, b.url+path, rate, d)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return q, saw, fmt.Errorf("%w: %.300s", err, said.String())
	}
	if q, err = o.read(out.Bytes()); err != nil {
		return q, saw, err
	}
	text, err := b.ask(ctx, "/account")
	if err != nil {
		return q, saw, err
	}
	return q, saw, json.Unmarshal([]byte(text), &saw)
}

// lag is how late 99 of 100 requests were sent at most, of a client that says so.
func (q quantiles) lag() string {
	if q.Lag == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", 1000**q.Lag)
}
