package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// How a Redis is read by each of two: so many keys, so many scrapes one after the other at a pace, in turn.
const (
	redisKeys    = 1_000_000
	redisScrapes = 100
	redisPace    = 100 * time.Millisecond
	redisRounds  = 3
)

// A redisReader is one that exposes what a Redis says.
type redisReader struct {
	name  string
	pages string
	pid   int
	cpu   []time.Duration // of the scrapes of each round
	took  []time.Duration // by each scrape
	bytes int
}

// redis measures what reading a busy Redis costs perfwatch and prometheus-redis-exporter, side by side in one run.
func (b *bench) redis(ctx context.Context) error {
	address, end, err := b.busyRedis(ctx)
	if err != nil {
		return err
	}
	defer end()
	own, err := b.ownReader(ctx, address)
	if err != nil {
		return err
	}
	readers := []*redisReader{own}
	if r, err := b.exporter(ctx, address); err == nil {
		readers = append(readers, r)
	} else {
		fmt.Fprintf(b.out, "\nredis_exporter is left out: %v\n", err)
	}
	idle, err := cpuIn(ctx, own.pid, redisScrapes*redisPace)
	if err != nil {
		return err
	}
	for range redisRounds {
		for _, r := range readers {
			if err := b.scrapes(ctx, r); err != nil {
				return err
			}
		}
	}
	return b.sayRedis(readers, idle)
}

func (b *bench) sayRedis(readers []*redisReader, idle time.Duration) error {
	fmt.Fprintf(b.out, "\nA Redis of %d keys under redis-benchmark, %d scrapes in %s, medians of %d rounds in turn. perfwatch reads it once a second "+
		"whoever scrapes, which took %d ms of CPU in as long a time without a scrape\n\n",
		redisKeys, redisScrapes, redisScrapes*redisPace, redisRounds, idle.Milliseconds())
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tCPU ms\tscrape p50 ms\tp99 ms\tKiB")
	for _, r := range readers {
		slices.Sort(r.cpu)
		slices.Sort(r.took)
		at := func(q float64) float64 { return r.took[int(q*float64(len(r.took)-1))].Seconds() * 1000 }
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.0f\n", r.name, r.cpu[len(r.cpu)/2].Milliseconds(), at(0.5), at(0.99), float64(r.bytes)/1024)
	}
	return w.Flush()
}

// busyRedis is a server with keys and clients.
func (b *bench) busyRedis(ctx context.Context) (address string, end func(), err error) {
	if address, err = freeAddress(ctx); err != nil {
		return "", nil, err
	}
	port := address[len("127.0.0.1:"):]
	stop, err := begin(exec.CommandContext(ctx, "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--enable-debug-command", "yes"))
	if err != nil {
		return "", nil, err
	}
	populate := func() error {
		return exec.CommandContext(ctx, "redis-cli", "-p", port, "DEBUG", "POPULATE", strconv.Itoa(redisKeys), "key", "16").Run()
	}
	for populate() != nil {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			stop()
			return "", nil, err
		}
	}
	rest, err := begin(exec.CommandContext(ctx, "redis-benchmark", "-p", port, "-l", "-c", "5", "-q", "-r", strconv.Itoa(redisKeys), "-t", "get,set"))
	if err != nil {
		stop()
		return "", nil, err
	}
	return address, func() { rest(); stop() }, nil
}

func (b *bench) ownReader(ctx context.Context, redis string) (*redisReader, error) {
	file := filepath.Join(b.folder, "redis.yml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("redis: [{name: cache, url: %q}]\n", "redis://"+redis)), 0o600); err != nil {
		return nil, err
	}
	return b.reader(ctx, perfwatch, func(address string) *exec.Cmd {
		return exec.CommandContext(ctx, b.perfwatch, "--config.file="+file, "serve", "--web.listen-address="+address, "--storage.path=")
	})
}

func (b *bench) exporter(ctx context.Context, redis string) (*redisReader, error) {
	const program = "prometheus-redis-exporter"
	if _, err := exec.LookPath(program); err != nil {
		return nil, err
	}
	return b.reader(ctx, "redis_exporter", func(address string) *exec.Cmd {
		return exec.CommandContext(ctx, program, "-redis.addr=redis://"+redis, "-web.listen-address="+address)
	})
}

// reader starts one and waits until it shows that the Redis is up. It ends with ctx.
func (b *bench) reader(ctx context.Context, name string, command func(address string) *exec.Cmd) (*redisReader, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	cmd := command(address)
	if _, err := begin(cmd); err != nil {
		return nil, err
	}
	r := &redisReader{name: name, pages: "http://" + address, pid: cmd.Process.Pid}
	return r, errors.Join(b.ready(ctx, r.pages+"/metrics"), pause(ctx, warmUp))
}

// scrapes is one round of one reader.
func (b *bench) scrapes(ctx context.Context, r *redisReader) error {
	before, err := cpuOf(r.pid)
	if err != nil {
		return err
	}
	for range redisScrapes {
		start := time.Now()
		text, err := b.get(ctx, r.pages+"/metrics")
		if err != nil {
			return err
		}
		took := time.Since(start)
		r.took, r.bytes = append(r.took, took), len(text)
		if err := pause(ctx, redisPace-took); err != nil {
			return err
		}
	}
	after, err := cpuOf(r.pid)
	r.cpu = append(r.cpu, after-before)
	return err
}

// cpuIn is the CPU time that a process takes in a while.
func cpuIn(ctx context.Context, pid int, d time.Duration) (time.Duration, error) {
	before, err := cpuOf(pid)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, d); err != nil {
		return 0, err
	}
	after, err := cpuOf(pid)
	return after - before, err
}
