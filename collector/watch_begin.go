package collector

import (
	"context"
	"time"
)

func (p *Process) keepHistory() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history.keep()
}

// begin reads the process now, and often from now on.
func (p *Process) begin(ctx context.Context) *span {
	p.pull(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.begin(time.Now(), p.hurried)
}

func (p *Process) end(ctx context.Context, s *span) (burst, idle Span) {
	p.pull(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.end(s)
}

// stop forgets a burst, if it was not ended.
func (p *Process) stop(s *span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.history.spans, s)
}

func (h *Host) keepHistory() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history.keep()
}

// begin takes the last sample for the first: one out of turn would see a few ticks of the CPU and take them for its use.
func (h *Host) begin() *span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.begin(time.Now(), max(usageWindow, h.cpu.recent.width))
}

func (h *Host) end(s *span) (burst, idle Span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.end(s)
}

func (h *Host) stop(s *span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.history.spans, s)
}
