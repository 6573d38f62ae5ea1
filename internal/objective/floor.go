package objective

import (
	"math"
	"slices"
)

const (
	// samplesBeyond is how many samples must lie beyond a quantile before it is judged: p95 needs 200, p99 1,000.
	samplesBeyond = 10
	// meanFloor is the least number of requests behind a mean: one more moves it by a tenth of its own distance at most.
	meanFloor = 10
	// pageFloor is the least number of page loads behind a median: two of five may be far off. A page is loaded every few
	// minutes, so that the ten beyond a quantile would take hours.
	pageFloor = 5
	// ratioFloor is the least number of events behind a cache hit ratio, so that one more moves it by a point at most; of
	// 100 ms samples behind a mean of the host, which is 10 s; and of requests behind the memory that each of them took,
	// which comes in pages.
	ratioFloor = 100
	// LeakFloor is how many medians of a process's memory, of one sample or more each, must be there before a missing
	// trend means anything: all that internal/trend looks at, which is 5 s of samples at 100 ms.
	LeakFloor = 50
)

// Floor is how many samples there must be before the objective is judged: in its window, or in the burst. A quantile
// needs ten samples beyond it. An error ratio needs as many runs as make one failure alone no more than its lowest
// threshold. What is one figure of a whole burst, as its throughput, needs that burst.
func (o *Objective) Floor() int {
	switch o.Measure {
	case Latency, LoadLatency:
		return int(math.Ceil(samplesBeyond/min(o.Quantile, 1-o.Quantile) - 1e-9))
	case PageFCP, PageTTI:
		return pageFloor
	case ErrorRatio, LoadErrorRatio:
		return o.errorFloor()
	case LoadLatencyMean:
		return meanFloor
	case LoadMemoryLeak:
		return LeakFloor
	case LoadUsers, LoadThroughput, LoadDuration, LoadItemsRate, LoadMemoryPeak, PipelineDuration, PromQL:
		return 1
	default:
		return ratioFloor
	}
}

func (o *Objective) errorFloor() int {
	lowest := math.Inf(1)
	for _, t := range o.Thresholds() {
		lowest = min(lowest, t.Value)
	}
	if lowest <= 0 || math.IsInf(lowest, 1) {
		return 1
	}
	return int(math.Ceil(1/lowest - 1e-9))
}

// OfRequests says that the samples of the objective are the requests of its burst.
func (o *Objective) OfRequests() bool {
	return slices.Contains([]Measure{LoadLatency, LoadLatencyMean, LoadErrorRatio, LoadMemoryPerRequest}, o.Measure)
}
