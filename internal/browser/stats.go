package browser

import (
	"maps"
	"time"
)

// An Ending says why a run was the last one of its browser; "" if it was not. The set is closed, it is a label.
type Ending string

// Every ending there is.
const (
	Lost  Ending = "lost"   // it died or does not answer
	Stuck Ending = "stuck"  // a page holds its main thread, which is no fault of the browser's
	Worn  Ending = "runs"   // it has loaded maxRuns pages
	Old   Ending = "age"    // it is maxAge old
	Heavy Ending = "memory" // it takes more than maxMemory
)

// Endings lists them all.
func Endings() []Ending { return []Ending{Lost, Stuck, Worn, Old, Heavy} }

// endOf is what a failure, which may be nil, means for the browser. A page that is stuck takes its browser with it.
func endOf(f *PageError) Ending {
	switch {
	case f == nil:
		return ""
	case f.Reason == BrowserLost:
		return Lost
	case f.Reason == MainStuck:
		return Stuck
	}
	return ""
}

// enough says why a browser has done enough; "" if it has not.
func (p *process) enough(runs int) Ending {
	if runs%memoryEvery == 1 {
		p.taken.Store(memory(p.pid))
	}
	switch {
	case runs >= maxRuns:
		return Worn
	case time.Since(p.born) >= maxAge:
		return Old
	case p.taken.Load() > maxMemory:
		return Heavy
	}
	return ""
}

// Stats are what became of the browsers.
type Stats struct {
	Up       bool // a browser runs now
	Launches int64
	Failures int64            // launches that failed
	Ends     map[Ending]int64 // browsers that were ended, by why; those that Close ended do not count
	Memory   int64            // bytes, when it was last read, each tenth run; 0 without a browser
	BackOff  time.Duration    // the last pause before a launch; 0 after a load that was good
}

// Stats may be called at any time.
func (b *Browser) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Up, s.Ends, s.BackOff = b.current != nil, maps.Clone(b.ends), b.pause
	return s
}
