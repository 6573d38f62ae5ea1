// Package k6 writes a burst as a script for Grafana k6, and that script as a TestRun for the k6 operator, so that many
// machines can send what one cannot. What k6 cannot do is refused or noted, never left out in silence.
package k6

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// maxScript bounds a script, in bytes. Each of k6's users compiles its own copy of all but the data.
const maxScript = 16 << 20

//go:embed script.js.tmpl
var source string

// A Script is a burst as k6 runs it.
type Script struct {
	Name        string   // of the probe
	Text        string   // JavaScript
	Notes       []string // what is other than in a burst of perfwatch, for people
	Environment []string // variables that the script needs, sorted

	parallelism int
	users       int
}

// Render writes the burst of a load probe for so many runners of k6 that share its load; 1 for k6 alone. Of a burst with
// a matrix it is one run, with the values given. Its error joins one for each thing that cannot be carried over, with its
// path in the probe.
//
// The script holds no value of a header or a cookie that may be a secret, and none of a variable of the environment: it
// reads them from its own environment.
func Render(cfg *config.Config, name string, values map[string]int, parallelism int) (*Script, error) {
	p, err := burst(cfg, name)
	if err != nil {
		return nil, err
	}
	spec, err := oneRun(p.Load, values)
	if err != nil {
		return nil, fmt.Errorf("exporting probe %q: %w", name, err)
	}
	plan, err := spec.Plan(name, planEnv(cfg))
	if err != nil {
		return nil, fmt.Errorf("building probe %q: %w", name, err)
	}
	x := newExporter(cfg, name, spec, plan, parallelism)
	page := x.page(cfg)
	if len(x.refused) > 0 {
		return nil, fmt.Errorf("exporting probe %q: %w", name, errors.Join(x.refused...))
	}
	text, err := page.write()
	if err != nil {
		return nil, fmt.Errorf("exporting probe %q: %w", name, err)
	}
	return &Script{
		Name: name, Text: text, Notes: x.notes, Environment: sortedKeys(x.needed), parallelism: parallelism, users: plan.Users(),
	}, nil
}

// oneRun is the burst with one value for each variable of its matrix: the only one, or the one given.
func oneRun(s *load.Spec, values map[string]int) (*load.Spec, error) {
	one := *s
	one.Matrix = maps.Clone(s.Matrix)
	for _, name := range sortedKeys(s.Matrix) {
		value, given := values[name]
		switch all := s.Matrix[name]; {
		case given && slices.Contains(all, value):
			one.Matrix[name] = []int{value}
		case given || len(all) > 1:
			return nil, fmt.Errorf("load.matrix.%s: one run has one value, want one of %d", name, all)
		}
	}
	for _, name := range sortedKeys(values) {
		if s.Matrix[name] == nil {
			return nil, fmt.Errorf("load.matrix: no variable %q, want one of %q", name, sortedKeys(s.Matrix))
		}
	}
	return &one, nil
}

// planEnv lets a plan be made where what it needs of the environment is not there.
func planEnv(cfg *config.Config) probes.Env {
	env := cfg.BurstEnv()
	env.Elsewhere = true
	return env
}

// burst finds a load probe.
func burst(cfg *config.Config, name string) (*config.Probe, error) {
	var names []string
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		switch {
		case p.Name == name && p.Load == nil:
			return nil, fmt.Errorf("probe %q is of the kind %s, want load", name, p.Kind())
		case p.Name == name:
			return p, nil
		case p.Load != nil:
			names = append(names, p.Name)
		}
	}
	return nil, fmt.Errorf("no probe %q, want one of the load probes %q", name, names)
}

// A page is what the template of the script is filled with.
type page struct {
	Options  options
	Scenario scenario
	Columns  []column
}

// A scenario is what users do, as the script reads it.
type scenario struct {
	Probe   string
	Notes   []string
	Ends    float64 // milliseconds after the start; nothing is sent then
	Stagger float64 // milliseconds from the start of one user to the next's, where the executor does not say
	Think   think
	Lists   []list
	Setup   []request
	Tasks   []request
	Elapsed bool // is measured
}

// think is a wait in milliseconds.
type think struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"` // of an exponential one
}

// page fills in everything, and notes what it cannot.
func (x *exporter) page(cfg *config.Config) *page {
	t := x.spec.ThinkTime
	p := &page{Scenario: scenario{
		Probe: x.probe, Ends: milliseconds(x.spec.Limit()),
		Think: think{milliseconds(t.Min), milliseconds(t.Max), milliseconds(t.Mean)},
	}}
	x.client(cfg.Global.HTTPClient)
	if x.spec.FindCapacity != nil {
		x.refuse("load.find_capacity", "k6 does not search: it has no way to go on from what it found")
		return p
	}
	x.nameAll(x.plan.Columns())
	p.Scenario.Lists = lists(x.plan.Draws())
	p.Scenario.Setup = x.steps()
	p.Scenario.Tasks = x.tasks()
	p.Columns = x.data(p.Scenario.Lists)
	p.Options = x.options(&p.Scenario)
	p.Scenario.Elapsed = x.thresholds(cfg.Objectives, &p.Options)
	x.remarks()
	p.Scenario.Notes = x.notes
	return p
}

// write fills in the template. Every value stands in it as JSON, which is JavaScript too, so that no text of the
// configuration can end the string that it stands in.
func (p *page) write() (string, error) {
	t, err := template.New("script").Funcs(template.FuncMap{"json": literal, "lines": indented}).Parse(source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	if b.Len() > maxScript {
		return "", fmt.Errorf("a script of %d bytes, want at most %d: the data of the burst is too long", b.Len(), maxScript)
	}
	return b.String(), nil
}

// literal writes a value as JSON on one line.
func literal(v any) (string, error) { return encoded(v, "") }

// indented writes a value as JSON on many lines.
func indented(v any) (string, error) { return encoded(v, "  ") }

func encoded(v any, indent string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false) // what ends a line in JavaScript is escaped all the same
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// An exporter walks a spec, whose plan has been built, and collects what cannot be carried over.
type exporter struct {
	probe       string
	spec        *load.Spec
	plan        *load.Plan
	env         probes.Env
	timeout     time.Duration
	parallelism int

	columns    map[string]int    // by name
	uses       []use             // of each column
	slots      map[string]int    // of captured values, by name
	variables  map[string]string // of the environment, by the secret text that each holds
	needed     map[string]bool   // variables of the environment
	fresh      int               // requests over connections of their own
	authorized bool              // the configuration of all requests has credentials
	insecure   bool              // no certificate is verified
	follow     bool              // redirects, where a request does not say

	notes   []string
	refused []error
}

func newExporter(cfg *config.Config, name string, spec *load.Spec, plan *load.Plan, parallelism int) *exporter {
	return &exporter{
		probe: name, spec: spec, plan: plan, env: planEnv(cfg), timeout: cfg.Global.Timeout, parallelism: parallelism,
		slots: map[string]int{}, columns: map[string]int{}, variables: map[string]string{}, needed: map[string]bool{},
	}
}

// refuse says what cannot be carried over.
func (x *exporter) refuse(path, format string, args ...any) {
	x.refused = append(x.refused, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// note says what is carried over in another way, once.
func (x *exporter) note(path, format string, args ...any) {
	text := fmt.Sprintf("%s: %s", path, fmt.Sprintf(format, args...))
	for _, n := range x.notes {
		if n == text {
			return
		}
	}
	x.notes = append(x.notes, text)
}
