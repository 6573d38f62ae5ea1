package collector

import (
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// A Family is one metric of the program.
type Family struct {
	Name   string
	Type   dto.MetricType
	Labels []string // in the order in which values are given; without those that Prometheus adds
	Help   string
}

// The types of families.
const (
	counter   = dto.MetricType_COUNTER
	gauge     = dto.MetricType_GAUGE
	histogram = dto.MetricType_HISTOGRAM
	summary   = dto.MetricType_SUMMARY
)

func daemonFamilies() []Family {
	return []Family{
		{buildInfo, gauge, []string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
			"Always 1; its labels say which build this is."},
		{configReloadSuccessful, gauge, nil, "Whether the last configuration that was read was good: 1 or 0."},
		{configReloadTimestamp, gauge, nil,
			"When the running configuration was read. Absent until one is."},
		{configHashInfo, gauge, []string{"hash"},
			"Always 1; its label is the hash of the running configuration. Absent until one is read."},
		{targetFileUp, gauge, []string{"file"},
			"Whether a file of targets was good when it was read last: 1 or 0. At 0 the targets that it gave before are still asked."},
		{targetFileTargets, gauge, []string{"file"}, "Targets that a file gives, those of the last good reading."},
		{storageSetAside, counter, nil,
			"Files in the storage that could not be read and were set aside, under their name and .corrupt."},
		{scrapeDuration, gauge, []string{"collector"},
			"How long a collector's last reading of its source took. Readings run beside scrapes. Absent before the first."},
		{scrapeSuccess, gauge, []string{"collector"},
			"Whether a collector's last reading of its source worked: 1 or 0. Absent before the first."},
	}
}

func objectiveFamilies() []Family {
	return []Family{
		{objectiveThreshold, gauge, []string{"objective", "level"},
			"Thresholds of an objective in the base unit of its measure; level is target, warning or critical. " +
				"For drawing: rules carry literals."},
		{objectiveValue, gauge, []string{"objective"},
			"Value of an objective over its window, in the base unit of its measure. Absent without data."},
		{objectiveSamples, gauge, []string{"objective"}, "Samples behind the value of an objective."},
		{objectiveMet, gauge, []string{"objective"},
			"Whether an objective is met: 1 or 0. Absent while samples are too few to judge."},
	}
}

func probeFamilies() []Family {
	return []Family{
		{probeInfo, gauge, []string{"probe", "group", "kind"}, "Always 1; its labels say what a probe is."},
		{probeLabel, gauge, []string{"probe", "label", "value"},
			"Always 1; a label that the configuration gives to one target of a probe. The label target is the target itself."},
		{probeInterval, gauge, []string{"probe"}, "Shortest time between two runs that a probe's schedule gives."},
		{probeSuccess, gauge, []string{"probe"}, "Whether the last run succeeded: 1 or 0. Absent before the first."},
		{probeRuns, counter, []string{"probe", "outcome"},
			"Runs by how they ended. canceled is perfwatch stopping a run itself; such a run is in no other series."},
		{probeSkipped, counter, []string{"probe", "reason"}, "Runs that were due and did not happen, by why."},
		{probeConsecutiveFailures, gauge, []string{"probe"}, "How many of the last runs failed in a row; 0 after a success."},
		{probeDuration, histogram, []string{"probe", "group"},
			"Time of a whole request to its last byte, or to its failure. Failures count too: a timeout at the time it took."},
		{probePhaseDuration, histogram, []string{"probe", "phase"},
			"Time of one phase of a request. A phase that did not happen, as connect on a kept connection, has no observation; one that " +
				"never did has no series."},
		{probeScheduleLag, histogram, nil, "How late runs were started after the instant that their schedule intended."},
		{probeLastRun, gauge, []string{"probe"}, "When the last run ended. Absent before the first."},
		{probeOverdue, gauge, []string{"probe"},
			"From when on a probe has stopped running: the third instant at which it is due after its last run ended, or after it was " +
				"first planned, and the time that a run may take. Absent for bursts, and where it is never due so often."},
		{probeLastSuccess, gauge, []string{"probe"}, "When the last successful run ended. Absent before the first."},
		{httpStatusCode, gauge, []string{"probe"}, "HTTP status of the last run. Absent when it got no response."},
		{httpResponseBytes, gauge, []string{"probe"},
			"Body bytes of the last run as they came off the wire. Absent when it got no response."},
		{httpCacheResponses, counter, []string{"probe", "endpoint", "result"},
			"Responses by what they say of caches on their way: hit, miss, bypass or unknown, by Cache-Status, X-Cache, " +
				"CF-Cache-Status or Age. Absent until an endpoint's response has one of these. " +
				"endpoint is the name of the probe, or the task of a burst."},
		{httpServerTiming, histogram, []string{"probe", "endpoint", "metric"},
			"What servers say in Server-Timing of the time that parts of their work took; metric is their name for it. " +
				"The names in server_timing, or the first 8 met by each endpoint. Absent until one is met."},
		{tlsCertificateNotAfter, gauge, []string{"probe"},
			"Earliest expiry in the certificate chain that the server sent last. Absent without TLS."},
	}
}

func sqlFamilies() []Family {
	return []Family{
		{sqlQueryDuration, histogram, []string{"probe", "query"},
			"Time of one query of a probe of the kind sql, from its sending to its last row or its failure."},
		{sqlConnections, gauge, []string{"probe", "state"},
			"Connections that an sql probe held when its last run ended; state is in_use or idle."},
		{sqlConnectionsOpened, counter, []string{"probe"}, "Connections that an sql probe opened: logins that worked."},
	}
}

func loadFamilies() []Family {
	return []Family{
		{loadActive, gauge, []string{"probe"}, "Whether a burst runs now: 1 or 0."},
		{loadUsers, gauge, []string{"probe"}, "Users of a burst that run now."},
		{loadRequests, counter, []string{"probe", "task", "endpoint", "outcome"},
			"Requests of bursts by how they ended; task is the top of the task tree. canceled is perfwatch ending a burst."},
		{loadResponse, histogram, []string{"probe", "endpoint"},
			"Time from the instant a request was due to its last byte. The service time where no instant is due (closed model)."},
		{loadService, histogram, []string{"probe", "endpoint"}, "Time from the instant a request was sent to its last byte."},
		{loadBursts, counter, []string{"probe", "result"},
			"Bursts by result. invalid is a burst whose figures say more of perfwatch than of the platform."},
		{loadAborts, counter, []string{"probe", "reason"}, "Bursts that ended before their time, by why."},
		{loadInvalid, counter, []string{"probe", "reason"},
			"Bursts whose figures say more of perfwatch than of the platform, by why. One may have several reasons."},
		{loadOverdue, gauge, []string{"probe"},
			"From when on a burst is missing: the third instant at which it is due after the last one ended, or after it was first " +
				"planned, and the time that it may take. Blackouts are left out. Absent where it is never due so often."},
		{loadDropped, counter, []string{"probe"}, "Requests that were due while no user was free to send them."},
		{loadLastLatency, summary, []string{"probe", "endpoint"},
			"Response times of the last burst, exact to three digits; endpoint \"\" is all of them. " +
				"Count and sum are those of one burst. Absent before the first."},
		{loadLastThroughput, gauge, []string{"probe"}, "Requests that succeeded a second in the last burst. Absent before the first."},
		{loadLastErrorRatio, gauge, []string{"probe"},
			"Failed requests over all requests of the last burst, canceled ones left out. Absent before the first."},
		{loadLastUsersPeak, gauge, []string{"probe"}, "Most concurrent users of the last burst. Absent before the first."},
		{loadLastInFlightPeak, gauge, []string{"probe"}, "Most requests in flight at once in the last burst. Absent before the first."},
		{loadLastDuration, gauge, []string{"probe"}, "How long the last burst took. Absent before the first."},
		{loadLastTimestamp, gauge, []string{"probe"}, "When the last burst ended. Absent before the first."},
		{loadRegression, gauge, []string{"probe", "endpoint"},
			"Whether the newest bursts were slower (1) or faster (-1) than the earlier valid ones of the same configuration, or no " +
				"change is shown (0). Absent while there are too few."},
		{loadLastValid, gauge, []string{"probe"},
			"Whether the last burst ran to its end and can be believed: 1 or 0. Absent before the first."},
		{loadLastItems, gauge, []string{"probe"},
			"Items a second of the last burst, those of its requests that succeeded; of a matrix those of its best run. " +
				"Absent where nobody says how many items a request carries."},
		{loadLastRunItems, gauge, []string{"probe", "run"},
			"Items a second of each run of the last burst's matrix; requests a second where a request carries none. " +
				"run is the values of the variables."},
		{loadLastFairness, gauge, []string{"probe"},
			"How evenly the last burst's endpoints were served, by Jain's index over the requests of each that succeeded in a second " +
				"of its requests in flight: 1 is even, 1 over their number is one served alone. Absent where their shares differ."},
		{loadLastCapacity, gauge, []string{"probe"},
			"Highest rate that the last search of find_capacity found the platform to keep up with; 0 if none. Absent of other bursts."},
		{loadLastHeadroom, gauge, []string{"probe"},
			"That rate beyond the rate wanted, over the rate wanted: 1 is twice as much as is wanted, below 0 is too little."},
	}
}

func redisFamilies() []Family {
	return slices.Concat(redisCounterFamilies(), []Family{
		{redisNodes, gauge, []string{"redis"},
			"Nodes that a cluster or its sentinels name. Each has its own series, with its address as node, a label that others lack. " +
				"Absent of a single Redis, and before the first is found."},
		{redisUp, gauge, []string{"redis", "node"},
			"Whether the last INFO was answered: 1 or 0. A Redis that is loading its data is not up. Absent before the first."},
		{redisMemoryUsed, gauge, []string{"redis", "node"}, "Memory that Redis has allocated."},
		{redisMemoryMax, gauge, []string{"redis", "node"},
			"Memory that Redis may use (maxmemory). Absent when it is unlimited."},
		{redisMemoryFragmentation, gauge, []string{"redis", "node"},
			"Resident over allocated memory. Well above 1 is fragmentation, once Redis holds many megabytes; below 1 is swapping."},
		{redisConnectedClients, gauge, []string{"redis", "node"}, "Client connections, perfwatch's own included."},
		{redisBlockedClients, gauge, []string{"redis", "node"}, "Clients that wait in a blocking command."},
		{redisTrackingClients, gauge, []string{"redis", "node"},
			"Clients that are told of changes to keys which they keep themselves (CLIENT TRACKING). Absent before Redis 6."},
		{redisMemoryResident, gauge, []string{"redis", "node"}, "Memory of Redis as the operating system sees it."},
		{redisMemoryPeak, gauge, []string{"redis", "node"}, "Most memory that Redis has allocated since it started."},
		{redisHitRatio, gauge, []string{"redis", "node"},
			"Lookups that found their key over all lookups of the last five minutes. Absent without a lookup."},
		{redisReplicas, gauge, []string{"redis", "node"}, "Replicas that are online. Absent on a replica."},
		{redisReplicaLag, gauge, []string{"redis", "node"},
			"Of a master: how long ago the worst of its online replicas confirmed what it received, in whole seconds. Of a replica: " +
				"how long ago it heard of its master, which speaks each 10 s at least. Absent where it is not known."},
		{redisLinkUp, gauge, []string{"redis", "node"},
			"Whether a replica is connected to its master: 1 or 0. Absent on a master."},
		{redisDBKeys, gauge, []string{"redis", "node", "db"}, "Keys of a database. Absent for an empty database."},
		{redisDBExpiringKeys, gauge, []string{"redis", "node", "db"}, "Keys of a database that have a time to live."},
		{redisDBAverageTTL, gauge, []string{"redis", "node", "db"},
			"Mean time to live as Redis estimates it from samples. " +
				"Absent while there is no estimate, and on replicas, where it means nothing."},
		{redisInfo, gauge, []string{"redis", "node", "version", "role", "engine"},
			"Always 1; its labels say what answers. role is master, replica or unknown; engine is redis, valkey, keydb or dragonfly."},
	})
}

func redisCounterFamilies() []Family {
	return []Family{
		{redisKeyspaceHits, counter, []string{"redis", "node"},
			"Lookups that found their key, since perfwatch first read this Redis. " +
				"GET, MGET by key, EXISTS, TTL, TYPE, STRLEN, HGET and the like look up; INCR, DEL, EXPIRE and SETNX do not."},
		{redisKeyspaceMisses, counter, []string{"redis", "node"},
			"Lookups that found no key, since perfwatch first read this Redis."},
		{redisExpiredKeys, counter, []string{"redis", "node"},
			"Keys that died of their time to live, since perfwatch first read this Redis."},
		{redisEvictedKeys, counter, []string{"redis", "node"},
			"Keys thrown out for want of memory, since perfwatch first read this Redis."},
		{redisRejectedConnections, counter, []string{"redis", "node"},
			"Connections refused at maxclients, since perfwatch first read this Redis."},
		{redisRestarts, counter, []string{"redis", "node"},
			"How often another server process answered than before: restarts, and failovers behind one address."},
		{redisResets, counter, []string{"redis", "node"},
			"How often the counters of one server process were seen to fall: CONFIG RESETSTAT."},
		{redisProcessed, counter, []string{"redis", "node"},
			"Commands processed since perfwatch first read this Redis, perfwatch's own included."},
		{redisAccepted, counter, []string{"redis", "node"},
			"Connections accepted since perfwatch first read this Redis."},
		{redisLazyFreed, counter, []string{"redis", "node"},
			"Objects freed in the background, as UNLINK and FLUSHALL ASYNC do. Absent before Redis 6.2."},
		{redisCommands, counter, []string{"redis", "node", "command"},
			"Calls of one command, those that failed included. The first 50 commands have series, those that look up or invalidate from " +
				"the start; the others are other. Absent where INFO has no commandstats, as the next two."},
		{redisCommandDuration, histogram, []string{"redis", "node", "command"},
			"Time of calls of one command in the server, by LATENCY HISTOGRAM each 5 s (Redis 7; +latency|histogram). " +
				"Without it there are no buckets, but count and sum."},
		{redisErrors, counter, []string{"redis", "node", "error"},
			"Errors answered, by the first word of the answer. The first 32 have series, the others are other. Absent before the " +
				"first, and before Redis 6.2."},
	}
}

func hostFamilies() []Family {
	return []Family{
		{hostCPUUsage, gauge, nil,
			"CPU in use over all CPUs, mean of the last second. Idle and I/O wait are not use, time stolen by the hypervisor is. " +
				"Absent without a sample."},
		{hostCPUUsagePeak, gauge, nil,
			"Highest sample of CPU in use in the last minute. No scrape resets it. Absent without a sample."},
		{hostCPUUsageSample, histogram, nil,
			"Samples of CPU in use. The kernel counts ticks of 10 ms: at a sample each 100 ms one step is 10 % over the number of CPUs."},
		{hostMemoryUsage, gauge, nil,
			"Memory in use, 1 - available/total, mean of the last second. Absent without a sample."},
		{hostMemoryUsagePeak, gauge, nil,
			"Highest sample of memory in use in the last minute. No scrape resets it. Absent without a sample."},
		{hostMemoryUsageSample, histogram, nil, "Samples of memory in use."},
		{hostLoad1, gauge, nil, "Load average of one minute. Absent without a sample."},
		{hostCPUs, gauge, nil, "CPUs of the machine, or of the cgroup's quota where that is less. Absent without a sample."},
		{hostMemoryTotal, gauge, nil, "Memory of the machine, or the cgroup's limit where that is less. Absent without a sample."},
		{hostLimited, gauge, []string{"resource"},
			"Whether a cgroup leaves less of cpu or memory than the machine has, so that usage is of that: 1 or 0. " +
				"Absent without a sample."},
		{hostThrottled, counter, nil,
			"Time for which its quota has kept that cgroup from running, summed over its CPUs. Absent without a quota."},
		{hostAbove, counter, []string{"objective", "level"},
			"Time in which samples were above a threshold of an objective on CPU or memory. Absent without such an objective."},
	}
}

func processFamilies() []Family {
	return []Family{
		{processUp, gauge, []string{"process"}, "Whether the process was found and read: 1 or 0. Absent before the first reading."},
		{processCPU, counter, []string{"process"},
			"CPU time spent by the process and its descendants since perfwatch first looked, those that have ended included."},
		{processCPUPeak, gauge, []string{"process"},
			"Highest CPU use between two readings (100 ms; 5 s over a metrics_url) in the last minute; 1 is one core. " +
				"No scrape resets it. Absent without a reading."},
		{processCPUSample, histogram, []string{"process"},
			"CPU use between two readings, each of which is one observation; 1 is one core."},
		{processMemory, gauge, []string{"process"},
			"Resident memory of the process and its descendants; what they share counts once for each. Absent while it is away."},
		{processMemoryPeak, gauge, []string{"process"},
			"Highest resident memory of the last minute. No scrape resets it. Absent without a reading."},
		{processShared, gauge, []string{"process"},
			"Proportional memory: as resident, but shared pages are split between those that share them. Read each 10 s or " +
				"less often. Absent where the kernel does not let us read it, and of a metrics_url."},
		{processFDs, gauge, []string{"process"}, "Open file descriptors, counted each second. Absent where they are hidden from us."},
		{processThreads, gauge, []string{"process"}, "Threads, counted each second. Absent of a metrics_url."},
		{processRestarts, counter, []string{"process"},
			"How often another process was found than the one before: restarts, and orphans that took its place."},
	}
}
