// Benchpeers compares perfwatch with others on this machine. Its bursts with other load generators: what a request costs
// each of them, and what each says of a target that stops for a second in every five. Its probes with other probers: what
// a probe costs, what many of them hold in memory, and how evenly they ask. Its reading of Redis with redis_exporter. It is a module of its own, so that the program
// does not depend on what only a comparison needs. `make bench-peers` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	os.Exit(report(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

// report is run with its error said.
func report(ctx context.Context, args []string, out, errors io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := run(ctx, args, out); err != nil {
		fmt.Fprintln(errors, "benchpeers:", err)
		return 1
	}
	return 0
}

// run is the comparison, or one of the processes that it starts: the target, or a client of this program.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "target":
			return serveTarget(os.Stdin, out)
		case "client":
			return runClient(ctx, args[1:], out)
		case "probed":
			return serveProbed(os.Stdin, out)
		case "prober":
			return runProber(ctx, args[1:])
		case "truth":
			return runTruth(ctx, args[1:], out)
		}
	}
	flags := flag.NewFlagSet("benchpeers", flag.ContinueOnError)
	tools := flags.String("tools", "", "folder of vegeta, hey, fortio and k6; what is not there is left out")
	rounds := flags.Int("rounds", 4, "how often each client takes its turn; 0 leaves the costs out")
	short := flags.Duration("short", time.Second, "the shorter of the two runs of a turn, in whole seconds")
	long := flags.Duration("long", 3*time.Second, "the longer one")
	open := flags.Duration("open", 10*time.Second, "how long the clients of the open model send at each rate; 0 leaves them out")
	stall := flags.Duration("stall", 30*time.Second, "how long the target that stops is asked; 0 leaves it out")
	program := flags.String("perfwatch", "", "perfwatch itself, whose probes are measured beside other probers; left out: they are not")
	probing := flags.Duration("probing", 20*time.Second, "how long each prober is measured, in whole tens of seconds; 0 leaves them out")
	redis := flags.Bool("redis", true, "whether a Redis is read, beside redis_exporter")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "benchpeers")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := (locust{folder: folder}).write(); err != nil {
		return err
	}
	b := &bench{self: os.Args[0], perfwatch: *program, tools: *tools, folder: folder, out: out}
	defer b.close()
	if err := b.startTarget(ctx); err != nil {
		return err
	}
	if *rounds > 0 {
		if err := b.costs(ctx, *rounds, *short, *long); err != nil {
			return err
		}
	}
	if *open > 0 {
		if err := b.openly(ctx, *open); err != nil {
			return err
		}
	}
	if *stall > 0 {
		if err := b.stalls(ctx, *stall); err != nil {
			return err
		}
	}
	if *program == "" {
		return nil
	}
	if *probing > 0 {
		if err := b.probing(ctx, *probing); err != nil {
			return err
		}
	}
	if !*redis {
		return nil
	}
	return b.redis(ctx)
}
