package load

import (
	"math"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/internal/cgroup"
)

// usage is what this process has used of its machine and was kept from using. Two readings and their difference say
// what happened in between.
type usage struct {
	cpu       time.Duration // user and system time of all threads
	throttled time.Duration // by the quota of a cgroup
	pause     time.Duration // the longest stop of the garbage collector; of a difference only

	pauses *metrics.Float64Histogram // in seconds; of a reading only
}

// gcPauses holds how long the garbage collector stopped all goroutines, from asking them to stop until they run.
const gcPauses = "/sched/pauses/total/gc:seconds"

// readUsage reads what cannot be read as zero, which invalidates nothing.
func readUsage() usage {
	sample := []metrics.Sample{{Name: gcPauses}}
	metrics.Read(sample)
	u := usage{cpu: processCPU(), throttled: cgroup.Of("").Throttled()}
	if sample[0].Value.Kind() == metrics.KindFloat64Histogram {
		u.pauses = sample[0].Value.Float64Histogram()
	}
	return u
}

// since is what was used from the earlier reading to this one.
func (u usage) since(before usage) usage {
	return usage{
		cpu: max(0, u.cpu-before.cpu), throttled: max(0, u.throttled-before.throttled),
		pause: longestPause(before.pauses, u.pauses),
	}
}

// longestPause is the upper bound of the highest bucket that has grown; the lower one where there is no upper.
func longestPause(before, after *metrics.Float64Histogram) time.Duration {
	if after == nil || before == nil || !slices.Equal(before.Buckets, after.Buckets) {
		return 0
	}
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] <= before.Counts[i] {
			continue
		}
		bound := after.Buckets[i+1]
		if math.IsInf(bound, 1) {
			bound = after.Buckets[i]
		}
		return time.Duration(bound * float64(time.Second))
	}
	return 0
}
