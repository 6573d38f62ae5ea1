package objective

import "slices"

// A Measure is what an objective is about.
type Measure string

// The measures that can be judged over a window.
const (
	Latency       Measure = "latency"         // a quantile of probe durations, seconds
	ErrorRatio    Measure = "error_ratio"     // failed runs over all runs
	CacheHitRatio Measure = "cache_hit_ratio" // Redis keyspace hits over lookups
	CPUUsage      Measure = "cpu_usage"       // host CPU in use, mean over the window
	MemoryUsage   Measure = "memory_usage"    // host memory in use, mean over the window
)

// The measures of page loads. One run of a page says little, so that they are the median of the window.
const (
	PageFCP Measure = "page_fcp" // first contentful paint, seconds
	PageTTI Measure = "page_tti" // time to interactive, seconds
)

// Median is the quantile of the measures of pages.
const Median = 0.5

// The measures of the last valid burst of a load probe. Those of memory are of the processes that it watches, and the
// hit ratio is of its Redis servers and of what the responses say of caches; of several the worst one counts.
const (
	LoadUsers            Measure = "load_users"              // most concurrent users
	LoadThroughput       Measure = "load_throughput"         // requests a second that succeeded
	LoadErrorRatio       Measure = "load_error_ratio"        // failed requests over all requests
	LoadLatency          Measure = "load_latency"            // a quantile of response times, seconds
	LoadLatencyMean      Measure = "load_latency_mean"       // mean response time, seconds
	LoadDuration         Measure = "load_duration"           // start to the last answer, seconds
	LoadItemsRate        Measure = "load_items_rate"         // items a second, as the burst declares them
	LoadMemoryPeak       Measure = "load_memory_peak"        // highest resident memory, bytes
	LoadMemoryPerRequest Measure = "load_memory_per_request" // resident memory gained for each request, bytes
	LoadMemoryLeak       Measure = "load_memory_leak"        // growth that resident memory surely shows, bytes a second
	LoadCacheHitRatio    Measure = "load_cache_hit_ratio"    // lookups that found their key, responses that came from a cache
)

// PipelineDuration is how long the last run of a pipeline that succeeded took, seconds.
const PipelineDuration Measure = "pipeline_duration"

// PromQL is whatever the objective's own query gives. It is judged by Prometheus alone.
const PromQL Measure = "promql"

// Measures lists every measure in the order of the documentation.
func Measures() []Measure {
	return append([]Measure{
		Latency, ErrorRatio, PageFCP, PageTTI, CacheHitRatio, CPUUsage, MemoryUsage, PipelineDuration, PromQL,
	}, BurstMeasures()...)
}

// BurstMeasures lists those that are judged on the last burst and not over a window.
func BurstMeasures() []Measure {
	return []Measure{
		LoadUsers, LoadThroughput, LoadErrorRatio, LoadLatency, LoadLatencyMean, LoadDuration, LoadItemsRate,
		LoadMemoryPeak, LoadMemoryPerRequest, LoadMemoryLeak, LoadCacheHitRatio,
	}
}

// HigherIsBetter says on which side of its target a value of this measure is good. Of PromQL the objective says it.
func (m Measure) HigherIsBetter() bool {
	return slices.Contains([]Measure{CacheHitRatio, LoadUsers, LoadThroughput, LoadItemsRate, LoadCacheHitRatio}, m)
}

// OfBurst says that the measure is judged on the last burst.
func (m Measure) OfBurst() bool { return slices.Contains(BurstMeasures(), m) }

// OfLast says that the measure is judged on the last of something, a burst or a run of a pipeline, and not over a window.
func (m Measure) OfLast() bool { return m.OfBurst() || m == PipelineDuration }

// OfPage says that the measure is of probes that load pages.
func (m Measure) OfPage() bool { return m == PageFCP || m == PageTTI }

// OverDurations says that the measure is a quantile of durations over a window.
func (m Measure) OverDurations() bool { return m == Latency || m.OfPage() }

// OfMemory says that the measure is of the processes that a burst watches.
func (m Measure) OfMemory() bool {
	return m == LoadMemoryPeak || m == LoadMemoryPerRequest || m == LoadMemoryLeak
}

// TakesQuantile says that an objective on the measure names a quantile.
func (m Measure) TakesQuantile() bool { return m == Latency || m == LoadLatency }

// Unit is the unit of the measure's values. Of PromQL the objective says it.
func (m Measure) Unit() Unit {
	switch m {
	case Latency, PageFCP, PageTTI, LoadLatency, LoadLatencyMean, LoadDuration, PipelineDuration:
		return Seconds
	case LoadUsers:
		return Count
	case LoadThroughput, LoadItemsRate:
		return PerSecond
	case LoadMemoryPeak, LoadMemoryPerRequest:
		return Bytes
	case LoadMemoryLeak:
		return BytesPerSecond
	default:
		return Ratio
	}
}
