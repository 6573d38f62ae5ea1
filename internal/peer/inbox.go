package peer

import (
	"slices"
	"sync"
)

// An inbox keeps what a receiver of tests is sent. It is safe for concurrent use.
type inbox[T any] struct {
	mu       sync.Mutex
	received []T // guarded by mu
}

func (b *inbox[T]) keep(all ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received = append(b.received, all...)
}

// Received returns everything so far, in order.
func (b *inbox[T]) Received() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.received)
}
