package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A ledger notes when requests arrived at the target and how long it took to answer them.
type ledger struct {
	mu       sync.Mutex
	arrivals []time.Time
	took     []time.Duration
}

func (l *ledger) note(at time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrivals, l.took = append(l.arrivals, at), append(l.took, took)
}

// close makes the account of what was noted, and begins anew.
func (l *ledger) close() account {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, took := l.arrivals, l.took
	l.arrivals, l.took = nil, nil
	a := account{N: len(at)}
	if a.N < 2 {
		return a
	}
	slices.SortFunc(at, time.Time.Compare)
	slices.Sort(took)
	a.P99 = took[a.N*99/100].Seconds()
	var sum, squares float64
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= 10*time.Millisecond {
			first++
		}
		a.MostIn10ms = max(a.MostIn10ms, i-first+1)
		if i > 0 {
			gap := at[i].Sub(at[i-1]).Seconds()
			sum, squares = sum+gap, squares+gap*gap
		}
	}
	mean := sum / float64(a.N-1)
	a.Variation = math.Sqrt(max(0, squares/float64(a.N-1)-mean*mean)) / mean
	return a
}
