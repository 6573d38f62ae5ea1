package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	promconfig "github.com/prometheus/common/config"
	"golang.org/x/term"

	"github.com/perfwatch/perfwatch/internal/stage"
)

func addPipelineExec(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("pipeline", "Report the stages of a pipeline.").
		Command("exec", "Run a command as a stage and report it: "+
			"perfwatch pipeline exec --pipeline daily --stage fetch -- command…")
	s := stage.Stage{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.Flag("pipeline", "The pipeline.").Required().StringVar(&s.Pipeline)
	cmd.Flag("stage", "Its stage.").Required().StringVar(&s.Name)
	cmd.Flag("run", "Which run; without it that of the first stage begins one, and the others follow it.").
		Envar("PERFWATCH_RUN").StringVar(&s.Run)
	cmd.Flag("items", "Items that the command handles if it succeeds.").Default("-1").Int64Var(&s.Items)
	cmd.Flag("items-file", "File in which the command writes how many items it has done so far.").StringVar(&s.ItemsFile)
	cmd.Flag("url", "Where perfwatch is.").Default("http://localhost:10095").Envar("PERFWATCH_URL").StringVar(&s.URL)
	client := cmd.Flag("http.config.file", "How to reach it: basic_auth, tls_config and the like, as Prometheus writes them.").
		ExistingFile()
	cmd.Flag("patience", "How long to go on reporting after the command has ended.").Default("10s").DurationVar(&s.Patience)
	cmd.Arg("command", "The command and its arguments, after --.").Required().StringsVar(&s.Command)
	return cmd.FullCommand(), func(ctx context.Context) error {
		http := &promconfig.DefaultHTTPClientConfig
		if *client != "" {
			var err error
			if http, _, err = promconfig.LoadHTTPConfigFile(*client); err != nil {
				return fmt.Errorf("reading %q: %w", *client, err)
			}
		}
		var err error
		if s.Client, err = promconfig.NewClientFromConfig(*http, "perfwatch pipeline"); err != nil {
			return err
		}
		s.URL, s.Logger = strings.TrimRight(s.URL, "/"), c.logger()
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, passedOn()...)
		defer signal.Stop(signals)
		if code := s.Exec(ctx, signals); code != 0 {
			return exitCodeError(code)
		}
		return nil
	}
}

// passedOn are the signals that the command is told of. At a terminal it hears of Ctrl-C and Ctrl-\ itself.
func passedOn() []os.Signal {
	all := append([]os.Signal{syscall.SIGTERM, syscall.SIGHUP}, userSignals()...)
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return all
	}
	return append(all, syscall.SIGINT, syscall.SIGQUIT)
}

// An exitCodeError is the exit code of a command that has said itself what is wrong.
type exitCodeError int

func (e exitCodeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
