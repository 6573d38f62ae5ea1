package config

import (
	"fmt"
	"slices"
)

// watches checks what bursts watch, once everything that can be watched is known.
func (c *checker) watches() {
	processes := make([]string, 0, len(c.cfg.Processes))
	for i := range c.cfg.Processes {
		processes = append(processes, c.cfg.Processes[i].Name)
	}
	redis := make([]string, 0, len(c.cfg.Redis))
	for i := range c.cfg.Redis {
		redis = append(redis, c.cfg.Redis[i].Name)
	}
	for i := range c.file.Probes {
		at := fmt.Sprintf("probes[%d].load.watch", i)
		if !c.has(at) || c.file.Probes[i].Load == nil {
			continue
		}
		w := &c.file.Probes[i].Load.Watch
		c.watched(at+".processes", w.Processes, "a process", processes)
		c.watched(at+".redis", w.Redis, "a Redis", redis)
		if w.Host && !c.has("host") {
			c.refuse(at+".host", "true without the section host, want host: {}")
		}
		if len(w.Processes) == 0 && len(w.Redis) == 0 && !w.Host {
			c.refuse(at, "nothing to watch, want processes, redis or host: true")
		}
	}
}

// watched checks that what a burst watches is there, and is named once.
func (c *checker) watched(path string, given []string, what string, known []string) {
	for i, name := range given {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !slices.Contains(known, name):
			c.refuse(at, "%s is not %s, %s", quote(name), what, instead(name, known))
		case slices.Index(given, name) < i:
			c.refuse(at, "%s stands here twice, want it once", quote(name))
		}
	}
}
