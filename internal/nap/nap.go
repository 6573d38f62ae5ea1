// Package nap lets a goroutine sleep until an instant, or until another one wakes it, as precisely as the system can.
package nap

import "time"

// A Sleeper is the sleep of one goroutine.
type Sleeper interface {
	// Sleep returns when d has passed, or when Wake was called since the last Sleep returned. Now and then it returns sooner.
	Sleep(d time.Duration)
	// Wake may be called by any goroutine, whether one sleeps or not.
	Wake()
	// Close gives back what the sleeper holds. Nobody may sleep then; Wake does nothing any more.
	Close()
}

// New returns a sleeper by Go's timers, whose time in a bubble of testing/synctest is the bubble's; or a precise one by a
// timer of the kernel's own, whose time is always the real one. Where there is none to be had it is by Go's timers too.
func New(precise bool) Sleeper {
	if precise {
		if s, err := newPrecise(); err == nil {
			return s
		}
	}
	return &plain{woken: make(chan struct{}, 1)}
}

// A plain sleeper is by a timer of Go's.
type plain struct {
	timer *time.Timer
	woken chan struct{}
}

func (p *plain) Sleep(d time.Duration) {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
	case <-p.woken:
	}
}

func (p *plain) Wake() {
	select {
	case p.woken <- struct{}{}:
	default: // it was told already
	}
}

func (p *plain) Close() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
