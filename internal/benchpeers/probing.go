package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// warmUp is how long a prober runs before it is measured: each target was asked once.
const warmUp = probeEvery + 2*time.Second

// clockTick is the unit of CPU time in /proc, USER_HZ of Linux.
const clockTick = 10 * time.Millisecond

// probeFigures is one measurement of a prober.
type probeFigures struct {
	arrivals
	micros   float64 // CPU of a probe
	resident float64 // MiB
}

// probing measures all that concerns probes.
func (b *bench) probing(ctx context.Context, d time.Duration) error {
	if err := b.costOfProbes(ctx, []int{1000, 5000}, d); err != nil {
		return err
	}
	if err := b.daemon(ctx, []int{1000, 10_000}, d); err != nil {
		return err
	}
	return b.truth(ctx, d)
}

// costOfProbes measures the probers in turn: what a probe costs, what they hold in memory, and how evenly they ask.
func (b *bench) costOfProbes(ctx context.Context, counts []int, d time.Duration) error {
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(b.out, "\nProbers, each target every %s, %s each; the prober on one core\n\n", probeEvery, d)
	fmt.Fprintln(w, "targets\tprober\tconnections\tprobes\tCPU us/probe\tx bare\tx fresh\tresident MiB\tmost in 100 ms\tx mean")
	for _, n := range counts {
		bare, fresh := map[bool]float64{}, map[string]float64{}
		for _, p := range b.probers() {
			m, err := b.probe(ctx, &p, n, d)
			kept := "kept"
			if p.fresh {
				kept = "fresh"
			}
			if err != nil {
				fmt.Fprintf(w, "%d\t%s\t%s\t%v\n", n, p.name, kept, err)
				continue
			}
			if strings.HasPrefix(p.name, "bare") {
				bare[p.fresh] = m.micros
			}
			if p.fresh {
				fresh[p.name] = m.micros
			}
			mean := float64(n) * arrivalWindow.Seconds() / probeEvery.Seconds()
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.0f\t%s\t%s\t%.0f\t%d\t%.1f\n", n, p.name, kept, m.N, m.micros, times(m.micros, bare[p.fresh]),
				times(m.micros, fresh[p.name]), m.resident, m.Most, float64(m.Most)/mean)
		}
	}
	return w.Flush()
}

// probe measures one prober.
func (b *bench) probe(ctx context.Context, p *prober, n int, d time.Duration) (m probeFigures, err error) {
	ctx, cancel := context.WithTimeout(ctx, warmUp+d+startup)
	defer cancel()
	cmd, pages, err := p.start(ctx, b.many, n)
	if err != nil {
		return m, err
	}
	end, err := begin(cmd)
	if err != nil {
		return m, err
	}
	defer end()
	if p.loop {
		if err := b.ready(ctx, pages+"/"); err != nil {
			return m, err
		}
		stop, err := begin(b.blackboxLoop(ctx, pages, b.many, n))
		if err != nil {
			return m, err
		}
		defer stop()
	}
	if err := pause(ctx, warmUp); err != nil {
		return m, err
	}
	return b.window(ctx, cmd.Process.Pid, d)
}

// window measures a process for a time.
func (b *bench) window(ctx context.Context, pid int, d time.Duration) (m probeFigures, err error) {
	if _, err := b.arrived(ctx); err != nil { // which begins anew
		return m, err
	}
	before, err := cpuOf(pid)
	if err != nil {
		return m, err
	}
	if err := pause(ctx, d); err != nil {
		return m, err
	}
	after, err := cpuOf(pid)
	if err != nil {
		return m, err
	}
	if m.arrivals, err = b.arrived(ctx); err != nil {
		return m, err
	}
	if m.N == 0 {
		return m, errors.New("no probe arrived")
	}
	m.micros = float64((after - before).Microseconds()) / float64(m.N)
	m.resident, err = residentOf(pid)
	return m, err
}

func (b *bench) arrived(ctx context.Context) (a arrivals, err error) {
	text, err := b.get(ctx, b.many+"/arrivals")
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal([]byte(text), &a)
}

// begin starts a command; end ends it and waits.
func begin(cmd *exec.Cmd) (end func(), err error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, nil
}

// ready waits until a URL is answered.
func (b *bench) ready(ctx context.Context, url string) error {
	for {
		_, err := b.get(ctx, url)
		if err == nil {
			return nil
		}
		if waited := pause(ctx, 50*time.Millisecond); waited != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cpuOf is the CPU time that a process has taken. taskset becomes the program that it starts, so the number is its.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// residentOf is the memory of a process, in MiB.
func residentOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("reading the memory of %d: it has ended", pid)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
