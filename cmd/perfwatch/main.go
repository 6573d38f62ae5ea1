// Command perfwatch is a continuous performance monitor and exporter for Prometheus. This package holds its flags and
// its wiring, one file a subcommand; what the program does is in the packages that it wires.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // CRON_TZ= works in an image without time zones

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code) //nolint:forbidigo // this is the one place that ends the program
}

// The exit codes of every command.
const (
	exitOK    = 0
	exitError = 1 // the command ran and the answer is no: mistakes in a file, a server that ended with an error, missed objectives
	exitUsage = 2 // the command line was wrong, or a run could not begin
)

// cli is what every command is given.
type cli struct {
	stdout, stderr io.Writer
	configFile     string
	log            promslog.Config
}

// logger makes the program's logger, as the flags ask.
func (c *cli) logger() *slog.Logger {
	c.log.Writer = c.stderr
	return promslog.New(&c.log)
}

// An action runs a command whose flags have been parsed.
type action func(ctx context.Context) error

// run parses a command line, runs its command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &cli{stdout: stdout, stderr: stderr}
	app := kingpin.New("perfwatch", "Continuous performance monitor and exporter for Prometheus.")
	app.HelpFlag.Short('h')
	app.UsageWriter(stdout)
	app.ErrorWriter(stderr)
	ended := -1
	app.Terminate(func(code int) { ended = code })
	app.Flag("config.file", "The configuration.").Default("perfwatch.yml").StringVar(&c.configFile)
	promslogflag.AddFlags(app, &c.log)

	actions := map[string]action{}
	for _, add := range []func(*kingpin.Application, *cli) (string, action){
		addServe, addDemo, addRun, addReport, addCheck, addRules, addExport, addHealthcheck, addVersion, addPipelineExec,
	} {
		name, act := add(app, c)
		actions[name] = act
	}
	maps.Copy(actions, addDashboards(app, c))

	name, err := app.Parse(args)
	switch {
	case ended >= 0: // --help has printed itself
		return ended
	case err != nil:
		fmt.Fprintf(stderr, "perfwatch: %v, see perfwatch --help\n", err)
		return exitUsage
	}
	if err := actions[name](ctx); err != nil {
		var code exitCodeError
		if errors.As(err, &code) {
			return int(code)
		}
		if !errors.Is(err, errReported) {
			fmt.Fprintf(stderr, "perfwatch: %v\n", err)
		}
		if errors.Is(err, errNotRun) {
			return exitUsage
		}
		return exitError
	}
	return exitOK
}

// errReported is the error of a command that has already printed why.
var errReported = errors.New("already reported")

// errNotRun is in the error of a command that could not do what it was asked, and so has no answer.
var errNotRun = errors.New("not run")

// A notRunError says why.
type notRunError struct{ error }

func (e notRunError) Unwrap() []error { return []error{e.error, errNotRun} }
