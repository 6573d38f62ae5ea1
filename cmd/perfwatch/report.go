package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/report"
)

// reportOptions are what the command line of report says.
type reportOptions struct {
	storage, burst, format string
	outputs                []string
}

func addReport(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("report", "Report the targets and the last bursts from the folder that the daemon keeps them in.")
	o := &reportOptions{}
	cmd.Arg("burst", "Only the last burst of a probe; as NAME@TIME the one that began then or last before.").StringVar(&o.burst)
	cmd.Flag("storage.path", "Folder of what outlives the daemon, which may be running.").Default("data/").StringVar(&o.storage)
	cmd.Flag("format", "text, markdown, json, junit or html; default: by the name of the output.").
		EnumVar(&o.format, report.Formats()...)
	cmd.Flag("output", "Write the report to a file; can be given several times.").Short('o').StringsVar(&o.outputs)
	schema := cmd.Flag("schema", "Print the JSON Schema of reports as JSON, and report nothing.").Bool()
	return cmd.FullCommand(), func(context.Context) error {
		if *schema {
			text, err := report.Schema()
			_, wrong := c.stdout.Write(text)
			return errors.Join(err, wrong)
		}
		if err := o.report(c); err != nil {
			return notRunError{err}
		}
		return nil
	}
}

func (o *reportOptions) report(c *cli) error {
	cfg, err := config.LoadElsewhere(c.configFile)
	if err != nil {
		return err
	}
	pick, err := pickOf(o.burst, cfg)
	if err != nil {
		return err
	}
	a, err := archive.View(o.storage, c.logger())
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	outputs, err := openOutputs(o.outputs, o.format)
	if err != nil {
		return err
	}
	defer outputs.discard()
	book := objective.NewBook(cfg.Objectives)
	r := newReport(cfg, report.FromArchive)
	if err := r.AddArchived(a, cfg, pick, book); err != nil {
		return err
	}
	addTargets(r, book, remembered(a), pick)
	r.Judge()
	return outputs.write(r, c.stdout, o.format, len(outputs) > 0)
}

// newReport is a report without figures.
func newReport(cfg *config.Config, source report.Source) *report.Report {
	r := &report.Report{Format: report.Format, Version: version.Version, Config: cfg.Hash, Source: source}
	if cfg.Global.BaseURL != nil {
		r.Target = cfg.Global.BaseURL.Redacted()
	}
	return r
}

// addTargets adds the objectives: those on bursts as the book has them, and the others as the daemon noted them last. Of
// one probe it adds those that are about it.
func addTargets(r *report.Report, book *objective.Book, noted *notes, pick report.Pick) {
	for _, t := range book.All() {
		o := t.Objective()
		row := report.ObjectiveOf(o, t.Status(time.Now()))
		if !o.Measure.OfBurst() {
			row = noted.objective(row)
		}
		if pick.Probe == "" || o.Probe == pick.Probe {
			r.Objectives = append(r.Objectives, row)
		}
	}
	if noted != nil && pick.Probe == "" {
		r.Notes = append(r.Notes, "objectives over a window are as the daemon valued them at "+noted.At.UTC().Format(time.RFC3339))
		if r.End.Before(noted.At) {
			r.End = noted.At
		}
		if r.Start.IsZero() {
			r.Start = noted.At
		}
	}
}

// pickOf reads NAME or NAME@TIME.
func pickOf(text string, cfg *config.Config) (report.Pick, error) {
	name, at, dated := strings.Cut(text, "@")
	pick := report.Pick{Probe: name}
	if dated {
		var err error
		if pick.At, err = time.Parse(time.RFC3339, at); err != nil {
			return pick, fmt.Errorf("burst %q, want a time such as %s after the @", text, "2026-01-02T15:04:05Z")
		}
		pick.At = pick.At.Add(time.Second - time.Nanosecond) // the fraction of its second need not be written
	}
	var names []string
	for i := range cfg.Probes {
		if cfg.Probes[i].Load != nil {
			names = append(names, cfg.Probes[i].Name)
		}
	}
	if text != "" && !slices.Contains(names, name) {
		return pick, fmt.Errorf("no load probe %.100q: %s", name, config.Instead(name, names))
	}
	return pick, nil
}
