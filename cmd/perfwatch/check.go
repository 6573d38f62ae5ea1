package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/internal/config"
)

func addCheck(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("check", "Validate a configuration: every mistake at once. Exits with 1 if there is one.")
	verbose := cmd.Flag("verbose", "Print each burst's task tree with every task's share of its requests.").Short('v').Bool()
	schema := cmd.Flag("schema", "Print the JSON Schema of the configuration, for editors, and check nothing.").Bool()
	file := cmd.Arg("file", "The configuration; default: --config.file.").String()
	return cmd.FullCommand(), func(context.Context) error {
		if *schema {
			text, err := config.Schema()
			_, wrong := c.stdout.Write(text)
			return errors.Join(err, wrong)
		}
		if *file == "" {
			*file = c.configFile
		}
		cfg, err := config.LoadElsewhere(*file)
		var mistakes config.Mistakes
		if errors.As(err, &mistakes) {
			fmt.Fprintf(c.stderr, "%v\n", mistakes)
			return errReported
		}
		if err != nil {
			return err
		}
		for _, w := range cfg.Warnings {
			fmt.Fprintf(c.stderr, "warning: %v\n", w)
		}
		fmt.Fprintf(c.stdout, "%s: valid, %s, %s\n", *file,
			plural(len(cfg.Probes), "probe"), plural(len(cfg.Objectives), "objective"))
		if *verbose {
			return printBursts(c.stdout, cfg)
		}
		return nil
	}
}

// printBursts prints the task tree of every load probe.
func printBursts(w io.Writer, cfg *config.Config) error {
	env := cfg.Env()
	env.Elsewhere = true
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if p.Load == nil {
			continue
		}
		plan, err := p.Load.Plan(p.Name, env)
		if err != nil {
			return fmt.Errorf("building probe %q: %w", p.Name, err)
		}
		fmt.Fprintln(w)
		if err := plan.WriteTree(w); err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
