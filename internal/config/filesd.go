package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/probes"
)

// maxTargetFile bounds a file of targets.
const maxTargetFile = 8 << 20

// Discovered is one file of targets, as it was read last for one probe: what one kind can ask another may not.
type Discovered struct {
	Probe   string
	Path    string
	Err     error // why it could not be read; what it had for this probe before stands
	Targets []Target
}

// A TargetFile is one file of targets, as it was read last for all probes that name it.
type TargetFile struct {
	Path    string
	Targets int  // that it gives; to the probe that takes most of them, if they differ
	Good    bool // it could be read for every one of them
}

// TargetFileList is what was read of the files of targets, each once.
func (c *Config) TargetFileList() []TargetFile {
	var files []TargetFile
	at := map[string]int{}
	for _, d := range c.Discovered {
		i, known := at[d.Path]
		if !known {
			i, at[d.Path] = len(files), len(files)
			files = append(files, TargetFile{Path: d.Path, Good: true})
		}
		files[i].Targets = max(files[i].Targets, len(d.Targets))
		files[i].Good = files[i].Good && d.Err == nil
	}
	return files
}

// A targetGroup is what a file of Prometheus' file_sd lists.
type targetGroup struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// discover reads the files that a pattern matches. One that cannot be read leaves what it had before: a half-written file
// takes no target out of sight.
func (c *checker) discover(at, probe, pattern string, spec probes.Targeted) (all []Target) {
	path := pattern
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.dir, path)
	}
	files, err := filepath.Glob(path)
	switch ext := filepath.Ext(pattern); {
	case err != nil || pattern == "":
		c.refuse(at, "%s, want a file or a pattern of files", quote(pattern))
		return nil
	case ext != ".json" && ext != ".yml" && ext != ".yaml":
		c.refuse(at, "%s, want its name to end in .json, .yml or .yaml", quote(pattern))
		return nil
	case len(files) == 0 && !strings.ContainsAny(pattern, "*?["):
		files = []string{path} // that it is not there is told below
	}
	c.cfg.TargetFiles = append(c.cfg.TargetFiles, path)
	for _, file := range files {
		d := c.read(probe, file, spec)
		if d.Err != nil {
			c.warn(at, "%s", d.Err)
		}
		c.cfg.Discovered = append(c.cfg.Discovered, d)
		all = append(all, d.Targets...)
	}
	return all
}

// read reads one file of targets for a probe.
func (c *checker) read(probe, path string, spec probes.Targeted) Discovered {
	d := Discovered{Probe: probe, Path: path}
	text, err := readTargets(path)
	if err == nil {
		d.Targets, err = parseTargets(text)
	}
	for i := 0; err == nil && i < len(d.Targets); i++ {
		if why := c.unfit(d.Targets[i], spec); why != "" {
			err = errors.New(why)
		}
	}
	if err == nil {
		return d
	}
	d.Err, d.Targets = fmt.Errorf("reading targets of %s: %w", quote(path), err), c.before(probe, path, spec)
	return d
}

// before is what a file had for a probe when it was read last. The probe may be of another kind since then: it keeps what
// it can ask.
func (c *checker) before(probe, path string, spec probes.Targeted) []Target {
	if c.earlier == nil {
		return nil
	}
	for _, d := range c.earlier.Discovered {
		if d.Probe == probe && d.Path == path {
			return slices.DeleteFunc(slices.Clone(d.Targets), func(t Target) bool { return c.unfit(t, spec) != "" })
		}
	}
	return nil
}

func readTargets(path string) (text []byte, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer must not hold up a reload
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("not a regular file"), err)
	}
	text, err = io.ReadAll(io.LimitReader(f, maxTargetFile+1))
	if err == nil && len(text) > maxTargetFile {
		err = fmt.Errorf("over %d MiB", maxTargetFile>>20)
	}
	return text, err
}

// parseTargets reads the format of Prometheus' file_sd, JSON or YAML: a list of groups, each with targets and labels.
func parseTargets(text []byte) (all []Target, err error) {
	var groups []targetGroup
	if err := yaml.Unmarshal(text, &groups); err != nil {
		return nil, errors.New(shorten(err.Error()))
	}
	for _, g := range groups {
		for _, t := range g.Targets {
			if len(all) == maxTargets {
				return nil, fmt.Errorf("more than %d targets", maxTargets)
			}
			all = append(all, Target{Address: t, Labels: g.Labels})
		}
	}
	return all, nil
}
