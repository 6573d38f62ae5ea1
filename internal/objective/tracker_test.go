package objective

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func v(x float64) *float64 { return &x }

func noon() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func p95() *Objective {
	return &Objective{Name: "api_latency_p95", Measure: Latency, Quantile: 0.95, Window: 5 * time.Minute,
		Target: v(0.5), Warning: v(0.4), Critical: v(0.6)}
}

func same(t *testing.T, name string, got, want Status) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func above(x float64) float64 { return math.Nextafter(x, math.Inf(1)) }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Of 1,000 samples 950 are quick; the p95 is the 950th.
func TestLatencyIsJudgedByCountsAtTheThreshold(t *testing.T) {
	tests := []struct {
		name        string
		quick, slow int
		at          float64 // of the slow ones
		want        Status
	}{
		{"all quick", 1000, 0, 0, Status{Value: 0.4, Samples: 1000, State: Met}},
		{"as many slow as may be", 950, 50, 9, Status{Value: 0.4, Samples: 1000, State: Met}},
		{"one more, exactly at the warning", 949, 51, 0.4, Status{Value: 0.4, Samples: 1000, State: Met}},
		{"one more, just over the warning", 949, 51, above(0.4), Status{Value: 0.400390625, Samples: 1000, State: Met, Level: Warning}},
		{"exactly at the target", 949, 51, 0.5, Status{Value: 0.5, Samples: 1000, State: Met, Level: Warning}},
		{"just over the target", 949, 51, above(0.5), Status{Value: 0.50390625, Samples: 1000, State: Missed, Level: Warning}},
		{"exactly at the critical", 949, 51, 0.6, Status{Value: 0.59765625, Samples: 1000, State: Missed, Level: Warning}},
		{"just over the critical", 949, 51, above(0.6), Status{Value: above(0.6), Samples: 1000, State: Missed, Level: Critical}},
		{"at the floor", 190, 10, 9, Status{Value: 0.4, Samples: 200, State: Met}},
		{"at the floor, one too many", 189, 11, 9, Status{Value: 9.0625, Samples: 200, State: Missed, Level: Critical}},
		{"under the floor", 0, 199, 9, Status{Value: 9.0625, Samples: 199, State: NotEnough}},
		{"nothing", 0, 0, 0, Status{Value: math.NaN(), State: NoData}},
	}
	for _, tt := range tests {
		tr := NewTracker(p95())
		for range tt.quick {
			tr.Observe(noon(), 0.4)
		}
		for range tt.slow {
			tr.Observe(noon(), tt.at)
		}
		same(t, tt.name, tr.Status(noon()), tt.want)
	}
}

func TestRatiosAndMeansAreJudgedByValue(t *testing.T) {
	errors := Objective{Measure: ErrorRatio, Target: v(0.01), Warning: v(0.005), Critical: v(0.02)}
	hits := Objective{Measure: CacheHitRatio, Target: v(0.85), Warning: v(0.75), Critical: v(0.6)}
	cpu := Objective{Measure: CPUUsage, Warning: v(0.8), Critical: v(0.95)} // judged by the warning
	memory := Objective{Measure: MemoryUsage, Critical: v(0.9)}             // by the critical
	free := Objective{Measure: CPUUsage}                                    // by nothing
	tests := []struct {
		name        string
		o           Objective
		part, whole float64
		want        Status
	}{
		{"no run", errors, 0, 0, Status{Value: math.NaN(), State: NoData}},
		{"under the floor", errors, 199, 199, Status{Value: 1, Samples: 199, State: NotEnough}},
		{"at the warning", errors, 1, 200, Status{Value: 0.005, Samples: 200, State: Met}},
		{"over the warning", errors, 3, 599, Status{Value: 3. / 599, Samples: 599, State: Met, Level: Warning}},
		{"at the target", errors, 2, 200, Status{Value: 0.01, Samples: 200, State: Met, Level: Warning}},
		{"over the target", errors, 3, 299, Status{Value: 3. / 299, Samples: 299, State: Missed, Level: Warning}},
		{"at the critical", errors, 4, 200, Status{Value: 0.02, Samples: 200, State: Missed, Level: Warning}},
		{"over the critical", errors, 5, 249, Status{Value: 5. / 249, Samples: 249, State: Missed, Level: Critical}},
		{"99 lookups", hits, 0, 99, Status{Value: 0, Samples: 99, State: NotEnough}},
		{"hits at the target", hits, 85, 100, Status{Value: 0.85, Samples: 100, State: Met}},
		{"hits under the target", hits, 849, 1000, Status{Value: 0.849, Samples: 1000, State: Missed, Level: Target}},
		{"hits at the warning", hits, 75, 100, Status{Value: 0.75, Samples: 100, State: Missed, Level: Target}},
		{"hits under the warning", hits, 749, 1000, Status{Value: 0.749, Samples: 1000, State: Missed, Level: Warning}},
		{"hits under the critical", hits, 0, 100, Status{Value: 0, Samples: 100, State: Missed, Level: Critical}},
		{"cpu at the warning", cpu, 80, 100, Status{Value: 0.8, Samples: 100, State: Met}},
		{"cpu over the warning", cpu, 81, 100, Status{Value: 0.81, Samples: 100, State: Missed, Level: Warning}},
		{"memory at the critical", memory, 90, 100, Status{Value: 0.9, Samples: 100, State: Met}},
		{"memory over the critical", memory, 91, 100, Status{Value: 0.91, Samples: 100, State: Missed, Level: Critical}},
		{"no threshold", free, 100, 100, Status{Value: 1, Samples: 100, State: Met}},
	}
	for _, tt := range tests {
		tt.o.Window = 5 * time.Minute
		added, observed := NewTracker(&tt.o), NewTracker(&tt.o)
		added.Add(noon(), tt.part, tt.whole)
		for i := range int(tt.whole) {
			observed.Observe(noon(), oneIf(i < int(tt.part)))
		}
		same(t, tt.name+", added", added.Status(noon()), tt.want)
		same(t, tt.name+", observed", observed.Status(noon()), tt.want)
	}
}

func TestABurstIsJudgedByTheLast(t *testing.T) {
	o := &Objective{Measure: LoadThroughput, Target: v(100), Critical: v(50)}
	tr := NewTracker(o)
	same(t, "before the first", tr.Status(noon()), Status{Value: math.NaN(), State: NoData})
	tests := []struct {
		name string
		rate float64
		want Status
	}{
		{"slow", 49, Status{Value: 49, Samples: 1, State: Missed, Level: Critical}},
		{"just under", 99.9, Status{Value: 99.9, Samples: 1, State: Missed, Level: Target}},
		{"at the target", 100, Status{Value: 100, Samples: 1, State: Met}},
		{"nothing at all", 0, Status{Value: 0, Samples: 1, State: Missed, Level: Critical}},
	}
	for _, tt := range tests {
		tr.Burst(tt.rate, 1)
		tr.Observe(noon(), 75)
		tr.Add(noon(), 1, 2)
		same(t, tt.name, tr.Status(noon().Add(240*time.Hour)), tt.want)
	}
}

func TestABurstIsJudgedByWhatItWasTakenFrom(t *testing.T) {
	leak := Objective{Measure: LoadMemoryLeak, Target: v(0)}
	tests := []struct {
		name    string
		o       Objective
		value   float64
		samples int
		want    Status
	}{
		{"one too few", leak, 1024, 49, Status{Value: 1024, Samples: 49, State: NotEnough}},
		{"none shown in too few", leak, 0, 49, Status{Value: 0, Samples: 49, State: NotEnough}},
		{"none shown", leak, 0, 50, Status{Value: 0, Samples: 50, State: Met}},
		{"a leak", leak, 0.5, 50, Status{Value: 0.5, Samples: 50, State: Missed, Level: Target}},
		{"no figure", leak, math.NaN(), 50, Status{Value: math.NaN(), State: NoData}},
		{"an infinite figure", leak, math.Inf(1), 50, Status{Value: math.NaN(), State: NoData}},
		{"no sample", leak, 3, 0, Status{Value: math.NaN(), State: NoData}},
		{
			"memory given back", Objective{Measure: LoadMemoryPerRequest, Target: v(1024)}, -4096, 1000,
			Status{Value: -4096, Samples: 1000, State: Met},
		},
		{
			"a value that no division gives back", Objective{Measure: LoadLatency, Quantile: 0.95, Target: v(0.1)}, 0.1, 201,
			Status{Value: 0.1, Samples: 201, State: Met},
		},
		{
			"just over", Objective{Measure: LoadLatency, Quantile: 0.95, Target: v(0.1)}, above(0.1), 201,
			Status{Value: above(0.1), Samples: 201, State: Missed, Level: Target},
		},
	}
	for _, tt := range tests {
		tr := NewTracker(&tt.o)
		tr.Burst(7, 1e6) // replaced, whatever comes
		tr.Burst(tt.value, tt.samples)
		same(t, tt.name, tr.Status(noon()), tt.want)
	}
}

func TestSamplesLeaveWithTheirSlot(t *testing.T) {
	o := &Objective{Measure: ErrorRatio, Window: 5 * time.Minute, Target: v(0.5)} // slots of 5 s
	tests := []struct {
		name string
		then time.Duration
		want int
	}{
		{"at once", 0, 3},
		{"within the window", 4 * time.Minute, 3},
		{"at its end", 5 * time.Minute, 3},
		{"within the slot after it", 5*time.Minute + 5*time.Second - 1, 3},
		{"after that", 5*time.Minute + 5*time.Second, 2},
		{"the next slot", 5*time.Minute + 10*time.Second, 1},
		{"all gone", 10 * time.Minute, 0},
		{"before the first", -1, 0},
		{"between", 6 * time.Second, 2},
	}
	for _, tt := range tests {
		tr := NewTracker(o)
		for i := range 2 {
			tr.Observe(noon().Add(time.Duration(i)*5*time.Second), 1)
		}
		tr.Observe(noon().Add(time.Minute), 1)
		want := tt.want
		if tt.name == "at once" { // the later ones lie in the future
			want = 1
		}
		if got := tr.Status(noon().Add(tt.then)).Samples; got != want {
			t.Errorf("%s: got %d samples, want %d", tt.name, got, want)
		}
	}
}

func TestASlotIsEmptyWhenItIsUsedAgain(t *testing.T) {
	tr := NewTracker(p95())
	for range 200 {
		tr.Observe(noon(), 0.1)
	}
	later := noon().Add(61 * 5 * time.Second) // the same place in the ring
	for range 200 {
		tr.Observe(later, 0.3)
	}
	same(t, "second use", tr.Status(later), Status{Value: 0.298828125, Samples: 200, State: Met})
}

func TestLateSamplesAreDroppedUntilTheClockIsClearlySetBack(t *testing.T) {
	tr := NewTracker(&Objective{Measure: ErrorRatio, Window: 5 * time.Minute, Target: v(0.5)})
	count := func(at time.Time) int { return tr.Status(at).Samples }
	tr.Observe(noon(), 1)
	tr.Observe(noon().Add(-4*time.Minute), 1) // out of order, in the window
	if got := count(noon()); got != 2 {
		t.Errorf("out of order: got %d, want 2", got)
	}
	for range 30 { // a late one now and then says nothing of the clock
		tr.Observe(noon().Add(-6*time.Minute), 1)
		tr.Observe(noon(), 0)
	}
	if got := count(noon()); got != 32 {
		t.Errorf("late: got %d, want 32", got)
	}
	tr.Observe(noon().Add(24*365*time.Hour), 1) // the clock leaps, once
	if got := count(noon()); got != 32 {
		t.Errorf("after a leap: got %d, want 32", got)
	}
	for i := range mostLate {
		tr.Observe(noon().Add(time.Duration(i)*time.Second), 0)
	}
	if got := count(noon().Add(10 * time.Second)); got != 33 {
		t.Errorf("after it came back: got %d, want 33: one for the tenth, and what was there", got)
	}
	tr.Observe(noon().Add(11*time.Second), 0)
	if got := count(noon().Add(11 * time.Second)); got != 34 {
		t.Errorf("it goes on: got %d, want 34", got)
	}
	if got := count(noon().Add(24 * 365 * time.Hour)); got != 0 {
		t.Errorf("the leap is forgotten: got %d, want 0", got)
	}
}

func TestWhatCannotBeMeasuredIsIgnored(t *testing.T) {
	for _, m := range Measures() {
		tr := NewTracker(&Objective{Measure: m, Quantile: 0.5, Window: time.Minute})
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1e-9} {
			tr.Observe(noon(), bad)
			tr.Add(noon(), bad, 1)
			tr.Add(noon(), 0, bad)
		}
		tr.Add(noon(), 2, 1)
		tr.Add(noon(), 0, 0)
		if !m.OfLast() {
			tr.Burst(1, 1)
		}
		want := Status{Value: math.NaN(), State: NoData}
		if m == PromQL {
			want.State = Elsewhere
		}
		same(t, string(m), tr.Status(noon()), want)
	}
	latency := NewTracker(p95())
	latency.Add(noon(), 1, 2)
	same(t, "counts of a latency", latency.Status(noon()), Status{Value: math.NaN(), State: NoData})
}

func TestAnyInstantAndWindowWillDo(t *testing.T) {
	for _, window := range []time.Duration{-1, 0, 1, time.Second, math.MaxInt64} {
		tr := NewTracker(&Objective{Measure: ErrorRatio, Window: window})
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), noon(), time.Unix(1<<40, 0)} {
			for range mostLate {
				tr.Observe(at, 1)
			}
			if got := tr.Status(at).Samples; got == 0 {
				t.Errorf("window %v: nothing at %v", window, at)
			}
		}
	}
}

func TestQuantileIsWithinOnePercentOfTheSortedSamples(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 100 {
		n := 1 + r.IntN(3000)
		q := []float64{0.5, 0.9, 0.95, 0.99, 0.999, 0.05 + 0.9*r.Float64()}[r.IntN(6)]
		threshold := math.Exp(r.NormFloat64()*2 - 2)
		o := &Objective{Measure: Latency, Quantile: q, Window: time.Minute, Target: &threshold}
		tr := NewTracker(o)
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = min(4000, max(1e-6, math.Exp(r.NormFloat64()*2-2)))
			tr.Observe(noon().Add(time.Duration(r.IntN(60))*time.Second), samples[i])
		}
		slices.Sort(samples)
		exact := samples[slices.IndexFunc(samples, func(x float64) bool {
			i, _ := slices.BinarySearch(samples, above(x)) // how many are at or under x
			return float64(i)/float64(n) >= q
		})]
		got := tr.Status(noon().Add(time.Minute))
		if math.Abs(got.Value-exact) > 0.01*exact || got.Samples != n {
			t.Fatalf("round %d: q %v of %d: got %v of %d, want %v", round, q, n, got.Value, got.Samples, exact)
		}
		if n >= o.Floor() && (got.State == Missed) != (exact > threshold) || o.Crossed(got.Value, threshold) != (exact > threshold) {
			t.Fatalf("round %d: %v against %v judged %v, value %v", round, exact, threshold, got.State, got.Value)
		}
	}
}

func TestRankIsTheLeastCountThatReachesTheQuantile(t *testing.T) {
	for _, tt := range []struct {
		q       float64
		n, want uint64
	}{{0.95, 200, 190}, {0.95, 201, 191}, {0.28, 25, 7}, {0.14, 50, 7}, {0.001, 5, 1}, {0.999, 5, 5}} {
		if got := rankOf(tt.q, tt.n); got != tt.want {
			t.Errorf("%v of %d: got %d, want %d", tt.q, tt.n, got, tt.want)
		}
	}
}

func TestDurationsOutsideTheBucketsCountAtTheEnds(t *testing.T) {
	for _, tt := range []struct{ d, want float64 }{
		{0, 0x1p-20 * (1 + 1./128)}, {1e-12, 0x1p-20 * (1 + 1./128)}, {5e-324, 0x1p-20 * (1 + 1./128)},
		{4096, 4080}, {1e300, 4080}, {math.MaxFloat64, 4080},
	} {
		tr := NewTracker(&Objective{Measure: Latency, Quantile: 0.5, Window: time.Minute})
		tr.Observe(noon(), tt.d)
		if got := tr.Status(noon()).Value; got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.d, got, tt.want)
		}
	}
}

func TestConcurrentUseLosesNothing(t *testing.T) {
	tr := NewTracker(p95())
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 2500 {
				tr.Observe(noon().Add(time.Duration(i*worker)*time.Millisecond), float64(i)/2500)
				if i%100 == 0 {
					tr.Status(noon())
				}
			}
		})
	}
	wg.Wait()
	if got := tr.Status(noon().Add(time.Minute)); got.Samples != 20_000 || got.Level != Critical {
		t.Errorf("got %+v", got)
	}
}

func BenchmarkTrackerObserve(b *testing.B) {
	for _, m := range []Measure{Latency, ErrorRatio} {
		b.Run(string(m), func(b *testing.B) {
			o := p95()
			o.Measure = m
			tr := NewTracker(o)
			at := noon()
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Millisecond)
				tr.Observe(at, 0.123)
			}
		})
	}
}

func BenchmarkTrackerStatus(b *testing.B) {
	tr := NewTracker(p95())
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 300_000 {
		tr.Observe(noon().Add(time.Duration(i)*time.Millisecond), math.Exp(r.NormFloat64()-2))
	}
	b.ReportAllocs()
	for b.Loop() {
		tr.Status(noon().Add(5 * time.Minute))
	}
}
