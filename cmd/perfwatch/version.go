package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

func addVersion(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("version", "Print the version.")
	return cmd.FullCommand(), func(context.Context) error {
		fmt.Fprintln(c.stdout, version.Print("perfwatch"))
		return nil
	}
}
