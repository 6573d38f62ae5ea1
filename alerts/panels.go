package alerts

import (
	"cmp"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// Panels of objectives have ids from firstPanel up to twice as much, those of all others lower ones.
const firstPanel = 1 << 21

// boardOfBudgets is where every error budget is drawn.
const boardOfBudgets = "/d/perfwatch-budgets"

// PanelIDs are the ids of the panels on the overview that draw the objectives over time, by name. An id comes from the
// objective's name alone, so that a link to it survives a change of order; where two meet, the later in the file gives way.
func PanelIDs(objectives []objective.Objective) map[string]int {
	ids, taken := make(map[string]int, len(objectives)), map[int]bool{}
	for i := range objectives {
		id := panelID(objectives[i].Name)
		for taken[id] {
			id++
		}
		ids[objectives[i].Name], taken[id] = id, true
	}
	return ids
}

func panelID(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return firstPanel + int(h.Sum32()%(firstPanel/2))
}

// panelOf is where the panel of an objective is.
func panelOf(o *objective.Objective, opts Options) string {
	return "/d/perfwatch-overview?viewPanel=" + strconv.Itoa(cmp.Or(opts.panels[o.Name], panelID(o.Name)))
}

// panelOfHealth is where the panel of an alert is that belongs to no objective.
func panelOfHealth(alert string) string {
	board, panel := "overview", 201
	switch alert {
	case perfwatchDown, reloadFailed, watchdog, hostUnreadable, businessStale, targetFileBad:
		board, panel = "self", 603
	case browserMissing:
		board, panel = "self", 632
	case latencyAnomaly:
		board, panel = "trends", 1133
	case probeMissing:
		board, panel = "self", 601
	case certificateExpiry:
		board, panel = "api", 241
	case redisDown:
		board, panel = "cache", 401
	case postgresDown:
		board, panel = "database", 718
	case pgbouncerDown:
		board, panel = "database", 724
	case processDown:
		board, panel = "host", 524
	case burstAborted:
		board, panel = "bursts", 318
	case burstInvalid:
		board, panel = "bursts", 319
	case burstMissing:
		board, panel = "bursts", 305
	case regression:
		board, panel = "bursts", 320
	case pipelineLate, pipelineFailed, pipelineStuck, pipelineOverBudget, pipelinePredicted, pipelineOverlap:
		board, panel = "pipelines", 1001
	}
	return "/d/perfwatch-" + board + "?viewPanel=" + strconv.Itoa(panel)
}

// The records that dashboards draw.
const (
	BudgetLeft = remaining
	P95OfDay   = probeSeconds + ":p95_1d"
	P99OfDay   = probeSeconds + ":p99_1d"
	RecentMean = recentMean
	QuietMean  = smoothMean
	UpperBand  = upperBand
	LowerBand  = lowerBand
)

// When the alert of certificates fires: so long before the end of one.
const (
	CertificateWarning  = certificateWarning
	CertificateCritical = certificateCritical
)

// A Spending is a record of the part of bad events of an objective with a budget, over a window.
type Spending struct {
	Record   string
	Window   time.Duration
	Factor   float64 // of the burn-rate alert that looks at the window as its long one; 0 without
	Severity string  // of that alert
}

// Spendings are what rules record of how an objective spends its budget: over the long window of each of its burn-rate
// alerts, and over the time that the budget is for.
func Spendings(o *objective.Objective) []Spending {
	var all []Spending
	for _, b := range burns(o.Allowance()) {
		all = append(all, Spending{badRatio + short(b.long), b.long, b.factor, b.severity})
	}
	return append(all, Spending{Record: badRatio + short(o.Budget), Window: o.Budget})
}

// A board is a dashboard, or a panel of it, that a page leads to.
type board struct{ Title, Path, Shows string }

// boards are where to look when an objective is off: its own panel first.
func boards(o *objective.Objective, opts Options) []board {
	own := board{title(o) + " over time", panelOf(o, opts), "the value against its thresholds; above it, since when it is missed"}
	more := []board{{"Trends", "/d/perfwatch-trends", "what it was a day and a week ago"}}
	if o.Budget > 0 {
		more = append(more, board{"Error budgets", boardOfBudgets, "what is left of its budget, and how fast it goes"})
	}
	var topic board
	switch o.Measure {
	case objective.PromQL:
		topic = board{"Overview", "/d/perfwatch-overview", "what else is off"}
	case objective.Latency, objective.ErrorRatio:
		topic = board{"API", "/d/perfwatch-api", "rate, errors and latency by endpoint, and where the time goes"}
	case objective.PageFCP, objective.PageTTI:
		topic = board{"Pages", "/d/perfwatch-pages", "every page: paint, interactivity, weight and failures"}
	case objective.CacheHitRatio:
		topic = board{"Cache", "/d/perfwatch-cache", "lookups, keys that went and why, memory and clients"}
	case objective.CPUUsage, objective.MemoryUsage:
		topic = board{"Host", "/d/perfwatch-host", "the machine and the watched processes, with the peaks between two scrapes"}
	case objective.PipelineDuration:
		topic = board{"Pipelines", "/d/perfwatch-pipelines", "the stages of the run that goes on and of the last"}
	default:
		topic = board{"Bursts", "/d/perfwatch-bursts", "the last burst as a table, burst against burst, and what it cost the platform"}
	}
	return append([]board{own, topic}, more...)
}
