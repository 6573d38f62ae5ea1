package oneshot

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// window is what the objectives of a run are judged over: all of it, however long it takes.
const window = 24 * time.Hour

// A Selection says what is run of a configuration, and how its bursts of users differ from what is written there.
type Selection struct {
	Names  []string       // of probes; none is all of them
	Groups []string       // of probes
	Suites []config.Suite // parts of the performance plan

	Host     *url.URL      // in the place of global.base_url; nil leaves it
	Users    int           // 0 leaves them
	RampUp   float64       // users a second; 0 leaves it
	Duration time.Duration // of bursts; 0 leaves it
}

// Narrowed says that not everything is run.
func (s *Selection) Narrowed() bool { return len(s.Names)+len(s.Groups)+len(s.Suites) > 0 }

// Apply leaves in a configuration what is to be run, changed as the selection says. Its error names what the
// configuration does not have.
func (s *Selection) Apply(cfg *config.Config) error {
	if err := s.known(cfg.Probes); err != nil {
		return err
	}
	cfg.Probes = slices.DeleteFunc(slices.Clone(cfg.Probes), func(p config.Probe) bool { return !s.picks(&p) })
	if len(cfg.Probes) == 0 {
		return errors.New("nothing is selected: the configuration has no such probe")
	}
	if s.Host != nil {
		cfg.Global.BaseURL = s.Host
	}
	changed := 0
	for i := range cfg.Probes {
		changed += s.resize(&cfg.Probes[i])
	}
	if changed == 0 && (s.Users > 0 || s.RampUp > 0) {
		return errors.New("the number of users and their ramp-up change bursts whose users think, or that are named: " +
			"none of those is selected")
	}
	cfg.Objectives = slices.Clone(cfg.Objectives)
	for i := range cfg.Objectives {
		if o := &cfg.Objectives[i]; o.Window > 0 {
			o.Window = window
		}
	}
	return nil
}

// known finds every name and group that the configuration does not have.
func (s *Selection) known(all []config.Probe) error {
	names, groups := make([]string, 0, 2*len(all)), make([]string, 0, len(all))
	for i := range all {
		names = append(names, all[i].Name, entry(all[i].Name))
		groups = append(groups, all[i].Group)
	}
	var unknown []error
	for _, name := range s.Names {
		if !slices.Contains(names, name) {
			unknown = append(unknown, fmt.Errorf("no probe %.100q: %s", name, config.Instead(name, distinct(names))))
		}
	}
	for _, group := range s.Groups {
		if !slices.Contains(groups, group) {
			unknown = append(unknown, fmt.Errorf("no group %.100q: %s", group, config.Instead(group, distinct(groups))))
		}
	}
	return errors.Join(unknown...)
}

func distinct(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// entry is the name of a probe without its target.
func entry(name string) string {
	name, _, _ = strings.Cut(name, "/")
	return name
}

func (s *Selection) picks(p *config.Probe) bool {
	return (len(s.Names) == 0 || s.named(p)) && (len(s.Groups) == 0 || slices.Contains(s.Groups, p.Group)) &&
		(len(s.Suites) == 0 || slices.Contains(s.Suites, p.Suite()))
}

func (s *Selection) named(p *config.Probe) bool {
	return slices.Contains(s.Names, p.Name) || slices.Contains(s.Names, entry(p.Name))
}

// resize changes a burst of users and says how many it changed: those whose users think, as people do, or that are
// named. What others measure depends on how many users they have.
func (s *Selection) resize(p *config.Probe) int {
	if p.Load == nil || p.Load.Users == 0 || p.Load.ThinkTime == (load.ThinkTime{}) && !s.named(p) {
		return 0
	}
	spec := *p.Load
	if s.Users > 0 {
		spec.Users = s.Users
	}
	if s.RampUp > 0 {
		spec.RampUp = s.RampUp
	}
	if s.Duration > 0 {
		spec.Duration = s.Duration
		p.Timeout = max(p.Timeout, s.Duration+load.DefaultLimit)
	}
	p.Load = &spec
	return 1
}

// Fed are the objectives that the samples of a probe feed, among those of a book.
func Fed(book *objective.Book, p *config.Probe) (fed []*objective.Tracker) {
	measures := []objective.Measure{objective.Latency, objective.ErrorRatio}
	switch {
	case p.Load != nil:
		measures = objective.BurstMeasures()
	case p.Page != nil:
		measures = append(measures, objective.PageFCP, objective.PageTTI)
	}
	for _, m := range measures {
		fed = append(fed, book.Of(m, p.Group, p.Name, "")...)
	}
	return fed
}
