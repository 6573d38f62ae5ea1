package collector

import (
	"context"
	"time"
)

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
