package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/dashboards"
	"github.com/perfwatch/perfwatch/internal/config"
)

func addDashboards(app *kingpin.Application, c *cli) map[string]action {
	parent := app.Command("dashboards", "Grafana dashboards of the configuration.")
	write := parent.Command("write", "Write the dashboards as JSON. The word write may be left out.").Default()
	dir := write.Flag("output-dir", "Where to write them.").Required().String()
	preview := parent.Command("preview", "Draw the dashboards with what a Prometheus has, as pages without Grafana.")
	return map[string]action{
		write.FullCommand(): func(context.Context) error {
			return eachDashboard(c.configFile, *dir, func(d *dashboards.Dashboard) (string, []byte, error) {
				text, err := d.Encode()
				return d.File(), text, err
			})
		},
		preview.FullCommand(): addPreview(preview, c),
	}
}

// eachDashboard writes one file for each dashboard of a configuration into a folder, which it makes.
func eachDashboard(configFile, dir string, file func(*dashboards.Dashboard) (name string, text []byte, err error)) error {
	cfg, err := config.LoadElsewhere(configFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making folder for dashboards: %w", err)
	}
	for _, d := range dashboards.Render(cfg) {
		name, text, err := file(&d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // Grafana reads it as another user
			return fmt.Errorf("writing dashboard: %w", err)
		}
	}
	return nil
}
