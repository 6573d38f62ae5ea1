package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/probes"
)

// newBusiness makes the reader of a business value.
func newBusiness(cfg *config.Config, c *config.Business, log *slog.Logger) (*collector.Business, error) {
	spec, err := schedule.Parse(c.Schedule)
	if err != nil {
		return nil, err
	}
	source, err := figureSource(cfg, c)
	if err != nil {
		return nil, err
	}
	return collector.NewBusiness(collector.BusinessSpec{
		Name: c.Name, Label: c.Label, MaxValues: c.MaxValues, Timeout: c.Timeout, MaxAge: c.MaxAge,
		Next: func(after time.Time) time.Time { return spec.Nth("business/"+c.Name, after, 1, nil) },
	}, source, log), nil
}

// figureSource is where a business value comes from.
func figureSource(cfg *config.Config, c *config.Business) (collector.FigureSource, error) {
	for i := range cfg.Redis {
		if c.Redis != "" && cfg.Redis[i].Name == c.Redis {
			return collector.RedisFigures(redisServer(&cfg.Redis[i]), c.Command)
		}
	}
	for i := range cfg.Postgres {
		if c.Postgres != "" && cfg.Postgres[i].Name == c.Postgres {
			return collector.SQLFigures(cfg.Postgres[i].DSNFile, cfg.Dir, c.Query)
		}
	}
	if c.DSNFile != "" {
		return collector.SQLFigures(c.DSNFile, cfg.Dir, c.Query)
	}
	figures, err := probes.NewFigures(c.HTTP, c.JSON, cfg.Env())
	if err != nil {
		return collector.FigureSource{}, err
	}
	return collector.JSONFigures(figures), nil
}

// redisOf connects probes to the Redis servers of a configuration.
func redisOf(cfg *config.Config) func(name string) (probes.Redis, error) {
	return func(name string) (probes.Redis, error) {
		for i := range cfg.Redis {
			if cfg.Redis[i].Name == name {
				return collector.NewRedisConn(redisServer(&cfg.Redis[i]))
			}
		}
		return nil, fmt.Errorf("no Redis is named %q", name)
	}
}

// redisServer says how a Redis of the configuration is reached.
func redisServer(c *config.Redis) collector.RedisServer {
	server := collector.RedisServer{
		URL: c.URL, Cluster: c.Cluster, Username: c.Username, PasswordFile: c.PasswordFile, Password: c.Password, TLS: c.TLS,
	}
	if c.Sentinel != nil {
		sentinel := collector.RedisSentinel(*c.Sentinel)
		server.Sentinel = &sentinel
	}
	return server
}
