package collector

import "github.com/perfwatch/perfwatch/internal/objective"

// watchFamilies are what is known of the platform during the last burst.
func watchFamilies() []Family {
	process, redis := []string{"probe", "process"}, []string{"probe", "redis"}
	return []Family{
		{loadLastCPUPeak, gauge, process,
			"Highest CPU use between two samples (100 ms) during the last burst. Of a process 1 is one core; process \"\" is the " +
				"host, of which 1 is all cores. Absent before the first burst that watches it, as all of these."},
		{loadLastMemoryPeak, gauge, process,
			"Highest resident memory during the last burst; process \"\" is the host's memory in use."},
		{loadLastMemoryGrowth, gauge, process,
			"How fast the resident memory grew during the last burst: the median slope of all pairs of samples (Theil and Sen). " +
				"0 where it did not surely grow (Mann and Kendall, at 1 %). Absent after a burst too short to tell."},
		{loadLastMemoryLeak, gauge, process,
			"Growth of the resident memory that the last burst surely shows: the lower end of the slope's 95 % interval, and 0 where " +
				"it did not surely grow. Absent with fewer than 50 medians of samples, which is 5 s: no leak shown is not no leak."},
		{loadLastMemoryPerRequest, gauge, process,
			"Resident memory after the last burst less that before it, over its requests. Absent where the process was restarted."},
		{loadLastCPUSeconds, gauge, process,
			"CPU time during the last burst for a thousand of its requests, whatever it was spent on; process \"\" is the host."},
		{loadLastIdleCPUSeconds, gauge, process,
			"The part of it that would have been spent anyway: at the rate of as long a time just before the burst."},
		{loadLastHitRatio, gauge, redis,
			"Lookups of the last burst's time that found their key, whoever asked; redis \"\" is what the burst's own responses say of " +
				"caches (Cache-Status, X-Cache). Absent without lookups, and if Redis was away."},
		{loadLastLookups, gauge, redis,
			"Lookups of the last burst's time, whoever asked; redis \"\" is responses that said hit or miss. Absent if Redis was away."},
		{loadLastIdleHitRatio, gauge, redis, "The same of as long a time just before the burst."},
	}
}

// watched adds what the platform did during the burst; nil is nothing.
func (m *lastMetrics) watched(w *BurstWatch) {
	if w == nil {
		return
	}
	put := func(name string, v float64, ok bool, of string) {
		if ok {
			m.gauge(name, v, of)
		}
	}
	for i := range w.Processes {
		p := &w.Processes[i]
		putUsage(put, p)
		growth, ok := p.MemoryGrowth()
		put(loadLastMemoryGrowth, growth, ok, p.Name)
		leak, medians := p.MemoryLeak()
		put(loadLastMemoryLeak, leak, medians >= objective.LeakFloor, p.Name)
		each, ok := p.MemoryPerRequest()
		put(loadLastMemoryPerRequest, each, ok, p.Name)
	}
	if w.Host != nil {
		putUsage(put, w.Host)
	}
	for i := range w.Redis {
		r := &w.Redis[i]
		ratio, ok := r.Burst.HitRatio()
		put(loadLastHitRatio, ratio, ok, r.Name)
		put(loadLastLookups, r.Burst.Lookups(), r.Burst.Known, r.Name)
		ratio, ok = r.Idle.HitRatio()
		put(loadLastIdleHitRatio, ratio, ok, r.Name)
	}
}

func putUsage(put func(name string, v float64, ok bool, of string), w *Watched) {
	put(loadLastCPUPeak, w.Burst.CPUPeak, w.Burst.Samples > 1, w.Name)
	put(loadLastMemoryPeak, w.Burst.MemoryPeak, w.Burst.Samples > 0, w.Name)
	v, ok := w.CPUSecondsPerThousand()
	put(loadLastCPUSeconds, v, ok, w.Name)
	v, ok = w.IdleCPUSecondsPerThousand()
	put(loadLastIdleCPUSeconds, v, ok, w.Name)
}
