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

// Discovered is one file of targets, as it was read last.
type Discovered struct {
	Path    string
	Err     error // why it could not be read; what it had before stands
	Targets []Target
}

// A targetGroup is what a file of Prometheus' file_sd lists.
type targetGroup struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// discover reads the files that a pattern matches. One that cannot be read leaves what it had before: a half-written file
// takes no target out of sight.
func (c *checker) discover(at, pattern string, spec probes.Targeted) (all []Target) {
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
		d := c.read(file, spec)
		if d.Err != nil {
			c.warn(at, "%s", d.Err)
		}
		if !slices.ContainsFunc(c.cfg.Discovered, func(o Discovered) bool { return o.Path == file }) {
			c.cfg.Discovered = append(c.cfg.Discovered, d)
		}
		all = append(all, d.Targets...)
	}
	return all
}

// read reads one file of targets.
func (c *checker) read(path string, spec probes.Targeted) Discovered {
	d := Discovered{Path: path}
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
	d.Err, d.Targets = fmt.Errorf("reading targets of %s: %w", quote(path), err), nil
	if c.earlier != nil {
		for _, before := range c.earlier.Discovered {
			if before.Path == path {
				d.Targets = before.Targets
			}
		}
	}
	return d
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
