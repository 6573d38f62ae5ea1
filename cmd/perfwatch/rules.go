package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
)

func addRules(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("rules", "Print the alert rules of the configuration.")
	formats := make([]string, 0, len(alerts.Formats()))
	for _, f := range alerts.Formats() {
		formats = append(formats, string(f))
	}
	format := cmd.Flag("format", "Format of the rules.").Default(formats[0]).Enum(formats...)
	tests := cmd.Flag("tests", "Print the promtool unit tests of the rules instead.").Bool()
	return cmd.FullCommand(), func(context.Context) error {
		cfg, err := config.LoadElsewhere(c.configFile)
		if err != nil {
			return err
		}
		text, err := renderRules(cfg, alerts.Format(*format), *tests)
		if err != nil {
			return err
		}
		_, err = c.stdout.Write(text)
		return err
	}
}

func renderRules(cfg *config.Config, format alerts.Format, tests bool) ([]byte, error) {
	options := alerts.Options{ExternalURL: cfg.Global.ExternalURL, GrafanaURL: cfg.Global.GrafanaURL}
	if tests {
		return alerts.RenderTests(cfg.Objectives, options)
	}
	return alerts.Render(cfg.Objectives, options).Encode(format)
}
