package baseline

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// For figures to a tenth of a percent: go test ./internal/baseline -run Simulated -v -timeout 1h -args -histories 200
var histories = flag.Int("histories", 0, "histories of 100 comparisons for each simulated platform; 0 is a few seconds' worth") //nolint:gochecknoglobals // a flag

// A platform answers with lognormal times, and its bursts differ from each other by a random scale.
type platform struct {
	spread    float64 // of the logarithm of a request's time: 0.5 puts the p95 at 2.3 times the p50
	between   float64 // of the logarithm of a burst's scale: 0.03 is 3 %
	memory    float64 // how much of its scale a burst has from the one before
	heavy     bool    // scales have Student's distribution with 3 degrees of freedom
	endpoints int     // that share 1,000 requests; each has its own median
}

// A world makes the bursts of a platform one after the other.
type world struct {
	platform
	random  *rand.Rand
	scale   float64
	history []Endpoint
}

func newWorld(p platform, random *rand.Rand) *world {
	w := &world{platform: p, random: random, scale: random.NormFloat64(), history: []Endpoint{{}}}
	for i := range p.endpoints {
		if p.endpoints > 1 {
			w.history = append(w.history, Endpoint{Name: string(rune('a' + i))})
		}
	}
	for range 75 {
		w.burst(1)
	}
	return w
}

// burst adds one whose requests take so many times as long.
func (w *world) burst(times float64) {
	w.scale = w.memory*w.scale + math.Sqrt(1-w.memory*w.memory)*w.random.NormFloat64()
	scale := w.scale * w.between
	if w.heavy {
		var chi float64
		for range 3 {
			v := w.random.NormFloat64()
			chi += v * v
		}
		scale /= math.Sqrt(chi) // which has a variance of 3 over 3
	}
	n := 1000 / w.endpoints
	all := make([]Count, 0, 1000)
	for e := range w.endpoints {
		median := 20_000 * math.Exp(0.3*float64(e)+scale) * times
		for range n {
			all = append(all, Count{int64(median * math.Exp(w.spread*w.random.NormFloat64())), 1})
		}
		if w.endpoints > 1 {
			w.add(e+1, all[e*n:])
		}
	}
	w.add(0, all)
}

func (w *world) add(e int, counts []Count) {
	h := &w.history[e]
	h.Bursts = append([]Burst{NewBurst(counts, 0, false)}, h.Bursts[:min(len(h.Bursts), MaxBursts-1)]...)
}

// compare judges the newest burst and keeps the verdict with it, as the archive does.
func (w *world) compare() (verdicts map[string]Verdict, claimed bool) {
	verdicts = Compare(w.history, w.random.Uint64())
	for i := range w.history {
		changed := verdicts[w.history[i].Name].Change != 0
		w.history[i].Bursts[0].changed = changed
		claimed = claimed || changed
	}
	return verdicts, claimed
}

// fork makes a world with the same past.
func (w *world) fork() *world {
	other := *w
	other.history = slices.Clone(w.history)
	for i := range other.history {
		other.history[i].Bursts = slices.Clone(other.history[i].Bursts)
	}
	return &other
}

// finds says whether five bursts that take so many times as long are found to be slower.
func (w *world) finds(times float64) bool {
	hit := false
	for range window {
		w.burst(times)
		verdicts, _ := w.compare()
		hit = hit || verdicts[""].Change == 1
	}
	return hit
}

// A rate of what happened.
type rate struct{ happened, of int }

func (r *rate) add(happened bool) {
	r.of++
	if happened {
		r.happened++
	}
}

func (r *rate) value() float64 { return float64(r.happened) / float64(r.of) }

// The figures: at most 1 false claim in 100 comparisons, and a median that is 10 % slower found within 5 bursts of
// 1,000 requests with a probability over 0.95, where bursts differ from each other by 3 %. The others show where it ends.
func TestSimulatedPlatforms(t *testing.T) {
	for _, tt := range []struct {
		name      string
		few       int // histories
		platform  platform
		mostFalse float64 // with what chance may add to 1 in 100 in so few comparisons, or what is known to be wrong
		found     float64
	}{
		{"bursts differ by 3 %", 12, platform{spread: 0.5, between: 0.03, endpoints: 1}, 0.01, 0.95},
		{"by 1 %, narrow", 2, platform{spread: 0.1, between: 0.01, endpoints: 1}, 0.015, 0.9},
		{"by 3 % with heavy tails", 3, platform{spread: 0.5, between: 0.03, heavy: true, endpoints: 1}, 0.015, 0.8},
		{"by 5 %", 3, platform{spread: 0.5, between: 0.05, endpoints: 1}, 0.015, 0.4},
		{"by 3 %, 14 endpoints", 1, platform{spread: 0.5, between: 0.03, endpoints: 14}, 0.02, 0.5},
		{"by 3 %, half from the one before", 3, platform{spread: 0.5, between: 0.03, memory: 0.5, endpoints: 1}, 0.05, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			var falsely, found, covered rate
			for range max(*histories, tt.few) {
				w := newWorld(tt.platform, random)
				for i := range 100 {
					w.burst(1)
					verdicts, claimed := w.compare()
					falsely.add(claimed)
					if v, ok := verdicts[""]; ok {
						covered.add(v.P50.Low <= 0 && v.P50.High >= 0)
					}
					if i%20 == 0 {
						found.add(w.fork().finds(1.1))
					}
				}
			}
			t.Logf("false claims %.4f of %d comparisons; 10 %% found within 5 bursts %.3f of %d; interval of p50 holds the truth %.3f",
				falsely.value(), falsely.of, found.value(), found.of, covered.value())
			if falsely.value() > tt.mostFalse {
				t.Errorf("false claims in %.4f, want at most %v", falsely.value(), tt.mostFalse)
			}
			if found.value() < tt.found {
				t.Errorf("found in %.3f, want at least %v", found.value(), tt.found)
			}
		})
	}
}
