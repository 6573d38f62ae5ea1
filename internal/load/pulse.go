package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// pulseEvery is how often a burst looks whether this process still gets a processor when it wants one.
const pulseEvery = 10 * time.Millisecond

// A pulse measures how late a goroutine with nothing else to do is woken. A request waits like that twice, to be sent
// and for its answer to be read, and no user's own clock can tell such a wait from the target's. It sees what cgroups
// and CPU times do not: other programs on the same processors.
type pulse struct {
	late *hdrhistogram.Histogram // in microseconds
	due  time.Time               // of the next beat
	stop chan struct{}
	wg   sync.WaitGroup
}

func startPulse() *pulse {
	p := &pulse{late: hdrhistogram.New(lowest, highest, 1), due: time.Now().Add(pulseEvery), stop: make(chan struct{})}
	p.wg.Go(p.beat)
	return p
}

func (p *pulse) beat() {
	timer := time.NewTimer(pulseEvery)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
			timer.Reset(p.count(time.Now()))
		}
	}
}

// count counts the beats that were due by now and returns the wait for the next. A wait that was longer than a beat
// counts for each beat that it swallowed, as it would have held up whatever had been due then.
func (p *pulse) count(now time.Time) time.Duration {
	for ; !p.due.After(now); p.due = p.due.Add(pulseEvery) {
		record(p.late, now.Sub(p.due))
	}
	return p.due.Sub(now)
}

// end returns how late 99 of 100 beats were at most. Nothing of the pulse runs on.
func (p *pulse) end() time.Duration {
	close(p.stop)
	p.wg.Wait()
	return time.Duration(p.late.ValueAtQuantile(99)) * time.Microsecond
}
