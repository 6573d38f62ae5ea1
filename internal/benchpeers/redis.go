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
	"strings"
	"text/tabwriter"
	"time"
)

// How a Redis is read by each of two: so many keys, so many scrapes at a pace. At the quick one they take turns, at the slow
// one both are scraped at once.
const (
	redisKeys     = 1_000_000
	redisScrapes  = 100
	redisPace     = 100 * time.Millisecond
	redisSlowPace = time.Second
	redisRounds   = 5
)

// A redisReader is one that exposes what a Redis says.
type redisReader struct {
	name   string
	pages  string
	pid    int
	cpu    []time.Duration // of the scrapes of each round
	took   []time.Duration // by each scrape
	bytes  int
	series int // on its page, those of perfwatch_redis_ or redis_
	all    int // on its page
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
			if err := b.scrapes(ctx, r, redisPace); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(b.out, "\nA Redis of %d keys under redis-benchmark. perfwatch reads it once a second whoever scrapes, which took %d ms of CPU in "+
		"%s without a scrape\n", redisKeys, idle.Milliseconds(), redisScrapes*redisPace)
	if err := b.sayRedis(readers, redisPace); err != nil {
		return err
	}
	failed := make(chan error, len(readers))
	for _, r := range readers {
		r.cpu, r.took = nil, nil
		go func() { failed <- b.scrapes(ctx, r, redisSlowPace) }()
	}
	for range readers {
		err = errors.Join(err, <-failed)
	}
	return errors.Join(err, b.sayRedis(readers, redisSlowPace))
}

func (b *bench) sayRedis(readers []*redisReader, pace time.Duration) error {
	fmt.Fprintf(b.out, "\n%d scrapes, one each %s; medians of the CPU of each round\n\n", redisScrapes, pace)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tCPU ms\tleast\tmost\tscrape p50 ms\tp99 ms\tseries\tof Redis\tKiB")
	for _, r := range readers {
		slices.Sort(r.cpu)
		slices.Sort(r.took)
		at := func(q float64) float64 { return r.took[int(q*float64(len(r.took)-1))].Seconds() * 1000 }
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f\t%.1f\t%d\t%d\t%.0f\n", r.name, r.cpu[len(r.cpu)/2].Milliseconds(), r.cpu[0].Milliseconds(),
			r.cpu[len(r.cpu)-1].Milliseconds(), at(0.5), at(0.99), r.all, r.series, float64(r.bytes)/1024)
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

// reader starts one and waits until it shows that the Redis is up. It ends with the bench.
func (b *bench) reader(ctx context.Context, name string, command func(address string) *exec.Cmd) (*redisReader, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	cmd := command(address)
	end, err := begin(cmd)
	if err != nil {
		return nil, err
	}
	b.quit = append(b.quit, end)
	r := &redisReader{name: name, pages: "http://" + address, pid: cmd.Process.Pid}
	return r, errors.Join(b.ready(ctx, r.pages+"/metrics"), pause(ctx, warmUp))
}

// scrapes is one round of one reader.
func (b *bench) scrapes(ctx context.Context, r *redisReader, pace time.Duration) error {
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
		r.all, r.series = seriesOf(text)
		if err := pause(ctx, pace-time.Since(start)); err != nil {
			return err
		}
	}
	after, err := cpuOf(r.pid)
	r.cpu = append(r.cpu, after-before)
	return err
}

// seriesOf counts the series of a page, and those of a Redis.
func seriesOf(page string) (all, ofRedis int) {
	for line := range strings.Lines(page) {
		if line[0] == '#' {
			continue
		}
		all++
		if strings.HasPrefix(strings.TrimPrefix(line, "perfwatch_"), "redis_") {
			ofRedis++
		}
	}
	return all, ofRedis
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
