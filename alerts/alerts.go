// Package alerts renders what on-call works with from the objectives of a configuration: the Prometheus rules, the
// promtool tests of those rules and the runbook pages. The files shipped beside it are this rendering of the shipped
// perfwatch.yml, so that no threshold is written twice.
package alerts

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/operator"
)

// Options say how rules are rendered. The zero value is what the shipped files use.
type Options struct {
	// ExternalURL is where people reach perfwatch; it starts each runbook_url. Default http://localhost:10095.
	ExternalURL string
	// GrafanaURL is where people reach Grafana; it starts each dashboard_url. Default http://localhost:3000.
	GrafanaURL string
	// For is how long a breach must hold before its alert fires. Default 2m: the window already smooths, so that this
	// only has to outlast a value that crosses its threshold to and fro. It is also how long a probe must fail, and
	// perfwatch or a Redis be away, before somebody is paged.
	For time.Duration
	// KeepFiringFor is how long an alert outlives its cause. Default 5m: a restart of perfwatch or a value that hovers
	// at its threshold must not resolve and page again.
	KeepFiringFor time.Duration
	// Interval is how often the rules are evaluated. Default 15s, as the probes of the shipped configuration.
	Interval time.Duration
	// Resource is what a PrometheusRule is found by. Its default name is perfwatch.
	Resource operator.Metadata

	panels map[string]int // PanelIDs of what is rendered
}

// of fills in what is not set, and knows where objectives are drawn.
func (o Options) of(objectives []objective.Objective) Options {
	o = o.withDefaults()
	o.panels = PanelIDs(objectives)
	return o
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	o.ExternalURL = strings.TrimRight(cmp.Or(o.ExternalURL, "http://localhost:10095"), "/")
	o.GrafanaURL = strings.TrimRight(cmp.Or(o.GrafanaURL, "http://localhost:3000"), "/")
	o.For = cmp.Or(o.For, 2*time.Minute)
	o.KeepFiringFor = cmp.Or(o.KeepFiringFor, 5*time.Minute)
	o.Interval = cmp.Or(o.Interval, 15*time.Second)
	o.Resource.Name = cmp.Or(o.Resource.Name, "perfwatch")
	return o
}

// Rules are the rule groups of a configuration; Encode writes them as a file.
type Rules struct {
	groups   []group
	resource operator.Metadata
}

// A group is evaluated together, in order.
type group struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Rules    []rule         `yaml:"rules"`
}

// A rule is one alerting rule, or one recording rule.
type rule struct {
	comment       string // above the rule; may be empty
	Alert         string // or Record
	Record        string // level:metric:operation
	Expr          string
	For           time.Duration // 0 fires at the first evaluation
	KeepFiringFor time.Duration
	Labels        []pair
	Annotations   []pair
}

// A pair is a label or an annotation. A slice of them keeps its order, which a map would not.
type pair struct{ name, value string }

// Render makes the rules of a configuration: for each objective a pair of the same name at warning and critical, or one
// at info where only a target is set, and beside them the health of perfwatch and of what it watches, what becomes of error
// budgets, and trends.
func Render(objectives []objective.Objective, opts Options) Rules {
	opts = opts.of(objectives)
	judged, budgets := make([]rule, 0, 2*len(objectives)), []rule(nil)
	for i := range objectives {
		judged = append(judged, objectiveRules(&objectives[i], opts)...)
		if objectives[i].Budget > 0 {
			budgets = append(budgets, budgetRules(&objectives[i], opts)...)
		}
	}
	interval := model.Duration(opts.Interval)
	all := []group{
		{"perfwatch-objectives", interval, judged},
		{"perfwatch-health", interval, healthRules(opts)},
		{"perfwatch-budgets", model.Duration(recording), budgets},
		{"perfwatch-trends", model.Duration(recording), trendRules(opts)},
	}
	return Rules{slices.DeleteFunc(all, func(g group) bool { return len(g.Rules) == 0 }), opts.Resource}
}

// record makes one recording rule.
func record(name, expr string, labels ...pair) rule {
	return rule{Record: name, Expr: expr, Labels: labels}
}

// judged are the thresholds of an objective that have an alert: warning and critical, or the target alone where neither
// is set.
func judged(o *objective.Objective) []objective.Threshold {
	all := o.Thresholds()
	if o.Warning == nil && o.Critical == nil {
		return all
	}
	if o.Target != nil {
		return all[1:]
	}
	return all
}

// severity is what an alert at a level is labelled with.
func severity(l objective.Level) string {
	if l == objective.Target {
		return "info"
	}
	return string(l)
}

// objectiveRules makes one rule for each judged threshold of an objective.
func objectiveRules(o *objective.Objective, opts Options) []rule {
	rules := make([]rule, 0, 2)
	for _, t := range judged(o) {
		r := rule{
			Alert: o.AlertName(),
			Expr:  breach(o, t.Value),
			Labels: []pair{
				{"severity", severity(t.Level)},
				{"objective", o.Name},
			},
			Annotations: annotations(o, t, valueTemplate(o.Unit()), opts, templated),
		}
		if t.Level != objective.Target { // nobody is told of a target
			r.Annotations = append(r.Annotations, meanwhile(o)...)
		}
		// A burst or a run of a pipeline is judged when it ends, and its figure stands until the next: waiting would add nothing.
		if !o.Measure.OfLast() {
			r.For, r.KeepFiringFor = opts.For, opts.KeepFiringFor
		}
		if len(rules) == 0 {
			r.comment = comment(o)
		}
		rules = append(rules, r)
	}
	return rules
}
