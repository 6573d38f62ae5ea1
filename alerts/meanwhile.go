package alerts

import (
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// What a notification says where there was no burst, and where nobody asked a cache.
const (
	noBurst   = "none yet"
	noLookups = "no lookups"
)

// meanwhile are the annotations that say what else moved while an objective was off: the last burst and the caches, asked
// of Prometheus when the alert fires. An objective on one of them says so itself.
func meanwhile(o *objective.Objective) []pair {
	var all []pair
	if !o.Measure.OfBurst() {
		all = append(all, pair{"last_burst", lastBurst()})
	}
	if o.Measure != objective.CacheHitRatio {
		all = append(all, pair{"cache", cacheHits(o.Window)})
	}
	return all
}

// lastBurst is the template of: investor_journey, 2m 3s ago, 46.1/s, 0.2% errors, p95 320ms.
func lastBurst() string {
	const ended = "perfwatch_load_last_timestamp_seconds"
	figure := func(expr, text string) string {
		return fmt.Sprintf("{{ with printf `%s` $probe | query }}%s{{ end }}", expr, text)
	}
	return "{{ with query `topk(1, max by (probe) (" + ended + "))` }}{{ $probe := . | first | label `probe` }}{{ $probe }}" +
		figure("time() - max("+ended+"{probe=%q})", ", {{ . | first | value | humanizeDuration }} ago") +
		figure("min(perfwatch_load_last_throughput_requests_per_second{probe=%q})", ", {{ . | first | value | printf `%.3g` }}/s") +
		figure("max(perfwatch_load_last_error_ratio{probe=%q})", ", {{ . | first | value | humanizePercentage }} errors") +
		figure("max("+lastLatency+"{probe=%q,endpoint='',quantile='0.95'})", ", p95 {{ . | first | value | humanizeDuration }}") +
		figure("min("+lastValid+"{probe=%q}) == 0", ", not valid") +
		"{{ else }}" + noBurst + "{{ end }}"
}

// cacheHits is the template of: cache 82.1% hits over the last 5m, of each Redis. The figure of a burst has no window of
// its own.
func cacheHits(window time.Duration) string {
	if window == 0 {
		window = 5 * time.Minute
	}
	of := func(what string) string {
		return "sum by (redis) (" + rate("perfwatch_redis_keyspace_"+what+"_total", "", window) + ")"
	}
	expr := of("hits") + " / (" + of("hits") + " + " + of("misses") + " > 0)"
	return "{{ range $i, $r := query `" + expr + "` | sortByLabel `redis` }}{{ if $i }}, {{ end }}" +
		"{{ .Labels.redis }} {{ .Value | humanizePercentage }} hits over the last " + short(window) +
		"{{ else }}" + noLookups + "{{ end }}"
}
