package dashboards

import "github.com/perfwatch/perfwatch/internal/config"

// drawDatabase shows queries as a client sees them, and what the servers say of themselves.
func drawDatabase(g *grid, cfg *config.Config) {
	if hasQueries(cfg) {
		addQueries(g)
	}
	if len(cfg.Postgres) > 0 {
		addPostgres(g)
	}
	if len(cfg.PgBouncer) > 0 {
		addPools(g)
	}
}

func addQueries(g *grid) {
	g.row(700, "Queries of perfwatch")
	for i, q := range []struct{ name, text string }{{"p50", "0.5"}, {"p95", "0.95"}} {
		g.add(8, 8, series(701+i, "Query "+q.name, "The "+q.name+" of each query from its sending to its last row.", "s",
			query{histogram{"perfwatch_sql_query_duration_seconds", `{probe=~"$probe"}`, "$__rate_interval"}.
				quantile(q.text, "probe, query"), "{{probe}} {{query}}"}).exemplars())
	}
	g.add(8, 8, series(703, "Connections of perfwatch",
		"Connections that the sql probes held when their last run ended, by state.", "short",
		query{`max by (probe, state) (perfwatch_sql_connections{probe=~"$probe"})`, "{{probe}} {{state}}"}))
}

func addPostgres(g *grid) {
	now := func(metric string) string {
		return `max by (postgres) (perfwatch_postgres_` + metric + `{postgres=~"$postgres"})`
	}
	rate := func(metric string) string {
		return `sum by (postgres) (rate(perfwatch_postgres_` + metric + `_total{postgres=~"$postgres"}[$__rate_interval]))`
	}
	g.row(710, "PostgreSQL")
	connections := `sum by (postgres) (perfwatch_postgres_connections{postgres=~"$postgres"})`
	g.add(8, 8, series(711, "Connections by state", "Client connections by what they do, perfwatch's own included.", "short",
		query{`max by (postgres, state) (perfwatch_postgres_connections{postgres=~"$postgres"})`, "{{postgres}} {{state}}"}).stacked())
	g.add(8, 8, series(712, "Connections in use", "Client connections over those that the server takes.", "percentunit",
		query{ratio(connections, now("max_connections")), "{{postgres}}"}).ofOne())
	g.add(8, 8, series(717, "What statements wait for", "Connections whose statement waits, by what for.", "short",
		query{`max by (postgres, wait) (perfwatch_postgres_waiting_connections{postgres=~"$postgres"})`,
			"{{postgres}} {{wait}}"}).stacked())
	g.add(8, 8, series(713, "Waits for locks", "Connections that wait for a lock of another transaction.", "short",
		query{now("lock_waits"), "{{postgres}}"}))
	g.add(8, 8, series(714, "Longest transactions",
		"Age of the oldest open transaction, and of the longest that is idle: it holds its locks, and dead rows stay.", "s",
		query{now("longest_transaction_seconds"), "{{postgres}} open"},
		query{now("longest_idle_in_transaction_seconds"), "{{postgres}} idle"}))
	g.add(8, 8, series(715, "Transactions",
		"Transactions a second that were committed, rolled back, and ended by a deadlock.", "ops",
		query{rate("commits"), "{{postgres}} committed"}, query{rate("rollbacks"), "{{postgres}} rolled back"},
		query{rate("deadlocks"), "{{postgres}} deadlocks"}))
	g.add(8, 8, series(716, "Blocks from the cache", "Share of the blocks that were found in shared_buffers.", "percentunit",
		query{ratio(rate("cache_hits"), "("+rate("cache_hits")+" + "+rate("cache_misses")+")"), "{{postgres}}"}).ofOne())
	g.add(24, 5, timeline(718, "PostgreSQL answers", "Whether the last reading of each server was answered.",
		query{`min by (postgres) (perfwatch_postgres_up{postgres=~"$postgres"})`, "{{postgres}}"}, answering()))
}

// answering are the words of whether a source answers.
func answering() []any { return words(word{"0", "away", "red"}, word{"1", "up", "green"}) }

// addPools shows the pools of PgBouncers: a client that waits has no connection of its server yet.
func addPools(g *grid) {
	of := func(metric, by string) string {
		return "max by (pgbouncer, database" + by + ") (perfwatch_pgbouncer_" + metric + ")"
	}
	g.row(720, "PgBouncer")
	g.add(8, 8, series(721, "Clients of pools",
		"Client connections of each database by state: those that wait have no server yet.", "short",
		query{of("client_connections", ", state"), "{{pgbouncer}} {{database}} {{state}}"}).stacked())
	g.add(8, 8, series(722, "Servers of pools",
		"Server connections of each database by state. None idle, and the pool is full.", "short",
		query{of("server_connections", ", state"), "{{pgbouncer}} {{database}} {{state}}"}).stacked())
	g.add(8, 8, series(723, "Longest wait for a server", "How long the client that waits longest has waited.", "s",
		query{of("longest_wait_seconds", ""), "{{pgbouncer}} {{database}}"}))
	g.add(24, 5, timeline(724, "PgBouncer answers", "Whether the last reading of each console was answered.",
		query{`min by (pgbouncer) (perfwatch_pgbouncer_up)`, "{{pgbouncer}}"}, answering()))
}
