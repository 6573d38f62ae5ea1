package collector

import "slices"

// A Section is the metrics of one source.
type Section struct {
	Title    string
	Source   string // where their values come from, and when
	Families []Family
}

// Sections lists every metric that the program can expose beside those of client_golang on the process and the Go runtime
// (process_*, go_*), by source.
func Sections() []Section {
	const runs = "Runs of probes as they end."
	return []Section{
		{"perfwatch itself", "The daemon, as it reads its configuration and its sources.", daemonFamilies()},
		{"Objectives", "The configuration, and what the objectives have been fed in their windows.", objectiveFamilies()},
		{"Probes", runs, probeFamilies()},
		{"SQL probes", runs, sqlFamilies()},
		{"Journeys", runs, journeyFamilies()},
		{"Consistency probes", runs, consistencyFamilies()},
		{"Canaries", runs, canaryFamilies()},
		{"Pages", "Loads of pages in a browser as they end.", pageFamilies()},
		{"The browser", "The browser that loads pages.", browserFamilies()},
		{"Bursts", "Requests of bursts as they end, and the summary of each burst.", loadFamilies()},
		{"What a burst costs the platform", "The sources below, read at both ends of a burst and between.", watchFamilies()},
		{"Redis", "`INFO all`, once a second or as `interval` says; `LATENCY HISTOGRAM` each 5 s.", redisFamilies()},
		{"Host", "`/proc` and the cgroups, ten times a second or as `sample_interval` says.", hostFamilies()},
		{"Details of the host", "`/proc`, each 5 s.", hostDetailFamilies()},
		{"Processes", "`/proc` ten times a second, or the process's own page of metrics.", processFamilies()},
		{"PostgreSQL", "Its statistics views, each 5 s or as `interval` says.", postgresFamilies()},
		{"PgBouncer", "Its console, each 5 s or as `interval` says.", pgbouncerFamilies()},
		{"Business", "SQL, Redis commands or JSON, on schedules of their own.", businessFamilies()},
		{"Pipelines", "What their stages report.", pipelineFamilies()},
		{"Probes on demand", "One run, on the page of `/probe`.", targetFamilies()},
	}
}

// Families lists the metrics of all sections, but those of runs on demand, which have pages of their own.
func Families() (all []Family) {
	for _, s := range Sections() {
		if !slices.ContainsFunc(s.Families, func(f Family) bool { return f.Name == targetSuccess }) {
			all = append(all, s.Families...)
		}
	}
	return all
}
