package trend

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// every makes readings a second apart.
func every(values ...float64) []Reading {
	s := make([]Reading, len(values))
	for i, v := range values {
		s[i] = Reading{float64(i), v}
	}
	return s
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// Cloud seeding in the Snowy Mountains, after Smith (1967): the example of Hollander and Wolfe, Nonparametric Statistical
// Methods, chapter 9, who find C = -6, P = 0.117 on one side and a slope of -0.056. The interval is counted by hand: of
// ten slopes, half a width of 6 ranks leaves one beyond each end.
func TestPublishedExample(t *testing.T) {
	values := []float64{1.26, 1.27, 1.12, 1.16, 1.03}
	slopes := pairSlopes(every(values...))
	if got := median(slopes); !near(got, -0.05625, 1e-12) {
		t.Errorf("slope %v, want -0.05625", got)
	}
	if low, high := slopeBounds(slopes, 6); !near(low, -0.13, 1e-12) || !near(high, 0.01, 1e-12) {
		t.Errorf("slope between %v and %v, want -0.13 and 0.01", low, high)
	}
	r := rank(values)
	if r.s != -6 || !near(r.p(1), 2*14./120, 1e-12) {
		t.Errorf("s %d, p %v, want -6 and 28 of 120 orders", r.s, r.p(1))
	}
}

// The upper tails of Kendall's statistic, as tabled in Gilbert, Statistical Methods for Environmental Pollution
// Monitoring (1987), table A18. The tables give one side, to three digits.
func TestExactProbabilities(t *testing.T) {
	for _, tt := range []struct {
		n, s int
		want float64
	}{
		{4, 2, 0.375}, {4, 4, 0.167}, {4, 6, 0.042},
		{5, 8, 0.042}, {5, 10, 0.0083},
		{8, 14, 0.054}, {8, 16, 0.031},
		{9, 18, 0.038},
		{10, 21, 0.036}, {10, 23, 0.023}, {10, 25, 0.014},
	} {
		if got := exactP(tt.n, tt.s) / 2; !near(got, tt.want, 0.0006) {
			t.Errorf("n %d, s %d: %v on one side, want %v", tt.n, tt.s, got, tt.want)
		}
		if a, b := exactP(tt.n, tt.s), exactP(tt.n, -tt.s); a != b {
			t.Errorf("n %d: s %d has %v, its opposite %v", tt.n, tt.s, a, b)
		}
	}
	if got := exactP(7, 1); !near(got, 1, 1e-12) {
		t.Errorf("the middle of 7 has %v, want 1", got)
	}
}

// By hand: n 10, so 10*9*25/18 = 125; ties of 2 and of 3 take 2*1*9/18 = 1 and 3*2*11/18 = 11/3 off.
func TestTiesLessenTheVariance(t *testing.T) {
	r := rank([]float64{1, 2, 2, 3, 4, 4, 4, 5, 6, 7})
	if want := 125 - 1 - 11./3; !near(r.variance, want, 1e-9) || r.s != 45-1-3 {
		t.Errorf("s %d, variance %v, want 41 and %v", r.s, r.variance, want)
	}
	if want := math.Erfc(40 / math.Sqrt(125-1-11./3) / math.Sqrt2); !near(r.p(1), want, 1e-15) {
		t.Errorf("p %v, want %v", r.p(1), want)
	}
	same := rank([]float64{3, 3, 3, 3})
	if got := same.p(1); same.variance != 0 || got != 1 {
		t.Errorf("equal values: variance %v, p %v, want 0 and 1", same.variance, got)
	}
}

func TestExactAndNormalMeet(t *testing.T) {
	for s := 0; s < 190; s += 2 {
		normal := ranking{n: maxExact, s: s, variance: float64(20*19*45) / 18, tied: true}
		if a, b := exactP(maxExact, s), normal.p(1); !near(a, b, 0.006) {
			t.Errorf("n 20, s %d: exact %v, normal %v", s, a, b)
		}
	}
}

func TestFitFindsALineThroughOutliers(t *testing.T) {
	s := every(make([]float64, 40)...)
	for i := range s {
		s[i].Value = 100 + 2.5*s[i].At
	}
	s[3].Value, s[17].Value, s[31].Value = 1e9, -1e9, 1e6
	got, ok := Fit(s)
	if !ok || got.Slope != 2.5 || got.N != 40 || !got.Rises(0.001) {
		t.Errorf("Fit = %+v, %v, want a slope of 2.5 and none by chance", got, ok)
	}
	if got.Low > 2.5 || got.High < 2.5 || got.High-got.Low > 0.1 {
		t.Errorf("slope between %v and %v, want close about 2.5", got.Low, got.High)
	}
}

func TestFitIsBoundedAndForgivesWhatIsNoReading(t *testing.T) {
	for _, tt := range []struct {
		name   string
		series []Reading
	}{
		{"none", nil},
		{"nine", every(1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"nine and no numbers", every(1, 2, 3, 4, 5, 6, 7, 8, 9, math.NaN(), math.Inf(1), math.Inf(-1))},
		{"one instant", make([]Reading, 100)},
	} {
		if got, ok := Fit(tt.series); ok {
			t.Errorf("%s: Fit = %+v, want nothing", tt.name, got)
		}
	}
	many := make([]Reading, 100_000)
	for i := range many {
		many[i] = Reading{float64(len(many) - i), float64(-i)} // latest first
	}
	got, ok := Fit(many)
	if !ok || got.N != maxMedians || !near(got.Slope, 1, 1e-9) {
		t.Errorf("Fit = %+v, %v, want a slope of 1 from %d medians", got, ok, maxMedians)
	}
	flat, ok := Fit(every(make([]float64, 600)...))
	if !ok || flat.Slope != 0 || flat.P != 1 {
		t.Errorf("Fit of what never moves = %+v, %v, want no slope and P 1", flat, ok)
	}
	huge := every(make([]float64, 20)...)
	for i := range huge {
		huge[i].Value = math.MaxFloat64 * float64(i%2*2-1)
	}
	if got, ok := Fit(huge); !ok || !finite(got.Slope) || !finite(got.Low) || !finite(got.High) {
		t.Errorf("Fit of the largest numbers = %+v, %v, want finite ones", got, ok)
	}
}

// What holds for any series: turned upside down the trend is turned too, and shifts of time and value change nothing.
func TestFitProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n := 10 + random.IntN(90)
		s, turned, shifted := make([]Reading, n), make([]Reading, n), make([]Reading, n)
		for i, v := range noise(random, n, random.Float64()) {
			at := float64(i) / 8 // exact in binary, so that sums and differences are
			v = math.Round(v * 16)
			s[i], turned[i], shifted[i] = Reading{at, v}, Reading{at, -v}, Reading{at + 1024, v*2 + 4096}
		}
		a, _ := Fit(s)
		b, _ := Fit(turned)
		if a.Slope != -b.Slope || a.P != b.P || a.Low != -b.High || a.High != -b.Low {
			t.Fatalf("of %d readings: %+v, upside down %+v", n, a, b)
		}
		c, _ := Fit(shifted)
		if !near(c.Slope, 2*a.Slope, 1e-9) || !near(c.P, a.P, 1e-9) {
			t.Fatalf("of %d readings: %+v, shifted and doubled %+v", n, a, c)
		}
		if a.Low > a.Slope || a.High < a.Slope || a.P < 0 || a.P > 1 {
			t.Fatalf("of %d readings: %+v", n, a)
		}
	}
}

// noise remembers a part rho of its last value; its own variance is 1.
func noise(random *rand.Rand, n int, rho float64) []float64 {
	values := make([]float64, n)
	v := random.NormFloat64()
	for i := range values {
		v = rho*v + math.Sqrt(1-rho*rho)*random.NormFloat64()
		values[i] = v
	}
	return values
}

// A minute of readings 100 ms apart: how often a trend is claimed, at a level of 1 %, where there is none and where there
// is one. The plain test would claim one in 5 % to 61 % of the first.
func TestSeriallyCorrelatedNoiseIsNoTrend(t *testing.T) {
	const trials, n = 400, 600
	for _, tt := range []struct{ rho, rise, atLeast, atMost float64 }{
		{0, 0, 0, 0.025}, {0.5, 0, 0, 0.025}, {0.9, 0, 0, 0.03}, {0.98, 0, 0, 0.04}, {0.99, 0, 0, 0.06},
		{0, 1, 0.97, 1}, {0.9, 3, 0.8, 1}, {0.9, 10, 1, 1}, {0.99, 10, 0.5, 1},
	} {
		random := rand.New(rand.NewPCG(1, 2))
		found := 0
		for range trials {
			s := every(noise(random, n, tt.rho)...)
			for i := range s {
				s[i].At /= 10
				s[i].Value += tt.rise * float64(i) / n
			}
			if fit, _ := Fit(s); fit.P < 0.01 {
				found++
			}
		}
		rate := float64(found) / trials
		t.Logf("remembers %v, rises by %v sd: %.3f", tt.rho, tt.rise, rate)
		if rate < tt.atLeast || rate > tt.atMost {
			t.Errorf("remembers %v, rises by %v sd: a trend in %v, want %v to %v", tt.rho, tt.rise, rate, tt.atLeast, tt.atMost)
		}
	}
}

// Shapes of real memory: a collector's sawtooth is no trend, one that rests higher each time is, and so is growth in steps.
func TestShapesOfMemory(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   func(i int) float64
		want bool
	}{
		{"sawtooth", func(i int) float64 { return float64(i % 50) }, false},
		{"sawtooth that rises", func(i int) float64 { return float64(i%50) + float64(i/50*10) }, true},
		{"steps", func(i int) float64 { return float64(i / 60) }, true},
		{"fall", func(i int) float64 { return -float64(i) }, false},
	} {
		s := make([]Reading, 600)
		for i := range s {
			s[i] = Reading{float64(i) / 10, 1e8 + 1e6*tt.at(i)}
		}
		if got, ok := Fit(s); !ok || got.Rises(0.01) != tt.want {
			t.Errorf("%s: %+v, %v, want a rise: %v", tt.name, got, ok, tt.want)
		}
	}
}

// By hand: less their mean 1 to 4 are -1.5, -0.5, 0.5 and 1.5, whose neighbours give (0.75 - 0.25 + 0.75) / 5.
func TestNeighboursAndRanks(t *testing.T) {
	if got := neighbours([]float64{1, 2, 3, 4}); !near(got, 0.25, 1e-12) {
		t.Errorf("neighbours of 1 to 4 correlate by %v, want 0.25", got)
	}
	if got := fmt.Sprint(ranks([]float64{7, 5, 9, 5})); got != "[2 0.5 3 0.5]" {
		t.Errorf("ranks %v, want [2 0.5 3 0.5]", got)
	}
	if got := inflation([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}); !math.IsInf(got, 1) {
		t.Errorf("inflation of what only wanders: %v, want no end", got)
	}
	if got := inflation([]float64{1, -1, 1, -1, 1, -1, 1, -1, 1, -1}); got != 1 {
		t.Errorf("inflation of what swings: %v, want 1", got)
	}
}

func TestJain(t *testing.T) {
	for _, tt := range []struct {
		shares []float64
		want   float64
		ok     bool
	}{
		{[]float64{5, 5, 5, 5}, 1, true},
		{[]float64{1, 0, 0, 0}, 0.25, true},
		{[]float64{50, 30, 50}, 16900. / 17700, true}, // (130)^2 / (3 * 5900)
		{[]float64{1, 2, 3, 4, 5}, 225. / 275, true},
		{[]float64{1e200, 1e200}, 1, true},
		{[]float64{1e-200, 0}, 0.5, true},
		{[]float64{7}, 1, true},
		{nil, 0, false},
		{[]float64{0, 0}, 0, false},
		{[]float64{1, -1}, 0, false},
		{[]float64{1, math.NaN()}, 0, false},
		{[]float64{1, math.Inf(1)}, 0, false},
	} {
		if got, ok := Jain(tt.shares); !near(got, tt.want, 1e-12) || ok != tt.ok {
			t.Errorf("Jain(%v) = %v, %v, want %v, %v", tt.shares, got, ok, tt.want, tt.ok)
		}
	}
}

func BenchmarkFitOfAMinute(b *testing.B) {
	s := every(noise(rand.New(rand.NewPCG(1, 2)), 600, 0.9)...)
	for b.Loop() {
		Fit(s)
	}
}
