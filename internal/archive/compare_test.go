package archive

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/baseline"
	"github.com/perfwatch/perfwatch/internal/load"
)

// counts are a thousand requests about some time.
func counts(median int64) Counts {
	var c Counts
	for i := range int64(1000) {
		c = append(c, baseline.Count{Value: median + 10*i, N: 1})
	}
	return c
}

// wide is a burst of two endpoints of which one takes so much longer.
func wide(minute int, longer int64) *Burst {
	b := burstAt(minute)
	jitter := int64(minute*7919%100) * 3 // bursts are never quite the same
	b.Leaves = []Leaf{
		{Task: "a", Endpoint: "same", Outcomes: map[string]uint64{"ok": 1000}, Response: counts(20_000 + jitter)},
		{Task: "b", Endpoint: "slow", Outcomes: map[string]uint64{"ok": 1000}, Response: counts(30_000 + jitter + longer)},
	}
	return b
}

func TestCompareTakesTheValidBurstsOfTheSameConfiguration(t *testing.T) {
	a := open(t, t.TempDir())
	minute := 0
	add := func(n int, change func(*Burst)) {
		for range n {
			minute++
			b := wide(minute, 0)
			change(b)
			put(t, a, b)
		}
	}
	add(30, func(*Burst) {})
	add(5, func(b *Burst) { b.Hash = "other"; b.Leaves = wide(minute, 20_000).Leaves })
	add(5, func(b *Burst) { b.Result = load.Invalid; b.Leaves = wide(minute, 20_000).Leaves })
	add(5, func(b *Burst) { b.Reduced = true; b.Leaves = wide(minute, 20_000).Leaves })
	if v := a.Compare(wide(minute+1, 0)); len(v) != 3 || v[""].Change != 0 || v["slow"].Change != 0 || v["same"].Earlier != 26 {
		t.Errorf("nothing changed: %+v, want that for three endpoints from 5 against 26", v)
	}
	add(4, func(b *Burst) { b.Leaves = wide(minute, 10_000).Leaves })
	newest := wide(minute+1, 10_000)
	v := a.Compare(newest)
	if v["slow"].Change != 1 || v["same"].Change != 0 || v[""].Change != 1 {
		t.Errorf("one endpoint is slower: %+v", v)
	}
	if diff := cmp.Diff(map[string]string{"": slower, "slow": slower}, newest.Changed); diff != "" {
		t.Error(diff)
	}
	p50 := v["slow"].P50
	if c := p50.Change(); c < 0.25 || c > 0.3 {
		t.Errorf("the p50 changed by %v, want 10 ms of 35", c)
	}
	newest.Result = load.Aborted
	if v := a.Compare(newest); v != nil {
		t.Errorf("an aborted burst: %+v, want nothing", v)
	}
	other := wide(minute+1, 0)
	other.Hash = "new"
	if v := a.Compare(other); len(v) != 0 {
		t.Errorf("the first of a configuration: %+v, want nothing", v)
	}
}

func BenchmarkCompareOf200Bursts(b *testing.B) {
	a, err := Open(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	for i := range maxBursts {
		burst := wide(i, 0)
		for range 6 {
			burst.Leaves = append(burst.Leaves, wide(i, 0).Leaves...)
		}
		for k := range burst.Leaves {
			burst.Leaves[k].Endpoint = fmt.Sprint("e", k)
		}
		if err := a.Put(burst); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		newest := wide(maxBursts, 0)
		newest.Leaves = append(newest.Leaves, wide(0, 0).Leaves...)
		a.Compare(newest)
	}
}
