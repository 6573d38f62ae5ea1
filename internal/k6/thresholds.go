package k6

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// The metrics of the script. Those of setup are in none but the last.
const (
	responses = "perfwatch_response"     // trend of response times, milliseconds
	failed    = "perfwatch_failed"       // rate of requests that were not answered as expected
	succeeded = "perfwatch_succeeded"    // counter of those that were
	elapsed   = "perfwatch_elapsed"      // trend of instants of answers, milliseconds after the start
	unable    = "perfwatch_setup_failed" // rate of users whose setup failed
	dropped   = "dropped_iterations"     // k6's own: due, but no user was free
)

// A threshold is what k6 judges itself by.
type threshold struct {
	Threshold string `json:"threshold"`
	Abort     bool   `json:"abortOnFail,omitempty"`
	Delay     string `json:"delayAbortEval,omitempty"`
}

// maxDropped is the part of an open burst's requests that may be dropped: beyond it perfwatch calls a burst invalid.
const maxDropped = 0.001

// thresholds carries over the probe's objectives and when it aborts. It reports whether perfwatch_elapsed is needed.
func (x *exporter) thresholds(objectives []objective.Objective, o *options) (timed bool) {
	add := func(metric string, t threshold) { o.Thresholds[metric] = append(o.Thresholds[metric], t) }
	for i := range objectives {
		obj := &objectives[i]
		if obj.Probe != x.probe || !obj.Measure.OfBurst() {
			continue
		}
		metric, text := x.threshold(obj)
		if metric == "" {
			x.note("objective "+obj.Name, "k6 does not measure %s", obj.Measure)
			continue
		}
		timed = timed || metric == elapsed
		add(metric, threshold{Threshold: text})
	}
	const delay = "5s" // that of the sliding window
	abort := x.spec.Abort
	add(failed, threshold{"rate<=" + decimal(abort.MaxErrorRatio()), true, delay})
	if abort.LatencyP95 > 0 {
		add(responses, threshold{"p(95)<=" + decimal(milliseconds(abort.LatencyP95)), true, delay})
	}
	if len(x.spec.Setup) > 0 {
		add(unable, threshold{Threshold: "rate<=0.5", Abort: true})
	}
	if x.spec.OpenStages() != nil {
		due := x.spec.MostRequests() / float64(x.parallelism)
		add(dropped, threshold{Threshold: "count<=" + strconv.Itoa(int(due*maxDropped))})
	}
	return timed
}

// threshold is an objective as k6 has it; no metric if it has none. It is judged by the target, or the least of the
// others that is given.
func (x *exporter) threshold(o *objective.Objective) (metric, text string) {
	value := *cmp.Or(o.Target, o.Warning, o.Critical) // the configuration has one at least
	inMS := decimal(value * float64(time.Second/time.Millisecond))
	switch o.Measure {
	case objective.LoadLatency:
		return responses, fmt.Sprintf("p(%s)<=%s", decimal(o.Quantile*100), inMS)
	case objective.LoadLatencyMean:
		return responses, "avg<=" + inMS
	case objective.LoadErrorRatio:
		return failed, "rate<=" + decimal(value)
	case objective.LoadThroughput:
		if x.parallelism > 1 {
			x.note("objective "+o.Name, "each k6 judges its own part of the rate")
		}
		return succeeded, "rate>=" + decimal(value/float64(x.parallelism))
	case objective.LoadItemsRate:
		if len(x.spec.Matrix) > 0 {
			x.note("objective "+o.Name, "it is judged on this run, in perfwatch on the best of the matrix")
		}
		return succeeded, "rate>=" + decimal(value/x.spec.MostItems()/float64(x.parallelism))
	case objective.LoadDuration:
		return elapsed, "max<=" + inMS
	default:
		return "", ""
	}
}

// decimal writes a number without an exponent, to a millionth of it and less.
func decimal(v float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
