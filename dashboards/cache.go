package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// redisRate is how fast a counter of each Redis goes, all its nodes together; redisNow is a gauge of each node.
func redisRate(metric string) string {
	return `sum by (redis) (rate(perfwatch_redis_` + metric + `_total{redis=~"$redis"}[$__rate_interval]))`
}

func redisNow(metric string) string {
	return `max by (redis, node) (perfwatch_redis_` + metric + `{redis=~"$redis"})`
}

// redisKeys is a gauge of each database, all nodes together.
func redisKeys(metric string) string {
	return `sum by (redis, db) (max by (redis, node, db) (perfwatch_redis_db_` + metric + `{redis=~"$redis"}))`
}

// redisCommandRate is how often clients of each Redis send some commands.
func redisCommandRate(commands string) string {
	return `sum by (redis, command) (rate(perfwatch_redis_commands_total{redis=~"$redis", command=~"` + commands +
		`"}[$__rate_interval]))`
}

// hitsByRedis is the hit ratio of each Redis. Hits and misses are summed before they are divided: a mean of ratios would
// give a quiet Redis the weight of a busy one.
func hitsByRedis() string {
	hits := `sum by (redis) (rate(perfwatch_redis_keyspace_hits_total[$__rate_interval]))`
	misses := `sum by (redis) (rate(perfwatch_redis_keyspace_misses_total[$__rate_interval]))`
	return ratio(hits, "("+hits+" + "+misses+")")
}

// cacheHits draws the hit ratio of each Redis against its objectives.
func cacheHits(id int, cfg *config.Config) panel {
	const counted = "Share of lookups that found their key. GET, MGET by key, EXISTS, TTL, TYPE, STRLEN, HGET and the " +
		"like look up; INCR, DEL, EXPIRE and SETNX do not."
	return series(id, "Cache hits", counted, "percentunit",
		with(cfg, objective.CacheHitRatio, 0, query{hitsByRedis(), "{{redis}}"})...).ofOne()
}

// drawCache shows what matters of a cache: what it answers, what it holds, and why keys go.
func drawCache(g *grid, cfg *config.Config) {
	g.row(400, "Answers")
	up := stat(401, "Redis up", "Whether the last INFO of each Redis was answered.", "none",
		`min by (redis) (perfwatch_redis_up{redis=~"$redis"})`)
	up.Targets[0].LegendFormat = "{{redis}}"
	up.Options["textMode"] = "value_and_name"
	up.FieldConfig.Defaults.Mappings = words(word{"0", "away", "red"}, word{"1", "up", "green"})
	up.FieldConfig.Defaults.Thresholds = steps("red", from(1, "green"))
	g.add(4, 8, up)
	g.add(10, 8, cacheHits(402, cfg))
	g.add(10, 8, series(403, "Lookups", "Lookups a second that found their key, and those that did not.", "ops",
		query{redisRate("keyspace_hits"), "{{redis}} hits"}, query{redisRate("keyspace_misses"), "{{redis}} misses"}))
	g.row(410, "Keys and their time to live")
	g.add(8, 7, series(405, "Keys that went", "Keys a second that expired, and those thrown out for want of memory.", "ops",
		query{redisRate("expired_keys"), "{{redis}} expired"}, query{redisRate("evicted_keys"), "{{redis}} evicted"}))
	g.add(8, 7, series(411, "Keys", "Keys of each database.", "short",
		query{redisKeys("keys"), "{{redis}} {{db}}"}))
	g.add(8, 7, series(412, "Keys that will expire",
		"Share of the keys of each database that have a time to live.", "percentunit",
		query{ratio(redisKeys("expiring_keys"), redisKeys("keys")), "{{redis}} {{db}}"}).ofOne())
	expired, evicted := redisRate("expired_keys"), redisRate("evicted_keys")
	g.add(12, 7, series(413, "Evicted, of the keys that went",
		"Keys thrown out for want of memory, over those and the ones that lived as long as they were meant to. Much above 0, the "+
			"memory decides how long keys live, and not their time to live. 0 where none went.", "percentunit",
		query{evicted + " / clamp_min(" + expired + " + " + evicted + ", 1e-9)", "{{redis}}"}).ofOne())
	g.add(12, 7, series(414, "Mean time to live",
		"As Redis estimates it from samples, of keys that have one, and as it is now, not as it was set. Absent on replicas, where it "+
			"means nothing, and while there is no estimate.", "s",
		query{`max by (redis, node, db) (perfwatch_redis_db_average_ttl_seconds{redis=~"$redis"})`, "{{redis}} {{node}} {{db}}"}))
	drawInvalidation(g)
	g.row(420, "Memory and clients")
	g.add(8, 7, series(404, "Redis memory",
		"Memory in use, and the most that Redis may use. Without a most it is not bounded.", "bytes",
		query{redisNow("memory_used_bytes"), "{{redis}} {{node}} used"},
		query{redisNow("memory_max_bytes"), "{{redis}} {{node}} most"}))
	g.add(8, 7, series(421, "Fragmentation",
		"Resident over allocated memory. Well above 1 wastes memory, below 1 is swapping.", "none",
		query{redisNow("memory_fragmentation_ratio"), "{{redis}} {{node}}"}))
	g.add(8, 7, series(406, "Clients", "Connections, and those that wait in a blocking command.", "short",
		query{redisNow("connected_clients"), "{{redis}} {{node}} connected"},
		query{redisNow("blocked_clients"), "{{redis}} {{node}} blocked"}))
}

// drawInvalidation shows how clients take keys out of a cache, and who is told.
func drawInvalidation(g *grid) {
	g.row(430, "Invalidation")
	g.add(8, 7, series(431, "Deletions",
		"DEL and UNLINK a second. Each may name many keys. UNLINK frees their memory in the background.", "ops",
		query{redisCommandRate("del|unlink"), "{{redis}} {{command}}"}))
	g.add(8, 7, series(432, "Times to live given", "EXPIRE and its like a second. SET with EX is not among them.", "ops",
		query{redisCommandRate("expire|pexpire|expireat"), "{{redis}} {{command}}"}))
	g.add(8, 7, series(433, "Flushes",
		"FLUSHDB and FLUSHALL a second: everything goes at once, and the hit ratio with it.", "ops",
		query{redisCommandRate("flushdb|flushall"), "{{redis}} {{command}}"}))
	g.add(12, 7, series(434, "Objects freed in the background",
		"What UNLINK and FLUSHALL ASYNC leave to a thread of its own.", "ops",
		query{redisRate("lazy_freed_objects"), "{{redis}}"}))
	g.add(12, 7, series(435, "Clients that are told of changes",
		"Clients that keep keys themselves and are told when those change (CLIENT TRACKING).", "short",
		query{redisNow("tracking_clients"), "{{redis}} {{node}}"}))
}
