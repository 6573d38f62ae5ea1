package load

import (
	"math"
	"runtime/metrics"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestReasonsNotToBelieveABurst(t *testing.T) {
	const ms = time.Millisecond
	half := []Leaf{{Endpoint: "a", Share: 0.5}, {Endpoint: "b", Share: 0.5}}
	uneven := []Leaf{{Endpoint: "a", Share: 0.2}, {Endpoint: "b", Share: 0.2}, {Endpoint: "c", Share: 0.6}}
	tests := []struct {
		name string
		e    evidence
		want string
		of   []Doubt
	}{
		{"nothing was due", evidence{}, "", nil},
		{"on time", evidence{sent: 6000, lagP99: 3 * ms}, "", nil},
		{"lag at its bound", evidence{sent: 6000, lagP99: 100 * ms}, "", nil},
		{"lag over its bound", evidence{sent: 6000, lagP99: 101 * ms}, "99th percentile of lag 101ms, want at most 100ms", []Doubt{OfLag}},
		{"dropped at its bound", evidence{sent: 5994, dropped: 6}, "", nil},
		{"dropped over its bound", evidence{sent: 5993, dropped: 7}, "7 of 6000 requests dropped, want at most 0.1 %: no user was free", []Doubt{OfDropped}},
		{"one of few", evidence{sent: 99, dropped: 1}, "1 of 100 requests dropped, want at most 0.1 %: no user was free", []Doubt{OfDropped}},
		{"none sent", evidence{dropped: 5}, "5 of 5 requests dropped, want at most 0.1 %: no user was free", []Doubt{OfDropped}},
		{"busy at its bound", evidence{used: usage{cpu: 16 * time.Second}}, "", nil},
		{"busy over its bound", evidence{used: usage{cpu: 17 * time.Second}}, "perfwatch used 85 % of its 2 processors, want at most 80 %", []Doubt{OfBusy}},
		{"starved at its bound", evidence{starved: 50 * ms}, "", nil},
		{"starved over its bound", evidence{starved: 51 * ms},
			"starved of CPU: 99th percentile of a wake-up 51ms late, want at most 50ms", []Doubt{OfStarved}},
		{"throttled at its bound", evidence{used: usage{throttled: 100 * ms}}, "", nil},
		{"throttled over its bound", evidence{used: usage{throttled: 101 * ms}},
			"throttled by its cgroup for 101ms, want at most 1 % of the burst", []Doubt{OfThrottled}},
		{"a pause at its bound", evidence{used: usage{pause: 20 * ms}}, "", nil},
		{"a pause over its bound", evidence{used: usage{pause: 21 * ms}}, "garbage collection paused for 21ms, want at most 20ms", []Doubt{OfPause}},
		{"the mix kept", evidence{leaves: half, counts: []uint64{500, 500}}, "", nil},
		{"one request off", evidence{leaves: half, counts: []uint64{2, 1}}, "", nil},
		{"the mix at its bound", evidence{leaves: half, counts: []uint64{506, 494}}, "", nil},
		{"the mix off", evidence{leaves: half, counts: []uint64{507, 493}}, `"a" is 0.7 points off its share, want at most 0.5`, []Doubt{OfMix}},
		{"the worst of a mix", evidence{leaves: uneven, counts: []uint64{240, 100, 660}},
			`"b" is 10.0 points off its share, want at most 0.5`, []Doubt{OfMix}},
		{"no mix promised", evidence{counts: []uint64{9, 1}}, "", nil},
		{"no requests, no mix", evidence{leaves: half, counts: []uint64{0, 0}}, "", nil},
		{"two at once", evidence{sent: 9, dropped: 1, lagP99: time.Second},
			"1 of 10 requests dropped, want at most 0.1 %: no user was free; 99th percentile of lag 1s, want at most 100ms", []Doubt{OfDropped, OfLag}},
	}
	for _, tt := range tests {
		tt.e.wall, tt.e.processors = 10*time.Second, 2
		if got, of := tt.e.reason(); got != tt.want || !slices.Equal(of, tt.of) {
			t.Errorf("%s: %q of %v, want %q of %v", tt.name, got, of, tt.want, tt.of)
		}
	}
	if got, _ := (&evidence{used: usage{cpu: time.Second, throttled: time.Second}}).reason(); got != "" {
		t.Errorf("a burst of no time: %q, want nothing", got)
	}
}

// TestBurstIsInvalidWhereItsMachineWas injects what the process used between the start and the end.
func TestBurstIsInvalidWhereItsMachineWas(t *testing.T) {
	before := usage{cpu: time.Hour, throttled: time.Minute, pauses: pauses(1, 0, 0)}
	for _, tt := range []struct {
		name  string
		after usage
		want  Result
	}{
		{"idle", before, Completed},
		{"throttled", usage{cpu: time.Hour, throttled: 61 * time.Second, pauses: before.pauses}, Invalid},
		{"busy", usage{cpu: 100 * time.Hour, throttled: time.Minute, pauses: before.pauses}, Invalid},
		{"paused", usage{cpu: time.Hour, throttled: time.Minute, pauses: pauses(1, 1, 0)}, Invalid},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, Spec{Users: 1, Duration: 10 * time.Second}, after(time.Second))
			readings := []usage{before, tt.after}
			p.usage = func() usage {
				u := readings[0]
				readings = readings[1:]
				return u
			}
			if s := Run(t.Context(), p, &log{}); s.Result != tt.want || (s.Reason == "") != (tt.want == Completed) {
				t.Errorf("%s: %s because of %q, want %s", tt.name, s.Result, s.Reason, tt.want)
			}
		})
	}
}

// pauses has so many pauses up to 1 ms, up to 1 s and longer.
func pauses(short, long, longest uint64) *metrics.Float64Histogram {
	return &metrics.Float64Histogram{Counts: []uint64{short, long, longest}, Buckets: []float64{0, 0.001, 1, math.Inf(1)}}
}

func TestLongestPauseIsOfTheTimeBetween(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after *metrics.Float64Histogram
		want          time.Duration
	}{
		{"none", pauses(3, 2, 1), pauses(3, 2, 1), 0},
		{"a short one", pauses(3, 2, 1), pauses(4, 2, 1), time.Millisecond},
		{"the longer of two", pauses(3, 2, 1), pauses(4, 3, 1), time.Second},
		{"without an upper bound", pauses(3, 2, 1), pauses(3, 2, 2), time.Second},
		{"not known before", nil, pauses(1, 0, 0), 0},
		{"not known after", pauses(1, 0, 0), nil, 0},
	} {
		if got := longestPause(tt.before, tt.after); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestUsageOfThisProcessGrows(t *testing.T) {
	before := readUsage()
	for before.cpu == readUsage().cpu { // until the clock of CPU time ticks
	}
	used := readUsage().since(before)
	if used.cpu <= 0 || used.cpu > time.Minute || used.throttled < 0 || before.pauses == nil {
		t.Errorf("%+v since %+v, want some CPU time and a histogram of pauses", used, before)
	}
}
