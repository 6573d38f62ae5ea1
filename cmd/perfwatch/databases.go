package main

import (
	"context"
	"log/slog"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
)

// addPostgres starts reading the PostgreSQL servers.
func (r *readings) addPostgres(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	for _, c := range cfg.Postgres {
		p, err := collector.NewPostgres(collector.PostgresSpec{
			Name: c.Name, DSNFile: c.DSNFile, Dir: cfg.Dir, Interval: c.Interval, Timeout: c.Timeout, Statements: c.Statements,
		}, log)
		if err != nil {
			return err
		}
		r.registry.MustRegister(p)
		r.pollers.Go(func() { p.Run(ctx) })
	}
	return nil
}

// addPgBouncer starts reading the poolers.
func (r *readings) addPgBouncer(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	for _, c := range cfg.PgBouncer {
		p, err := collector.NewPgBouncer(collector.PostgresSpec{
			Name: c.Name, DSNFile: c.DSNFile, Dir: cfg.Dir, Interval: c.Interval, Timeout: c.Timeout,
		}, log)
		if err != nil {
			return err
		}
		r.registry.MustRegister(p)
		r.pollers.Go(func() { p.Run(ctx) })
	}
	return nil
}
