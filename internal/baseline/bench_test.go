package baseline

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkCompare(b *testing.B) {
	w := newWorld(platform{spread: 0.5, between: 0.03, endpoints: 1}, rand.New(rand.NewPCG(1, 2)))
	b.ReportAllocs()
	for b.Loop() {
		Compare(w.history, 1)
	}
}

func BenchmarkNewBurst(b *testing.B) {
	counts := make([]Count, 1000)
	for i := range counts {
		counts[i] = Count{int64(10_000 + 50*i), 1}
	}
	for b.Loop() {
		NewBurst(counts, 0, false)
	}
}
