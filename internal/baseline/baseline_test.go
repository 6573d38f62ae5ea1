package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// The probabilities are counted by hand, and in the last two rows from the table of Mann and Whitney (On a test of whether
// one of two random variables is stochastically larger than the other, Ann. Math. Stat. 18, 1947): for samples of 4 and 5
// a U of 2 or less has 0.032, for 3 and 3 one of 0 has 0.05, each on one side.
func TestRankSum(t *testing.T) {
	for _, tt := range []struct {
		name            string
		newest, earlier []float64
		p               float64
		side            int
	}{
		{"one above three", []float64{9}, []float64{1, 2, 3}, 2. / 4, 1},
		{"two below three", []float64{1, 2}, []float64{3, 4, 5}, 2. / 10, -1},
		{"in the middle", []float64{2}, []float64{1, 3}, 1, 0},
		{"all the same", []float64{4, 4}, []float64{4, 4, 4}, 1, 0},
		{"one tie", []float64{3, 3}, []float64{1, 2, 3}, 4. / 10, 1}, // sums of ranks: 3, thrice 5, thrice 6, thrice 8
		{"five above ten", []float64{11, 12, 13, 14, 15}, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 2. / 3003, 1},
		{"U of 2", []float64{1, 2, 3, 6}, []float64{4, 5, 7, 8, 9}, 2 * 4. / 126, -1},
		{"U of 0", []float64{4, 5, 6}, []float64{1, 2, 3}, 2 * 1. / 20, 1},
	} {
		if p, side := rankSum(tt.newest, tt.earlier); !near(p, tt.p, 1e-12) || side != tt.side {
			t.Errorf("%s: p %v on side %d, want %v on %d", tt.name, p, side, tt.p, tt.side)
		}
	}
}

// By hand: of 0.001, 0.01 and 0.02 with weights 1, 1/2 and 1/2 the first is held against 2, the next against 1 over 1/2.
func TestHolmCorrectsByWeight(t *testing.T) {
	claims := []claim{{name: "c", risk: 0.02, weight: 0.5}, {name: "a", risk: 0.001, weight: 1}, {name: "b", risk: 0.01, weight: 0.5}}
	holm(claims)
	for i, want := range []struct {
		name string
		risk float64
	}{{"a", 0.002}, {"b", 0.02}, {"c", 0.02}} {
		if c := claims[i]; c.name != want.name || !near(c.risk, want.risk, 1e-12) {
			t.Errorf("claim %d: %s with %v, want %s with %v", i, c.name, c.risk, want.name, want.risk)
		}
	}
}

// even makes a burst of n requests spread evenly from 10 ms to 30 ms, each taking so many times as long.
func even(n int, times float64) Burst {
	counts := make([]Count, n)
	for i := range counts {
		counts[i] = Count{int64(times * (10_000 + 20_000*(float64(i)+0.5)/float64(n))), 1}
	}
	return NewBurst(counts, 0, false)
}

// past makes bursts that differ from each other by 1 %.
func past(count int) []Burst {
	random := rand.New(rand.NewPCG(5, 6))
	bursts := make([]Burst, count)
	for i := range bursts {
		bursts[i] = even(1000, 1+0.01*random.NormFloat64())
	}
	return bursts
}

func repeated(count int, b Burst) []Burst { return slices.Repeat([]Burst{b}, count) }

func judge(t *testing.T, bursts []Burst) Verdict {
	t.Helper()
	v, ok := Compare([]Endpoint{{Bursts: bursts}}, 1)[""]
	if !ok {
		t.Fatal("no verdict of a long history")
	}
	return v
}

func TestCompareSaysWhatChangedAndByHowMuch(t *testing.T) {
	for _, tt := range []struct {
		name   string
		newest Burst
		want   int
		change float64 // of the p50
	}{
		{"slower by a tenth", even(1000, 1.1), 1, 0.1},
		{"faster by a tenth", even(1000, 0.9), -1, -0.1},
		{"the same", even(1000, 1), 0, 0},
		{"less than matters", even(1000, 1.015), 0, 0.015},
	} {
		v := judge(t, append(repeated(5, tt.newest), past(40)...))
		if v.Change != tt.want || v.Newest != 5 || v.Earlier != 40 {
			t.Errorf("%s: %+v, want %d from 5 against 40", tt.name, v, tt.want)
		}
		for _, d := range []Difference{v.P50, v.P95} {
			if !near(d.Change(), tt.change, 0.005) || d.Low > tt.change || d.High < tt.change || d.High-d.Low > 0.03 {
				t.Errorf("%s: %+v, want about %v", tt.name, d, tt.change)
			}
		}
		if !near(v.P50.Newest, 20_000*(1+tt.change), 100) || !near(v.P95.Newest, 29_000*(1+tt.change), 150) {
			t.Errorf("%s: p50 %v and p95 %v", tt.name, v.P50.Newest, v.P95.Newest)
		}
	}
}

func TestCompareSeesATailAlone(t *testing.T) {
	counts := make([]Count, 1000)
	for i := range counts {
		counts[i] = Count{int64(10_000 + 20*i), 1}
		if i >= 930 {
			counts[i].Value *= 3
		}
	}
	v := judge(t, append(repeated(5, NewBurst(counts, 0, false)), past(40)...))
	if v.Change != 1 || math.Abs(v.P50.Change()) > 0.01 || v.P95.Change() < 1 {
		t.Errorf("7 %% of requests thrice as slow: %+v, want slower by the p95 alone", v)
	}
}

func TestOneSlowBurstIsNoChange(t *testing.T) {
	for slow := 1; slow < early; slow++ {
		v := judge(t, slices.Concat(repeated(slow, even(1000, 3)), past(45)))
		if v.Change != 0 {
			t.Errorf("%d of the newest three times as slow: %+v, want no claim yet", slow, v)
		}
	}
	if v := judge(t, slices.Concat(repeated(early, even(1000, 3)), past(45))); v.Change != 1 {
		t.Errorf("%d of the newest three times as slow: %+v, want slower", early, v)
	}
}

func TestAnHourSeenBeforeIsNoChange(t *testing.T) {
	history := slices.Concat(repeated(5, even(1000, 1.1)), past(40), repeated(5, even(1000, 1.11)), past(10))
	if v := judge(t, history); v.Change != 0 {
		t.Errorf("as slow as some hours ago: %+v, want no change shown", v)
	}
}

func TestFailingFastIsNotFaster(t *testing.T) {
	fast := even(1000, 0.5)
	fast.failed = 30
	if v := judge(t, append(repeated(5, fast), past(40)...)); v.Change != 0 {
		t.Errorf("twice as fast with 3 %% failures: %+v, want no claim", v)
	}
	slow := even(1000, 1.5)
	slow.failed = 30
	if v := judge(t, append(repeated(5, slow), past(40)...)); v.Change != 1 {
		t.Errorf("slow with 3 %% failures: %+v, want slower", v)
	}
}

func TestNotEnough(t *testing.T) {
	for _, tt := range []struct {
		name   string
		bursts []Burst
		want   bool
	}{
		{"nothing", nil, false},
		{"one burst too few", past(window + fewest - 1), false},
		{"just enough", past(window + fewest), true},
		{"too few requests", repeated(80, even(20, 1)), false}, // 5 bursts to a unit: 16 units
		{"pooled to enough", repeated(85, even(20, 1)), true},
		{"no requests", repeated(60, NewBurst(nil, 0, false)), false},
		{"counts without requests", repeated(60, NewBurst([]Count{{5, 0}, {7, -3}}, 0, false)), false},
	} {
		if v, ok := Compare([]Endpoint{{Bursts: tt.bursts}}, 1)[""]; ok != tt.want {
			t.Errorf("%s: %+v, %v, want a verdict: %v", tt.name, v, ok, tt.want)
		}
	}
}

func changed(bursts []Burst) []Burst {
	marked := slices.Clone(bursts)
	for i := range marked {
		marked[i].changed = true
	}
	return marked
}

func TestASlowReleaseIsNotComparedWithItself(t *testing.T) {
	slow := repeated(19, even(1000, 1.1))
	v := judge(t, slices.Concat(slow[:5], changed(slow), past(40)))
	if v.Change != 1 || v.Earlier != 40 {
		t.Errorf("19 changed bursts later: %+v, want slower than the 40 before them", v)
	}
	// The twentieth makes it the normal, and stays so when later bursts are no longer changed.
	slow = repeated(20, even(1000, 1.1))
	for _, since := range []int{0, 7, 30} {
		v = judge(t, slices.Concat(repeated(5+since, even(1000, 1.1)), changed(slow), past(40)))
		if v.Change != 0 || v.Earlier != 20+since {
			t.Errorf("%d bursts after 20 changed ones: %+v, want no change from %d", since, v, 20+since)
		}
	}
}

func TestBurstsThatResembleEachOtherArePooled(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	wave := make([]Burst, 160)
	for i := range wave {
		wave[i] = even(500, 1+0.1*math.Sin(float64(i)/3)+0.001*random.NormFloat64())
	}
	newest, earlier := units(wave)
	if len(newest) != window || len(newest[0]) < 4 || len(earlier) < fewest {
		t.Errorf("a wave of 19 bursts: %d and %d units of %d, want several bursts in each", len(newest), len(earlier), len(newest[0]))
	}
	slowly := make([]Burst, 160)
	for i := range slowly {
		slowly[i] = even(500, 1+0.1*math.Sin(float64(i)/30))
	}
	if newest, _ := units(slowly); newest != nil {
		t.Errorf("a wave of 190 bursts: units of %d, want none: nothing can be said", len(newest[0]))
	}
}

func TestTheSameSeedGivesTheSameIntervals(t *testing.T) {
	history := []Endpoint{{Bursts: past(30)}, {Name: "a", Bursts: past(30)}}
	first, again, other := Compare(history, 1), Compare(history, 1), Compare(history, 2)
	if first[""] != again[""] || first["a"] != again["a"] {
		t.Errorf("the same seed: %+v and %+v", first, again)
	}
	if first[""].P50.Low == other[""].P50.Low {
		t.Error("another seed draws the same")
	}
}

func TestExtremeTimes(t *testing.T) {
	counts := []Count{{math.MinInt64, 50}, {0, 50}, {1, 50}, {math.MaxInt64, 50}}
	v := judge(t, repeated(20, NewBurst(counts, 0, false)))
	if v.Change != 0 || math.IsNaN(v.P50.Low) || math.IsInf(v.P95.High, 0) {
		t.Errorf("%+v, want no change and numbers", v)
	}
}
