package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
)

const (
	controlInterval = 100 * time.Millisecond
	controlWindow   = 5   // readings behind one usage: a clock tick is 10 ms, too coarse for 100 ms alone
	controlGain     = 0.1 // of duty for a whole of usage, at each reading: settles in a few seconds without swinging
	burnPeriod      = 20 * time.Millisecond
)

// A burner keeps the whole host's CPU at a level. It burns on threads of the lowest priority, so that whatever else
// wants the CPU gets it first.
type burner struct {
	level  atomic.Uint64 // float64 bits
	duty   atomic.Uint64 // float64 bits; the share of time that each thread burns
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// set starts, changes or ends the burning. When it returns after ending, every thread of it has ended too.
func (b *burner) set(level float64) error {
	if level == 0 {
		b.stop()
		return nil
	}
	if _, err := readCPU(); err != nil {
		return err
	}
	b.level.Store(math.Float64bits(level))
	if b.cancel != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.duty.Store(math.Float64bits(level))
	b.done.Go(func() { b.control(ctx) })
	for range runtime.NumCPU() {
		b.done.Go(func() { endingThread(func() { b.burn(ctx) }) })
	}
	return nil
}

func (b *burner) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.done.Wait()
	b.cancel = nil
}

// control reads the host's usage ten times a second and corrects the duty. While it runs the Go scheduler has a
// processor more for each burner, so that the burners take none from the requests.
func (b *burner) control(ctx context.Context) {
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + runtime.NumCPU())
	defer runtime.GOMAXPROCS(before)
	ticker := time.NewTicker(controlInterval)
	defer ticker.Stop()
	var readings []cpuReading
	for {
		if r, err := readCPU(); err == nil {
			readings = append(readings, r)
		}
		if len(readings) > controlWindow {
			readings = readings[len(readings)-controlWindow:]
			usage := usageBetween(readings[0], readings[len(readings)-1])
			level, duty := math.Float64frombits(b.level.Load()), math.Float64frombits(b.duty.Load())
			b.duty.Store(math.Float64bits(nextDuty(duty, level, usage)))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// nextDuty is an integral controller: it adds up the error until there is none. A level of 1 needs no control.
func nextDuty(duty, level, usage float64) float64 {
	if level >= 1 {
		return 1
	}
	return min(1, max(0, duty+controlGain*(level-usage)))
}

// endingThread runs a function on a thread that ends with it, so that no other goroutine inherits what was done to the
// thread. The main thread of a process cannot end: if it was drawn, it is held while another is.
func endingThread(run func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		if onMainThread() {
			endingThread(run)
			runtime.UnlockOSThread()
			return
		}
		run()
	}()
	<-ended
}

// burn spends the duty's share of its time in the kernel. It lowers its thread's priority for good. Periods differ at
// random, because the kernel's accounting samples at a period of its own.
func (b *burner) burn(ctx context.Context) {
	lowerPriority()
	grind, release := newGrinder()
	defer release()
	for ctx.Err() == nil {
		period := time.Duration((0.5 + rand.Float64()) * float64(burnPeriod))
		busy := time.Duration(math.Float64frombits(b.duty.Load()) * float64(period))
		start := time.Now()
		for time.Since(start) < busy && ctx.Err() == nil {
			grind()
		}
		if rest := period - time.Since(start); rest > 0 {
			_ = pause(ctx, rest)
		}
	}
}

// A cpuReading is what the host's processors have done since it was started, in seconds.
type cpuReading struct{ busy, total float64 }

func readCPU() (cpuReading, error) {
	all, err := cpu.Times(false)
	if err == nil && len(all) == 0 {
		err = errors.New("no processor found")
	}
	if err != nil {
		return cpuReading{}, fmt.Errorf("reading the host's CPU times: %w", err)
	}
	t := all[0] // guest time is part of user time already
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	return cpuReading{busy, busy + t.Idle + t.Iowait}, nil
}

// usageBetween is the share of time that the host was busy, 0 to 1; 1 if no time has passed.
func usageBetween(a, b cpuReading) float64 {
	if b.total <= a.total {
		return 1
	}
	return min(1, max(0, (b.busy-a.busy)/(b.total-a.total)))
}
