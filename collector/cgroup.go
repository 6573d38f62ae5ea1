package collector

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// maxCgroupFile bounds what is read of one of the kernel's files.
const maxCgroupFile = 64 << 10

// A cgroupTree is where the groups of a machine are found, of version 1 or 2, and whose group is meant.
type cgroupTree struct {
	root  string // the /sys/fs/cgroup
	proc  string // the /proc
	group string // its path; "" for that of this process
}

// newCgroupTree looks where gopsutil does.
func newCgroupTree(group string) cgroupTree {
	return cgroupTree{
		root: filepath.Join(cmp.Or(os.Getenv("HOST_SYS"), "/sys"), "fs/cgroup"),
		proc: cmp.Or(os.Getenv("HOST_PROC"), "/proc"), group: group,
	}
}

// A cgroupLimit is the least limit that holds for a group: its own or that of one around it.
type cgroupLimit struct {
	dir  string  // of the group that has it, whose use counts against it
	v2   bool    // version of the files there
	most float64 // bytes, or CPUs
}

// least finds the least limit of a resource, "memory" or "cpu"; false if there is none. Of two that are equal the outer
// one counts, which others use too.
func (c cgroupTree) least(resource string) (limit cgroupLimit, found bool) {
	mount, group, v2 := c.where(resource)
	for ; mount != ""; group = path.Dir(group) {
		dir := filepath.Join(mount, filepath.FromSlash(group))
		if most, ok := limitIn(dir, resource, v2); ok && (!found || most <= limit.most) {
			limit, found = cgroupLimit{dir: dir, v2: v2, most: most}, true
		}
		if group == "/" {
			break
		}
	}
	return limit, found
}

// where is the hierarchy of a resource and the group in it; a mount of "" if there is none. In a container that sees
// only its own group as the root, that is the group.
func (c cgroupTree) where(resource string) (mount, group string, v2 bool) {
	for line := range strings.Lines(string(readSmallFile(filepath.Join(c.proc, "self/cgroup")))) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, own, ok := strings.Cut(rest, ":")
		v1 := strings.Contains(","+controllers+",", ","+resource+",")
		if !ok || !v1 && (id != "0" || controllers != "") {
			continue
		}
		at := c.root
		if v1 {
			at = filepath.Join(c.root, resource)
		} else if _, err := os.Stat(filepath.Join(at, "cgroup.controllers")); err != nil {
			continue // version 1 has the controllers
		}
		// Cleaned as an absolute path, no ".." leads out of the mount.
		group = path.Clean("/" + cmp.Or(c.group, own))
		if info, err := os.Stat(filepath.Join(at, group)); err != nil || !info.IsDir() {
			group = "/"
		}
		return at, group, !v1
	}
	return "", "", false
}

// limitIn reads the limit of one group.
func limitIn(dir, resource string, v2 bool) (most float64, ok bool) {
	read := func(file string) string { return string(bytes.TrimSpace(readSmallFile(filepath.Join(dir, file)))) }
	switch {
	case resource == "memory" && v2:
		most, ok = positive(read("memory.max"))
	case resource == "memory":
		most, ok = positive(read("memory.limit_in_bytes")) // far beyond any machine without
	case v2:
		quota, period, _ := strings.Cut(read("cpu.max"), " ")
		most, ok = quotient(quota, period)
	default:
		most, ok = quotient(read("cpu.cfs_quota_us"), read("cpu.cfs_period_us"))
	}
	return most, ok
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

// memoryUsed is what counts against a limit: without the file cache that can be had back at once.
func (l cgroupLimit) memoryUsed() (bytes float64, err error) {
	current, cache := "memory.usage_in_bytes", "total_inactive_file"
	if l.v2 {
		current, cache = "memory.current", "inactive_file"
	}
	used := parseCount(strings.TrimSpace(string(readSmallFile(filepath.Join(l.dir, current)))))
	inactive := l.stat("memory.stat", cache)
	if !used.known || !inactive.known {
		return 0, fmt.Errorf("reading memory of cgroup %q: no %s or no %s", l.dir, current, cache)
	}
	return float64(used.n - min(used.n, inactive.n)), nil
}

// cpuUsed is CPU seconds since the group was made.
func (l cgroupLimit) cpuUsed() (seconds float64, err error) {
	if l.v2 {
		if used := l.stat("cpu.stat", "usage_usec"); used.known {
			return float64(used.n) / 1e6, nil
		}
		return 0, fmt.Errorf("reading CPU of cgroup %q: no usage_usec", l.dir)
	}
	// The hierarchy of cpuacct is mounted with that of cpu, or beside it.
	for _, dir := range []string{l.dir, strings.Replace(l.dir, "/fs/cgroup/cpu", "/fs/cgroup/cpuacct", 1)} {
		if used := parseCount(strings.TrimSpace(string(readSmallFile(filepath.Join(dir, "cpuacct.usage"))))); used.known {
			return float64(used.n) / 1e9, nil
		}
	}
	return 0, fmt.Errorf("reading CPU of cgroup %q: no cpuacct.usage", l.dir)
}

// throttled is how long its quota has kept the group from running, summed over its CPUs.
func (l cgroupLimit) throttled() (seconds float64, ok bool) {
	if l.v2 {
		n := l.stat("cpu.stat", "throttled_usec")
		return float64(n.n) / 1e6, n.known
	}
	n := l.stat("cpu.stat", "throttled_time")
	return float64(n.n) / 1e9, n.known
}

// stat is one line of a file of names and numbers.
func (l cgroupLimit) stat(file, name string) count {
	for line := range strings.Lines(string(readSmallFile(filepath.Join(l.dir, file)))) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return parseCount(strings.TrimSpace(value))
		}
	}
	return count{}
}

// readSmallFile is empty for a file that cannot be read, and for one that is larger than any of the kernel's.
func readSmallFile(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxCgroupFile+1))
	if errors.Join(err, f.Close()) != nil || len(text) > maxCgroupFile {
		return nil
	}
	return text
}
