package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/console"
	"github.com/perfwatch/perfwatch/internal/oneshot"
	"github.com/perfwatch/perfwatch/internal/report"
)

// defaultRun is how long single probes are asked for at most where the command line does not say: the plan's test.
const defaultRun = 5 * time.Minute

// runOptions are what the command line of run says.
type runOptions struct {
	selection                  oneshot.Selection
	apiOnly, benchOnly, mlOnly bool
	host, duration             string
	format                     string
	outputs                    []string
	baseline, storage          string
	quiet                      bool
}

func addRun(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("run", "Run probes and bursts once and report. Exits with 0 if all objectives are met, with 1 if not, "+
		"with 2 if it could not run.")
	o := &runOptions{}
	cmd.Arg("name", "Probes to run; default: all.").StringsVar(&o.selection.Names)
	cmd.Flag("group", "Run the probes of a group; can be given several times.").StringsVar(&o.selection.Groups)
	cmd.Flag("api-only", "Run single probes of the group api, and bursts that last for a time.").BoolVar(&o.apiOnly)
	cmd.Flag("benchmark-only", "Run bursts of a number of requests.").BoolVar(&o.benchOnly)
	cmd.Flag("ml-only", "Run the group ml.").BoolVar(&o.mlOnly)
	cmd.Flag("host", "The platform, in the place of global.base_url.").Envar("API_HOST").StringVar(&o.host)
	cmd.Flag("users", "Users of the bursts whose users think, or that are named.").Envar("NUM_USERS").IntVar(&o.selection.Users)
	cmd.Flag("ramp-up-rate", "Users that these bursts start a second.").Envar("RAMP_UP_RATE").Float64Var(&o.selection.RampUp)
	cmd.Flag("duration", "How long these bursts last, and how long single probes are asked for at most (5m): seconds, or as 90s.").
		Envar("TEST_DURATION").StringVar(&o.duration)
	cmd.Flag("format", "text, markdown, json, junit or html; default: by the name of the output.").
		EnumVar(&o.format, report.Formats()...)
	cmd.Flag("output", "Write the report to a file; can be given several times.").Short('o').StringsVar(&o.outputs)
	cmd.Flag("baseline", "Compare with the JSON report of an earlier run.").StringVar(&o.baseline)
	cmd.Flag("storage.path", "Compare with the bursts of this folder, and keep those of the run there.").StringVar(&o.storage)
	cmd.Flag("quiet", "Show no progress.").Short('q').BoolVar(&o.quiet)
	return cmd.FullCommand(), func(ctx context.Context) error {
		r, err := o.run(ctx, c)
		if err != nil {
			return notRunError{err}
		}
		if r.Verdict == report.Met {
			return nil
		}
		if o.quiet && len(o.outputs) > 0 { // nothing was said yet
			fmt.Fprintf(c.stderr, "perfwatch: %s\n", strings.Join(append([]string{r.Headline()}, r.Problems...), "\n  - "))
		}
		return errReported
	}
}

// run does everything. An error is why nothing was run, or why the report could not be written.
func (o *runOptions) run(ctx context.Context, c *cli) (*report.Report, error) {
	probing, err := o.parse()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(c.configFile)
	if err != nil {
		return nil, err
	}
	if err := o.selection.Apply(cfg); err != nil {
		return nil, err
	}
	var earlier *report.Report
	if o.baseline != "" {
		if earlier, err = report.Read(o.baseline); err != nil {
			return nil, err
		}
	}
	outputs, err := openOutputs(o.outputs, o.format)
	if err != nil {
		return nil, err
	}
	defer outputs.discard()
	s, err := newShot(cfg, o.storage, c.logger())
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.narrowed = o.selection.Narrowed()
	r := newReport(cfg, report.FromRun)
	progress := console.New(c.stderr, o.quiet)
	s.run(ctx, oneshot.Options{Duration: probing, Version: version.Version, Progress: progress}, r)
	progress.Close()
	s.judge(r)
	if earlier != nil {
		r.CompareWith(earlier, o.baseline)
	}
	return r, outputs.write(r, c.stdout, o.format, o.quiet)
}

// parse reads what the flags could not, and says how long single probes are asked for.
func (o *runOptions) parse() (probing time.Duration, err error) {
	for _, only := range []struct {
		is    bool
		suite config.Suite
	}{{o.apiOnly, config.APISuite}, {o.benchOnly, config.BenchmarkSuite}, {o.mlOnly, config.MLSuite}} {
		if only.is {
			o.selection.Suites = append(o.selection.Suites, only.suite)
		}
	}
	if o.host != "" {
		if o.selection.Host, err = url.Parse(o.host); err != nil || o.selection.Host.Host == "" ||
			o.selection.Host.Scheme != "http" && o.selection.Host.Scheme != "https" {
			return 0, fmt.Errorf("--host %q, want an URL such as http://localhost:8000", o.host)
		}
	}
	if o.selection.Users < 0 || !(o.selection.RampUp >= 0) {
		return 0, errors.New("--users and --ramp-up-rate, want numbers above 0")
	}
	if o.duration == "" {
		return defaultRun, nil
	}
	d, err := parseSeconds(o.duration)
	o.selection.Duration = d
	return d, err
}

// parseSeconds reads "300" as "300s".
func parseSeconds(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		text = strconv.FormatUint(n, 10) + "s"
	}
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 || time.Duration(d) > 24*time.Hour {
		return 0, fmt.Errorf("--duration %q, want seconds such as 300, or a duration such as 90s or 5m, of a day at most", text)
	}
	return time.Duration(d), nil
}
