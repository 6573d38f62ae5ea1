package dashboards

// scopeChoices are at the top of every dashboard: whose data it shows.
func scopeChoices() []variable {
	return []variable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1},
		labels("job", "Job", "label_values(perfwatch_config_last_reload_successful, job)"),
		labels("instance", "perfwatch", `label_values(perfwatch_config_last_reload_successful{job=~"$job"}, instance)`),
	}
}

// labels lets the reader choose among the values of a label; at first it is all of them.
func labels(name, label, query string) variable {
	return variable{
		Name: name, Label: label, Type: "query", Query: variableQuery{Query: query, RefID: name}, Definition: query,
		Datasource: source(), Refresh: 2, Sort: 1, Multi: true, IncludeAll: true,
		Current: &current{Text: []string{"All"}, Value: []string{"$__all"}},
	}
}

// probeChoices are groups and their probes, of the kinds that a matcher selects. All stands for the probes of the chosen
// groups.
func probeChoices(kinds string) []variable {
	return []variable{
		labels("group", "Group", scoped("label_values(perfwatch_probe_info{"+kinds+"}, group)")),
		labels("probe", "Probe", scoped(`label_values(perfwatch_probe_info{group=~"$group",`+kinds+`}, probe)`)),
	}
}

// Bursts and pages take far longer than single requests, and have dashboards of their own.
const (
	notBursts    = `kind!="load"`
	ofRequests   = `kind!~"load|page"`
	ofEndpoints  = `kind!~"load|page|sql"`
	ofPages      = `kind="page"`
	ofStatements = `kind="sql"`
)

// burstChoices are the load probes.
func burstChoices() []variable {
	return []variable{labels("probe", "Burst", scoped(`label_values(perfwatch_load_active, probe)`))}
}

// modelChoices are the load probes of models.
func modelChoices() []variable {
	const models = `label_values(perfwatch_probe_info{group="` + modelGroup + `",kind="load"}, probe)`
	return []variable{labels("probe", "Burst", scoped(models))}
}

func redisChoice() variable {
	return labels("redis", "Redis", scoped("label_values(perfwatch_redis_up, redis)"))
}

func postgresChoice() variable {
	return labels("postgres", "PostgreSQL", scoped("label_values(perfwatch_postgres_up, postgres)"))
}

func processChoice() variable {
	return labels("process", "Process", scoped("label_values(perfwatch_process_up, process)"))
}

// traces is where the traces of requests are kept, for the links of exemplars.
func traces() variable {
	return variable{Name: "traces", Label: "Traces", Type: "datasource", Query: "tempo", Refresh: 1}
}
