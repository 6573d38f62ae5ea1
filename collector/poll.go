package collector

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A poller reads one source beside the scrapes, which get what it said last.
type poller struct {
	timeout time.Duration

	mu     sync.Mutex
	scrape scrape // guarded by mu, as is all that a reading keeps
}

func newPoller(collector string, timeout time.Duration, log *slog.Logger) poller {
	return poller{timeout: timeout, scrape: newScrape(collector, log)}
}

// pull reads once, within the timeout. What read found out is kept by the function that it returns, which may be nil. A
// reading that our own end cut short is no news of the source, and not kept.
func (p *poller) pull(ctx context.Context, read func(context.Context) (keep func(), err error)) {
	bounded, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	start := time.Now()
	keep, err := read(bounded)
	took := time.Since(start)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scrape.finished(took, err)
	if keep != nil {
		keep()
	}
}

// poll calls read at once and then at each interval, until ctx is done. A reading that takes longer than the interval
// delays the next one; they never overlap.
func poll(ctx context.Context, interval time.Duration, read func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		read(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
