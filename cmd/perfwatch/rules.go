package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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
	dir := cmd.Flag("output-dir", "Write the rules, and the files of their tests, into a folder instead.").String()
	return cmd.FullCommand(), func(context.Context) error {
		cfg, err := config.LoadElsewhere(c.configFile)
		if err != nil {
			return err
		}
		files, err := renderRules(cfg, alerts.Format(*format))
		if err != nil {
			return err
		}
		if *dir != "" {
			return writeFiles(*dir, files)
		}
		name := rulesFile
		if *tests {
			name = testsFile
		}
		_, err = c.stdout.Write(files[name])
		return err
	}
}

// What is rendered of rules.
const (
	rulesFile       = "perfwatch.rules.yml"
	testsFile       = "perfwatch.rules_test.yml"
	longTestsFile   = "perfwatch.long_test.yml"
	nativeTestsFile = "perfwatch.native_test.yml"
)

// renderRules makes the files of the rules of a configuration, by their names.
func renderRules(cfg *config.Config, format alerts.Format) (map[string][]byte, error) {
	options := alerts.Options{ExternalURL: cfg.Global.ExternalURL, GrafanaURL: cfg.Global.GrafanaURL}
	rules, err := alerts.Render(cfg.Objectives, options).Encode(format)
	if err != nil {
		return nil, err
	}
	tests, err := alerts.RenderTests(cfg.Objectives, options)
	if err != nil {
		return nil, err
	}
	long, err := alerts.RenderLongTests(cfg.Objectives, options)
	if err != nil {
		return nil, err
	}
	native, err := alerts.RenderNativeTests(cfg.Objectives, options)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{rulesFile: rules, testsFile: tests, longTestsFile: long, nativeTestsFile: native}, nil
}

// writeFiles writes files into a folder, which it makes.
func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making folder for rules: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // Prometheus is another user
			return fmt.Errorf("writing rules: %w", err)
		}
	}
	return nil
}
