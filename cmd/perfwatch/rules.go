package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
)

// A rulesCommand is what the flags of rules say.
type rulesCommand struct {
	resources
	format, dir         string
	tests, apart, prune bool
}

func addRules(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("rules", "Print the alert rules of the configuration, or what else of it the Prometheus Operator reads.")
	r := &rulesCommand{}
	formats := []string{formatServiceMonitor, formatProbe}
	for _, f := range slices.Backward(alerts.Formats()) {
		formats = slices.Insert(formats, 0, string(f))
	}
	cmd.Flag("format", "A rule file, or a resource of the Prometheus Operator.").Default(formats[0]).EnumVar(&r.format, formats...)
	cmd.Flag("tests", "Print the promtool unit tests of the rules instead.").BoolVar(&r.tests)
	cmd.Flag("output-dir", "Write the rules, and the files of their tests, into a folder instead.").StringVar(&r.dir)
	cmd.Flag("per-objective", "Write a file for each objective's rules, and one for those of none.").BoolVar(&r.apart)
	cmd.Flag("prune", "Remove files of objectives that are gone; without, they are told.").BoolVar(&r.prune)
	r.addTo(cmd)
	return cmd.FullCommand(), func(context.Context) error { return r.run(c) }
}

func (r *rulesCommand) run(c *cli) error {
	switch {
	case r.apart && r.dir == "":
		return errors.New("--per-objective without --output-dir, want the folder of its files")
	case r.prune && r.dir == "":
		return errors.New("--prune without --output-dir, want the folder to look in")
	}
	if err := r.check(r.format); err != nil {
		return err
	}
	cfg, err := config.LoadElsewhere(c.configFile)
	if err != nil {
		return err
	}
	if r.format == formatServiceMonitor || r.format == formatProbe {
		return r.write(c, cfg, r.format, r.dir)
	}
	files, err := r.render(cfg)
	switch {
	case err != nil:
		return err
	case r.dir == "" && r.tests:
		_, err = c.stdout.Write(files[testsFile])
		return err
	case r.dir == "":
		_, err = c.stdout.Write(files[alerts.RulesFile("")])
		return err
	}
	if err := writeFiles(r.dir, files); err != nil {
		return err
	}
	return r.stale(c, files)
}

// The files of tests.
const (
	testsFile       = "perfwatch.rules_test.yml"
	longTestsFile   = "perfwatch.long_test.yml"
	nativeTestsFile = "perfwatch.native_test.yml"
)

// render makes the files of the rules of a configuration, by their names.
func (r *rulesCommand) render(cfg *config.Config) (map[string][]byte, error) {
	options := alerts.Options{ExternalURL: cfg.Global.ExternalURL, GrafanaURL: cfg.Global.GrafanaURL, Resource: r.metadata}
	rules := alerts.Render(cfg.Objectives, options)
	parts := map[string]alerts.Rules{"": rules}
	if r.apart {
		parts = rules.PerObjective()
	}
	files := map[string][]byte{}
	for name, part := range parts {
		text, err := part.Encode(alerts.Format(r.format))
		if err != nil {
			return nil, err
		}
		files[alerts.RulesFile(name)] = text
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
	files[testsFile], files[longTestsFile], files[nativeTestsFile] = tests, long, native
	return files, nil
}

// stale finds the files of objectives that were not written now: of those that are gone, or of all where they have one file
// together. Prometheus would go on with them.
func (r *rulesCommand) stale(c *cli, written map[string][]byte) error {
	paths, err := filepath.Glob(filepath.Join(r.dir, alerts.RulesFile("*")))
	if err != nil {
		return fmt.Errorf("looking for files of objectives that are gone: %w", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		switch _, now := written[filepath.Base(path)]; {
		case now:
		case err != nil:
			return fmt.Errorf("looking for files of objectives that are gone: %w", err)
		case !strings.HasPrefix(string(text), "# "+alerts.Generated):
		case !r.prune:
			fmt.Fprintf(c.stderr, "perfwatch: %s is of an earlier run, and its rules still count: remove it, or use --prune\n", path)
		default:
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing the file of an objective that is gone: %w", err)
			}
			fmt.Fprintf(c.stderr, "perfwatch: removed %s, which is of an earlier run\n", path)
		}
	}
	return nil
}

// writeFiles writes files into a folder, which it makes.
func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making folder for rules: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil { //nolint:gosec // Prometheus is another user
			return fmt.Errorf("writing rules: %w", err)
		}
	}
	return nil
}
