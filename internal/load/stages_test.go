package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

func TestPacerFollowsItsStages(t *testing.T) {
	up, hold, down := Stage{10, 2 * sec}, Stage{10, sec}, Stage{0, 2 * sec}
	tests := []struct {
		name   string
		from   float64
		stages []Stage
		k      uint64
		at     time.Duration
	}{
		{"a ramp from nothing begins at once", 0, []Stage{up}, 0, 0},
		{"5t²/2 = 1", 0, []Stage{up}, 1, 632455532},
		{"5t²/2 = 9", 0, []Stage{up}, 9, 1897366596},
		{"past the last it is the end", 0, []Stage{up}, 10, 2 * sec},
		{"the first after a ramp", 0, []Stage{up, hold}, 10, 2 * sec},
		{"and the ones after it", 0, []Stage{up, hold}, 13, 2300 * ms},
		{"10t - 5t²/2 = 1", 10, []Stage{down}, 1, 102633404},
		{"10t - 5t²/2 = 9.9", 10, []Stage{down}, 9, 1367544468},
		{"4t + 2t² = 5", 4, []Stage{{8, sec}}, 5, 870828693},
		{"a jump", 10, []Stage{{10, sec}, {100, 0}, {100, sec}}, 20, 1100 * ms},
		{"a jump down", 100, []Stage{{100, sec}, {10, 0}, {10, sec}}, 101, 1100 * ms},
		{"a jump at the start", 0, []Stage{{5, 0}, {5, sec}}, 1, 200 * ms},
		{"a pause", 10, []Stage{{10, sec}, {0, 0}, {0, 5 * sec}, {10, 0}, {10, sec}}, 10, 6 * sec},
		{"the last before a pause", 10, []Stage{{10, sec}, {0, 0}, {0, 5 * sec}, {10, 0}, {10, sec}}, 9, 900 * ms},
		{"what a sum has too much is no request before a pause", 1, append(
			slices.Repeat([]Stage{{1, sec/3 + 1}}, 6), Stage{0, 0}, Stage{0, sec}, Stage{10, 0}, Stage{10, sec}), 2, 3*sec + 4},
		{"nothing at first", 0, []Stage{{0, 3 * sec}, {10, 0}, {10, sec}}, 0, 3 * sec},
		{"no digits lost on a slope that is nearly none", 1000, []Stage{{1000 * (1 + 1e-12), time.Hour}}, 3_000_000, 3000 * sec},
	}
	for _, tt := range tests {
		if got := NewPacer(tt.from, tt.stages).At(tt.k); (got - tt.at).Abs() > 1 {
			t.Errorf("%s: request %d is due at %d, want %d", tt.name, tt.k, got, tt.at)
		}
	}
}

func TestPacerTotalOfStages(t *testing.T) {
	tests := []struct {
		name   string
		from   float64
		stages []Stage
		want   uint64
	}{
		{"none", 0, nil, 0},
		{"no rate", 0, []Stage{{0, sec}}, 0},
		{"up", 0, []Stage{{10, 2 * sec}}, 10},
		{"up, hold and down", 0, []Stage{{10, 2 * sec}, {10, sec}, {0, 2 * sec}}, 30},
		{"thirds do not add up to one more", 0, []Stage{{1, sec / 3}, {1, sec / 3}, {1, sec / 3}, {1, sec / 3}, {1, sec / 3}, {1, sec / 3}}, 2},
		{"a part of a request is one", 0.5, []Stage{{0.5, 100 * ms}}, 1},
		{"jumps take no time", 10, []Stage{{1000, 0}, {10, 0}, {10, sec}, {1000, 0}}, 10},
	}
	for _, tt := range tests {
		if got := NewPacer(tt.from, tt.stages).Total(); got != tt.want {
			t.Errorf("%s: %d requests, want %d", tt.name, got, tt.want)
		}
	}
}

// randomPacer makes stages of all kinds: ramps, holds, jumps, pauses, from milliseconds to minutes.
func randomPacer(r *rand.Rand) Pacer {
	rates := []float64{0, 0, 0.3, 1, 7, 333.3, 10_000}
	stages := make([]Stage, 1+r.IntN(6))
	for i := range stages {
		stages[i].Rate = rates[r.IntN(len(rates))]
		switch r.IntN(4) {
		case 0:
		case 1:
			stages[i].Duration = time.Duration(r.Int64N(int64(50 * ms)))
		default:
			stages[i].Duration = time.Duration(r.Int64N(int64(time.Minute)))
		}
	}
	return NewPacer(rates[r.IntN(len(rates))], stages)
}

// At and Pace are each other's inverse: at its instant a request is due, a nanosecond before it is not. Instants never go
// back, and each lies where the integral of the rate passes its number.
func TestPacerAtAndPaceAreInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for range 300 {
		p := randomPacer(r)
		total := p.Total()
		if total == 0 {
			continue
		}
		for range 300 {
			k := r.Uint64N(total)
			at := p.At(k)
			if n, _ := p.Pace(at, 0); n <= k || k+1 < total && p.At(k+1) > at && n != k+1 {
				t.Fatalf("%+v: at %d, when request %d is due, %d are", p.ramps, at, k, n)
			}
			if n, wait := p.Pace(at-1, 0); at > 0 && (n > k || n == k && wait != 1) {
				t.Fatalf("%+v: a nanosecond before %d, when request %d is due, %d are, and the next in %d", p.ramps, at, k, n, wait)
			}
			if next := p.At(k + 1); next < at || at < 0 || next > p.Duration() {
				t.Fatalf("%+v: request %d is due at %d and the next at %d of %d", p.ramps, k, at, next, p.Duration())
			}
			// A nanosecond at the highest rate is 1e-5 requests.
			if n := integral(p, at); math.Abs(n-float64(k)) > 2e-5 {
				t.Fatalf("%+v: request %d is due when %f are", p.ramps, k, n)
			}
		}
		before := uint64(0)
		for i := range 200 {
			n, _ := p.Pace(p.Duration()*time.Duration(i)/199, 0)
			if n < before || i == 199 && n != total {
				t.Fatalf("%+v: %d due after %d, and %d in all", p.ramps, n, before, total)
			}
			before = n
		}
	}
}

// integral sums the rate up in the plainest way, by the trapezoids that ramps are.
func integral(p Pacer, until time.Duration) (sum float64) {
	for _, r := range p.ramps {
		end := min(r.end, until)
		if end <= r.begin {
			break
		}
		reached := r.from + (r.to-r.from)*float64(end-r.begin)/float64(r.end-r.begin)
		sum += (r.from + reached) / 2 * (end - r.begin).Seconds()
	}
	return sum
}

func TestStagedBurstSendsTheIntegralOfItsRateInEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := Spec{Rate: 5, MaxUsers: 50, Stages: []Stage{
			{50, 10 * sec}, {50, 5 * sec}, {120, 0}, {120, 5 * sec}, {0, 0}, {0, 3 * sec}, {20, 2500 * ms}, {0, 4500 * ms},
		}}
		sink := &log{}
		p := planOf(t, spec, after(90*ms))
		s := Run(t.Context(), p, sink)
		counts := make([]float64, 30)
		for _, at := range sink.offsets(s.Start) {
			counts[int(at.Seconds())]++
		}
		for i, n := range counts {
			want := integral(p.pacer, time.Duration(i+1)*sec) - integral(p.pacer, time.Duration(i)*sec)
			near(t, "requests of a second", n, want, 1)
		}
		// 275 + 250 + 600 + 0 + 25 + 45
		if s.Requests() != 1195 || s.Lag.Max() > 1 || !s.Valid() || s.Duration() > 30*sec+100*ms || p.MaxDuration() != 35*sec {
			t.Errorf("%d requests in %s, lag up to %d us, %s %s", s.Requests(), s.Duration(), s.Lag.Max(), s.Result, s.Reason)
		}
		if s.UsersPeak != 11 || p.Users() != 50 || s.Asked != 0 {
			t.Errorf("%d users of %d, want 11 for 120 requests a second of 90 ms", s.UsersPeak, p.Users())
		}
	})
}
