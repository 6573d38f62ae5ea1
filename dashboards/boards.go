package dashboards

import (
	"slices"

	"github.com/perfwatch/perfwatch/internal/config"
)

// A topic is what one dashboard is about.
type topic struct {
	uid, title, description string
	from                    string     // the time range that it opens with
	choices                 []variable // beside data source, job and instance
	annotations             []annotation
	wanted                  func(*config.Config) bool // whether there is anything to show; nil for always
	draw                    func(*grid, *config.Config)
}

// topics are all dashboards, in the order of the list that every one of them links to.
func topics() []topic { return append(general(), special()...) }

// general are those of whatever is watched.
func general() []topic {
	return []topic{
		{
			uid: OverviewUID, title: "perfwatch overview", from: "now-3h", choices: probeChoices(notBursts), annotations: events(),
			description: "For whoever was just paged: what is missed, since when, and what else moved.",
			draw:        drawOverview,
		},
		{
			uid: "perfwatch-budgets", title: "perfwatch error budgets", from: "now-7d", choices: nil, annotations: events(),
			wanted:      hasBudgets,
			description: "What is left of each error budget, and how fast it goes.",
			draw:        drawBudgets,
		},
		{
			uid: "perfwatch-trends", title: "perfwatch trends", from: "now-24h", choices: append(probeChoices(ofRequests), beforeChoice()),
			annotations: events(),
			description: "Now beside a day or a week ago: what has become worse though it is met.",
			draw:        drawTrends,
		},
	}
}

// special are those of one kind of thing that is watched.
func special() []topic {
	return []topic{
		{
			uid: "perfwatch-api", title: "perfwatch API", from: "now-3h", choices: append(probeChoices(ofEndpoints), traces()),
			annotations: events(),
			description: "Rate, errors and duration of every endpoint, where its time goes, and what its caches say.",
			draw:        drawAPI,
		},
		{
			uid: "perfwatch-bursts", title: "perfwatch bursts", from: "now-24h", choices: append(burstChoices(), traces()),
			annotations: events(), wanted: hasBursts,
			description: "The last burst of each load probe, burst against burst, and how far bursts can be believed.",
			draw:        drawBursts,
		},
		{
			uid: "perfwatch-pages", title: "perfwatch pages", from: "now-24h", choices: probeChoices(ofPages), annotations: events(),
			wanted:      hasPages,
			description: "Pages in a real browser: when they are painted, when they are interactive, and what they weigh.",
			draw:        drawPages,
		},
		{
			uid: "perfwatch-cache", title: "perfwatch cache", from: "now-6h", choices: []variable{redisChoice()}, annotations: events(),
			wanted:      func(cfg *config.Config) bool { return len(cfg.Redis) > 0 },
			description: "What the caches answer: hit ratio, lookups, keys and their time to live, memory and clients.",
			draw:        drawCache,
		},
		{
			uid: "perfwatch-database", title: "perfwatch database", from: "now-6h",
			choices:     append(probeChoices(ofStatements), postgresChoice()),
			annotations: events(), wanted: hasDatabase,
			description: "Queries as their clients see them, and the servers: connections, waits, locks, transactions and caches.",
			draw:        drawDatabase,
		},
		{
			uid: "perfwatch-ml", title: "perfwatch ML", from: "now-24h", choices: modelChoices(), annotations: events(), wanted: hasModels,
			description: "Inference: latency, throughput by batch size, fairness between models, memory and cache.",
			draw:        drawML,
		},
		{
			uid: "perfwatch-pipelines", title: "perfwatch pipelines", from: "now-7d", choices: nil, annotations: events(),
			wanted:      func(cfg *config.Config) bool { return len(cfg.Pipelines) > 0 },
			description: "Runs of pipelines that report their own stages: due, at work, done, and by when.",
			draw:        drawPipelines,
		},
		{
			uid: "perfwatch-host", title: "perfwatch host", from: "now-3h", choices: []variable{processChoice()}, annotations: events(),
			wanted:      func(cfg *config.Config) bool { return cfg.Host.Enabled || len(cfg.Processes) > 0 },
			description: "CPU and memory of the machine and of the watched processes, with the peaks between two scrapes.",
			draw:        drawHost,
		},
		{
			uid: "perfwatch-self", title: "perfwatch itself", from: "now-6h", choices: nil, annotations: nil,
			description: "Whether perfwatch can be believed: runs that did not happen, late starts, collectors, and what it costs.",
			draw:        drawSelf,
		},
	}
}

// render makes the dashboard of a topic.
func (t *topic) render(cfg *config.Config) dashboard {
	var g grid
	t.draw(&g, cfg)
	return dashboard{
		UID: t.uid, Title: t.title, Description: t.description, Tags: []string{"perfwatch"},
		SchemaVersion: schemaVersion, GraphTooltip: 1, Refresh: "30s", Time: timeRange{From: t.from, To: "now"},
		Links: []link{
			{Title: "perfwatch", Type: "dashboards", Icon: "external link", Tags: []string{"perfwatch"}, AsDropdown: true,
				IncludeVars: true, KeepTime: true},
			{Title: "Status page", Type: "link", Icon: "external link", URL: cfg.Global.ExternalURL, TargetBlank: true, Tags: []string{}},
		},
		Annotations: annotations{List: append([]annotation{}, t.annotations...)},
		Templating:  templating{List: slices.Concat(scopeChoices(), t.choices)},
		Panels:      g.panels,
	}
}

// events mark what may explain a change: bursts of ours, restarts of the platform, new configurations of perfwatch, and
// deployments, which whoever deploys tells Grafana with the tag deploy.
func events() []annotation {
	ours := func(name, color, expr, text string) annotation {
		return annotation{Name: name, Datasource: source(), Enable: true, IconColor: color, Expr: scoped(expr), Step: "15s",
			TitleFormat: name, TextFormat: text}
	}
	reload := ours("Configuration", "blue", "perfwatch_config_last_reload_success_timestamp_seconds * 1000",
		"perfwatch read its configuration")
	reload.UseValueForTime = true
	return []annotation{
		ours("Bursts", "purple", "perfwatch_load_active == 1", "{{probe}}"),
		ours("Restarts", "orange", "changes(perfwatch_process_restarts_total[$__rate_interval]) > 0", "{{process}} was restarted"),
		reload,
		{Name: "Deployments", Datasource: &datasource{Type: "grafana", UID: "-- Grafana --"}, Enable: true, IconColor: "green",
			Target: &annotationTarget{Type: "tags", Tags: []string{"deploy"}, MatchAny: true, Limit: 100}},
	}
}

func hasBursts(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return p.Load != nil })
}

func hasPages(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return p.Page != nil })
}

func hasDatabase(cfg *config.Config) bool {
	return len(cfg.Postgres)+len(cfg.PgBouncer) > 0 || hasQueries(cfg)
}

func hasQueries(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return p.SQL != nil })
}

// modelGroup is the group of probes that ask models.
const modelGroup = "ml"

func hasModels(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return isModel(&p) })
}

func isModel(p *config.Probe) bool { return p.Group == modelGroup && p.Load != nil }

// isEndpoint says that a probe is neither a burst nor a page nor a query, as the choice ofEndpoints does.
func isEndpoint(p *config.Probe) bool { return p.Load == nil && p.Page == nil && p.SQL == nil }
