package collector

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheSlidingMaximumIsThatOfTheWindow(t *testing.T) {
	start := time.Unix(0, 0)
	draw := rand.New(rand.NewPCG(1, 2))
	w := slidingMax{width: 3 * time.Second}
	var all []reading
	for i := range 5_000 {
		at := start.Add(time.Duration(i)*100*time.Millisecond + time.Duration(draw.IntN(50))*time.Millisecond)
		r := reading{at, float64(draw.IntN(40))}
		w.push(r)
		all = append(all, r)
		want := -1.0
		for _, old := range all[max(0, len(all)-40):] {
			if old.at.After(at.Add(-w.width)) {
				want = max(want, old.v)
			}
		}
		if got, ok := w.highest(at); !ok || got != want {
			t.Fatalf("after %d readings the highest is %g, want %g", i+1, got, want)
		}
		if len(w.readings) > 31 {
			t.Fatalf("%d readings are kept, want at most a window of 31", len(w.readings))
		}
	}
	if v, ok := w.highest(all[len(all)-1].at.Add(3 * time.Second)); ok {
		t.Errorf("the highest of an empty window is %g, want none", v)
	}
}

func TestTheRecentMeanForgetsOldReadings(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	w := recentMean{width: time.Second}
	if v, ok := w.mean(at(0)); ok {
		t.Errorf("mean of nothing is %g, want none", v)
	}
	for i := range 20 { // 0 to 1.9 s
		w.push(reading{at(i * 100), float64(i)})
	}
	for _, row := range []struct {
		ms   int
		want float64
		ok   bool
	}{
		{1900, 14.5, true}, // 10 to 19
		{2400, 17, true},   // 15 to 19
		{2899, 19, true},
		{2900, 0, false},
	} {
		if got, ok := w.mean(at(row.ms)); got != row.want || ok != row.ok {
			t.Errorf("mean at %d ms is %g, %v, want %g, %v", row.ms, got, ok, row.want, row.ok)
		}
	}
}
