package load

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// maxCgroupFile bounds what is read of one of the kernel's files, which are a few hundred bytes.
const maxCgroupFile = 64 << 10

// throttled is how long the CPU quotas of this process's cgroups have kept it from running: its own group's and those
// of the groups around it, of which each counts for itself. It is the kernel's throttled_usec (version 2) or
// throttled_time (version 1) in the cpu.stat of each, and 0 where there are none. In a container that sees only its own
// group as the root, that is the one that is read.
func throttled(root fs.FS) (sum time.Duration) {
	for line := range strings.Lines(string(readSmall(root, "proc/self/cgroup"))) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		var mount string
		switch {
		case !ok:
			continue
		case id == "0" && controllers == "":
			mount = "sys/fs/cgroup"
		case hasController(controllers, "cpu"):
			mount = "sys/fs/cgroup/cpu"
		default:
			continue
		}
		// Cleaned as an absolute path, no ".." of a namespace leads out of the mount.
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			sum += throttledIn(readSmall(root, path.Join(mount, group, "cpu.stat")))
			if group == "/" {
				break
			}
		}
	}
	return sum
}

func hasController(list, name string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == name {
			return true
		}
	}
	return false
}

// throttledIn reads a cpu.stat.
func throttledIn(stat []byte) time.Duration {
	lines := bufio.NewScanner(bytes.NewReader(stat))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil || n < 0:
		case name == "throttled_usec" && n < int64(1<<63-1)/int64(time.Microsecond):
			return time.Duration(n) * time.Microsecond
		case name == "throttled_time":
			return time.Duration(n)
		}
	}
	return 0
}

// readSmall reads the beginning of a file; nothing of one that cannot be read.
func readSmall(root fs.FS, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, _ := io.ReadAll(io.LimitReader(f, maxCgroupFile))
	return text
}
