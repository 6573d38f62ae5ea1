// Package cgroup reads what the kernel's control groups, of version 1 or 2, leave a group, and what it uses of that.
package cgroup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds what is read of one of the kernel's files.
const maxFile = 64 << 10

// The resources that have limits.
const (
	Memory = "memory"
	CPU    = "cpu"
)

// A Tree is where the groups of a machine are found, and whose group is meant.
type Tree struct {
	Root  string // the /sys/fs/cgroup
	Proc  string // the /proc
	Group string // its path; "" for that of this process
}

// Of is the tree of this machine, found where gopsutil looks, and a group in it; "" is that of this process.
func Of(group string) Tree {
	return Tree{
		Root: filepath.Join(cmp.Or(os.Getenv("HOST_SYS"), "/sys"), "fs/cgroup"),
		Proc: cmp.Or(os.Getenv("HOST_PROC"), "/proc"), Group: group,
	}
}

// A Limit is one that holds for a group: its own or that of one around it.
type Limit struct {
	Most float64 // bytes, or CPUs

	in folder // of the group that has it, whose use counts against it
}

// Least finds the least limit of a resource; false if there is none. Of two that are equal the outer one counts, which
// others use too.
func (t Tree) Least(resource string) (limit Limit, found bool) {
	for _, in := range t.around(resource) {
		if most, ok := in.limit(resource); ok && (!found || most <= limit.Most) {
			limit, found = Limit{most, in}, true
		}
	}
	return limit, found
}

// Throttled is how long the quotas of the group and of those around it have kept it from running, of which each counts for
// itself, summed over CPUs.
func (t Tree) Throttled() (sum time.Duration) {
	for _, in := range t.around(CPU) {
		d, _ := in.throttled()
		sum += d
	}
	return sum
}

// MemoryUsed is the bytes that count against a limit of memory: without the file cache that can be had back at once.
func (l Limit) MemoryUsed() (bytes float64, err error) {
	current, cache := "memory.usage_in_bytes", "total_inactive_file"
	if l.in.v2 {
		current, cache = "memory.current", "inactive_file"
	}
	used, known := number(l.in.read(current))
	inactive, split := l.in.stat("memory.stat", cache)
	if !known || !split {
		return 0, fmt.Errorf("reading memory of cgroup %q: no %s or no %s", l.in.dir, current, cache)
	}
	return float64(used - min(used, inactive)), nil
}

// CPUUsed is CPU seconds since the group with a limit of CPU was made.
func (l Limit) CPUUsed() (seconds float64, err error) {
	if l.in.v2 {
		if used, ok := l.in.stat("cpu.stat", "usage_usec"); ok {
			return float64(used) / 1e6, nil
		}
		return 0, fmt.Errorf("reading CPU of cgroup %q: no usage_usec", l.in.dir)
	}
	// The hierarchy of cpuacct is mounted with that of cpu, or beside it.
	for _, dir := range []string{l.in.dir, strings.Replace(l.in.dir, "/fs/cgroup/cpu", "/fs/cgroup/cpuacct", 1)} {
		if used, ok := number(folder{dir: dir}.read("cpuacct.usage")); ok {
			return float64(used) / 1e9, nil
		}
	}
	return 0, fmt.Errorf("reading CPU of cgroup %q: no cpuacct.usage", l.in.dir)
}

// Throttled is how long the quota of a limit of CPU has kept its group from running, summed over its CPUs; false if the
// kernel does not say.
func (l Limit) Throttled() (time.Duration, bool) { return l.in.throttled() }

// around are the folders of a group and of those around it, the innermost first.
func (t Tree) around(resource string) (all []folder) {
	mount, group, v2 := t.where(resource)
	for ; mount != ""; group = path.Dir(group) {
		all = append(all, folder{filepath.Join(mount, filepath.FromSlash(group)), v2})
		if group == "/" {
			break
		}
	}
	return all
}

// where is the hierarchy of a resource and the group in it; a mount of "" if there is none. In a container that sees
// only its own group as the root, that is the group.
func (t Tree) where(resource string) (mount, group string, v2 bool) {
	for line := range strings.Lines(folder{dir: t.Proc}.read("self/cgroup")) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, own, ok := strings.Cut(rest, ":")
		v1 := strings.Contains(","+controllers+",", ","+resource+",")
		if !ok || !v1 && (id != "0" || controllers != "") {
			continue
		}
		at := t.Root
		if v1 {
			at = filepath.Join(t.Root, resource)
		} else if _, err := os.Stat(filepath.Join(at, "cgroup.controllers")); err != nil {
			continue // version 1 has the controllers
		}
		// Cleaned as an absolute path, no ".." leads out of the mount.
		group = path.Clean("/" + cmp.Or(t.Group, own))
		if info, err := os.Stat(filepath.Join(at, group)); err != nil || !info.IsDir() {
			group = "/"
		}
		return at, group, !v1
	}
	return "", "", false
}

// A folder has the files of one group.
type folder struct {
	dir string
	v2  bool
}

// limit is the group's own.
func (f folder) limit(resource string) (most float64, ok bool) {
	switch {
	case resource == Memory && f.v2:
		return positive(f.read("memory.max"))
	case resource == Memory:
		return positive(f.read("memory.limit_in_bytes")) // far beyond any machine without
	case f.v2:
		quota, period, _ := strings.Cut(f.read("cpu.max"), " ")
		return quotient(quota, period)
	}
	return quotient(f.read("cpu.cfs_quota_us"), f.read("cpu.cfs_period_us"))
}

func (f folder) throttled() (time.Duration, bool) {
	name, unit := "throttled_time", uint64(time.Nanosecond)
	if f.v2 {
		name, unit = "throttled_usec", uint64(time.Microsecond)
	}
	n, ok := f.stat("cpu.stat", name)
	if n > uint64(1<<63-1)/unit {
		return 0, false
	}
	return time.Duration(n * unit), ok
}

// stat is one line of a file of names and numbers.
func (f folder) stat(file, name string) (uint64, bool) {
	for line := range strings.Lines(f.read(file)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return number(strings.TrimSpace(value))
		}
	}
	return 0, false
}

// read is a file without the space around it; "" for one that cannot be read, or is larger than any of the kernel's.
func (f folder) read(name string) string {
	file, err := os.Open(filepath.Join(f.dir, name))
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if errors.Join(err, file.Close()) != nil || len(text) > maxFile {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// positive is a number above 0; "max" and -1 are no limit.
func positive(text string) (float64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return float64(n), err == nil && n > 0
}

func quotient(quota, period string) (float64, bool) {
	q, ok := positive(quota)
	p, whole := positive(period)
	return q / p, ok && whole
}
