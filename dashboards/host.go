package dashboards

import "github.com/perfwatch/perfwatch/internal/config"

// drawHost shows the machine that perfwatch runs on, and the processes that it watches.
func drawHost(g *grid, cfg *config.Config) {
	if cfg.Host.Enabled {
		g.row(500, "Host")
		addUsage(g, cfg)
		g.add(8, 8, series(503, "Load", "Processes that run or wait to, the mean of a minute, and how many can run at once.", "short",
			query{`max by (instance) (perfwatch_host_load1)`, "{{instance}}"},
			query{`max by (instance) (perfwatch_host_cpus)`, "{{instance}} CPUs"}))
		for i, h := range []struct{ title, metric string }{{"CPU", "cpu"}, {"Memory", "memory"}} {
			g.add(12, 8, heatmap(511+i, h.title+" in samples of 100 ms",
				"How many samples were how high: short peaks that no scrape sees.",
				"percentunit", histogram{"perfwatch_host_" + h.metric + "_usage_sample_ratio", "", "$__rate_interval"}.buckets()))
		}
	}
	if cfg.Host.Enabled {
		addDetails(g)
	}
	if len(cfg.Processes) > 0 {
		addProcesses(g)
	}
}

// addDetails shows what the machine waits for, and what goes to its disks and its network.
func addDetails(g *grid) {
	rate := func(metric, by string) string {
		return `max by (` + by + `) (rate(perfwatch_host_` + metric + `[$__rate_interval]))`
	}
	g.row(530, "Waits, disks and network")
	g.add(8, 8, series(531, "Pressure",
		"Part of the time in which some tasks, or all at once, waited for CPU, memory or disks. It rises before the machine is full.",
		"percentunit", query{rate("pressure_seconds_total", "resource, kind"), "{{resource}} {{kind}}"}).ofOne())
	g.add(8, 8, series(532, "Disks", "Bytes a second that each disk read and wrote.", "binBps",
		query{rate("disk_read_bytes_total", "device"), "{{device}} read"},
		query{rate("disk_written_bytes_total", "device"), "{{device}} written"}))
	g.add(8, 8, series(533, "Disks at work", "Part of the time in which each disk had something to do.", "percentunit",
		query{rate("disk_busy_seconds_total", "device"), "{{device}}"}).ofOne())
	g.add(8, 8, series(534, "CPU by mode", "Cores in each mode. Steal is what other machines on the same hardware took.", "short",
		query{rate("cpu_seconds_total", "mode"), "{{mode}}"}).stacked())
	g.add(8, 8, series(535, "Network", "Bytes a second that each device received and sent.", "binBps",
		query{rate("network_received_bytes_total", "device"), "{{device}} received"},
		query{rate("network_sent_bytes_total", "device"), "{{device}} sent"}))
	g.add(8, 8, series(536, "Packets lost", "Packets a second that each device dropped, and its errors.", "ops",
		query{rate("network_dropped_packets_total", "device"), "{{device}} dropped"},
		query{rate("network_errors_total", "device"), "{{device}} errors"}))
}

func addProcesses(g *grid) {
	now := func(metric string) string {
		return `max by (process) (perfwatch_process_` + metric + `{process=~"$process"})`
	}
	g.row(520, "Processes")
	g.add(8, 8, series(521, "CPU of processes", "Cores in use, and the highest 100 ms of the last minute.", "short",
		query{`max by (process) (rate(perfwatch_process_cpu_seconds_total{process=~"$process"}[$__rate_interval]))`, "{{process}}"},
		query{now("cpu_usage_peak_ratio"), "{{process}} peak"}))
	g.add(8, 8, series(522, "Memory of processes", "Resident memory with all descendants, and its peak of the last minute.", "bytes",
		query{now("resident_memory_bytes"), "{{process}}"}, query{now("resident_memory_peak_bytes"), "{{process}} peak"}))
	g.add(8, 8, series(523, "Threads and descriptors", "Threads and open file descriptors: what only grows is a leak.", "short",
		query{now("threads"), "{{process}} threads"}, query{now("open_fds"), "{{process}} descriptors"}))
	g.add(24, 5, timeline(524, "Processes found", "Whether each process was there.",
		query{`min by (process) (perfwatch_process_up{process=~"$process"})`, "{{process}}"},
		answering()))
}
