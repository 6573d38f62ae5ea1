package load

import (
	"math/bits"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/probes"
)

// The shape of a time line: cells of firstStep, each of which costs 4 kB, until there are maxCells; then each two become
// one, as often as it takes. A burst of 40 seconds has cells of a quarter of a second, one of five minutes of 2 s.
const (
	firstStep = monitorTick
	maxCells  = 160
)

// A Timeline is how a burst went, from its start on: equal cells of time, each with the requests that ended in it.
type Timeline struct {
	Step  float64 `json:"step"` // seconds that a cell lasts; the last is cut short by the burst's end
	Cells []Cell  `json:"cells"`
}

// A Cell is a part of a Timeline. Canceled requests are not in it.
type Cell struct {
	Requests uint64  `json:"n,omitempty"`
	Failures uint64  `json:"failed,omitempty"`
	Users    int     `json:"users,omitempty"`     // the most at once
	InFlight int     `json:"in_flight,omitempty"` // the most at once, as seen four times a second
	P50      float64 `json:"p50,omitempty"`       // response times in seconds, to 3 %; 0 without requests
	P95      float64 `json:"p95,omitempty"`
}

// A chronicle writes the time line of a burst, all its runs together, and knows its quantiles so far. Its lock is taken
// once for a user's batch of requests.
type chronicle struct {
	start time.Time

	mu    sync.Mutex
	step  time.Duration
	cells []chronicleCell
	all   *hdrhistogram.Histogram // response times in microseconds, to two digits
}

type chronicleCell struct {
	Cell
	response *hdrhistogram.Histogram // to one digit; nil without requests
}

func newChronicle() *chronicle {
	return &chronicle{start: time.Now(), step: firstStep, all: hdrhistogram.New(lowest, highest, 2)}
}

// add counts a batch of requests.
func (c *chronicle) add(entries []entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if e.outcome == probes.Canceled {
			continue
		}
		cell := c.at(e.end)
		cell.Requests++
		if e.outcome != probes.OK {
			cell.Failures++
		}
		if cell.response == nil {
			cell.response = hdrhistogram.New(lowest, highest, 1)
		}
		record(cell.response, e.lag+e.service)
		record(c.all, e.lag+e.service)
	}
}

// sees notes how many users and requests in flight there are now.
func (c *chronicle) sees(users, inFlight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cell := c.at(time.Since(c.start))
	cell.Users, cell.InFlight = max(cell.Users, users), max(cell.InFlight, inFlight)
}

// at is the cell of an instant after the start. The caller holds the lock.
func (c *chronicle) at(since time.Duration) *chronicleCell {
	since = max(0, since)
	for since/c.step >= maxCells {
		c.coarsen()
	}
	i := int(since / c.step)
	for len(c.cells) <= i {
		c.cells = append(c.cells, chronicleCell{})
	}
	return &c.cells[i]
}

// coarsen makes one cell of each two.
func (c *chronicle) coarsen() {
	half := c.cells[:(len(c.cells)+1)/2]
	for i := range half {
		cell := c.cells[2*i]
		if 2*i+1 < len(c.cells) {
			cell.merge(&c.cells[2*i+1])
		}
		half[i] = cell
	}
	clear(c.cells[len(half):])
	c.cells, c.step = half, 2*c.step
}

func (c *chronicleCell) merge(next *chronicleCell) {
	c.Requests, c.Failures = c.Requests+next.Requests, c.Failures+next.Failures
	c.Users, c.InFlight = max(c.Users, next.Users), max(c.InFlight, next.InFlight)
	switch {
	case c.response == nil:
		c.response = next.response
	case next.response != nil:
		c.response.Merge(next.response)
	}
}

// timeline is what was written.
func (c *chronicle) timeline() Timeline {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := Timeline{Step: c.step.Seconds(), Cells: make([]Cell, len(c.cells))}
	for i := range c.cells {
		cell := c.cells[i].Cell
		if h := c.cells[i].response; h != nil {
			cell.P50, cell.P95 = middle(h.ValueAtQuantile(50)), middle(h.ValueAtQuantile(95))
		}
		t.Cells[i] = cell
	}
	return t
}

// middle is, in seconds, the middle of the bucket of a histogram of one digit that ends with a value. From 32 us on there
// are sixteen of them between a power of two and the next.
func middle(end int64) float64 {
	width := int64(1) << max(0, bits.Len64(uint64(end))-5)
	return float64(end-width/2) / 1e6
}

// quantiles are the response times so far in seconds.
func (c *chronicle) quantiles() (p50, p95, p99 float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.all
	return seconds(h.ValueAtQuantile(50)), seconds(h.ValueAtQuantile(95)), seconds(h.ValueAtQuantile(99))
}
