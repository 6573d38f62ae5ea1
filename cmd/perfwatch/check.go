package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/internal/config"
)

func addCheck(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("check", "Validate a configuration: every mistake at once. Exits with 1 if there is one.")
	file := cmd.Arg("file", "The configuration; default: --config.file.").String()
	return cmd.FullCommand(), func(context.Context) error {
		if *file == "" {
			*file = c.configFile
		}
		cfg, err := config.Load(*file)
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
		return nil
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
