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

func addDashboards(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("dashboards", "Write the Grafana dashboards of the configuration.")
	dir := cmd.Flag("output-dir", "Where to write them.").Required().String()
	return cmd.FullCommand(), func(context.Context) error {
		cfg, err := config.LoadElsewhere(c.configFile)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*dir, 0o750); err != nil {
			return fmt.Errorf("making folder for dashboards: %w", err)
		}
		for _, d := range dashboards.Render(cfg) {
			text, err := d.Encode()
			if err != nil {
				return err
			}
			path := filepath.Join(*dir, d.File())
			if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // Grafana reads it as another user
				return fmt.Errorf("writing dashboard: %w", err)
			}
		}
		return nil
	}
}
