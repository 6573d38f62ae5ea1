package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/k6"
)

// The formats of an exported burst.
const (
	formatScript  = "script"
	formatTestRun = "testrun"
)

func addExport(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("export", "Write a burst for another load generator.").
		Command("k6", "Write a burst as a script for Grafana k6, or as a TestRun of its operator. What k6 does otherwise is told.")
	name := cmd.Arg("name", "The load probe.").Required().String()
	format := cmd.Flag("format", "The script, or a ConfigMap with it and a TestRun.").
		Default(formatScript).Enum(formatScript, formatTestRun)
	output := cmd.Flag("output", "Where to write it; default: the standard output.").Short('o').String()
	runners := cmd.Flag("parallelism", "How many runners of a TestRun share the load.").Default("1").Uint16()
	values := cmd.Flag("set", "The value of a variable of the burst's matrix, as batch=32.").StringMap()
	return cmd.FullCommand(), func(context.Context) error {
		switch {
		case *runners == 0:
			return errors.New("--parallelism 0, want at least 1")
		case *format == formatScript && *runners > 1:
			return fmt.Errorf("--parallelism %d, want it only with --format %s", *runners, formatTestRun)
		}
		text, notes, err := exportK6(c.configFile, *name, *format, *values, int(*runners))
		if err != nil {
			return err
		}
		for _, n := range notes {
			fmt.Fprintf(c.stderr, "note: %s\n", n)
		}
		if *output != "" {
			return os.WriteFile(*output, text, 0o644) //nolint:gosec // it holds no secrets, and others run it
		}
		_, err = c.stdout.Write(text)
		return err
	}
}

// exportK6 writes a burst for so many runners, and says what will be other than in perfwatch.
func exportK6(file, name, format string, set map[string]string, runners int) (text []byte, notes []string, err error) {
	values := map[string]int{}
	for variable, value := range set {
		if values[variable], err = strconv.Atoi(value); err != nil {
			return nil, nil, fmt.Errorf("--set %s=%s, want a whole number", variable, value)
		}
	}
	cfg, err := config.LoadElsewhere(file)
	if err != nil {
		return nil, nil, err
	}
	script, err := k6.Render(cfg, name, values, runners)
	if err != nil {
		return nil, nil, err
	}
	text = []byte(script.Text)
	if format == formatTestRun {
		text, err = script.Manifest()
	}
	return text, script.Notes, err
}
