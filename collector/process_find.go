package collector

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxCommandLine is how much of a command line is searched, in bytes.
	maxCommandLine = 64 << 10
	// maxPIDFile bounds a pid file, in bytes.
	maxPIDFile = 256
	// commandAge is how old a process must be, in ticks, before its command line is looked at: one that searches for the
	// same text, as pgrep does, is gone by then.
	commandAge = 1 * ticksPerSecond
)

// A processFinder looks for the process to watch among all that there are. Its error says what is not there.
type processFinder func(*procScan) (pid int, err error)

// byCommand finds the oldest process whose command line, its arguments joined by spaces, has a text in it: the parent,
// where its children have the same. It is never this process, whose own command line may well name what it watches.
func byCommand(dir, text string) processFinder {
	return func(s *procScan) (int, error) {
		for _, p := range s.oldestFirst() {
			if p.pid == os.Getpid() || s.boot-p.start < commandAge {
				continue
			}
			if line, err := commandLine(dir, p.pid); err == nil && strings.Contains(line, text) {
				return p.pid, nil
			}
		}
		return 0, fmt.Errorf("finding process: no command line has %q in it", text)
	}
}

func commandLine(dir string, pid int) (string, error) {
	line, err := readBounded(fmt.Sprintf("%s/%d/cmdline", dir, pid), maxCommandLine)
	if err != nil {
		return "", err
	}
	line = bytes.TrimRight(line, "\x00")
	return string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})), nil
}

// readBounded reads the start of a file.
func readBounded(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, size))
}

// byPIDFile finds the process whose pid stands in the first line of a file.
func byPIDFile(path string) processFinder {
	return func(s *procScan) (int, error) {
		text, err := readBounded(path, maxPIDFile)
		if err != nil {
			return 0, fmt.Errorf("reading the pid file: %w", err)
		}
		first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
		pid, err := strconv.Atoi(string(bytes.TrimSpace(first)))
		if err != nil || pid <= 0 {
			return 0, fmt.Errorf("reading the pid file %q: %q, want a process id", path, shortText(first))
		}
		if p, ok := s.byPID[pid]; !ok || p.dead {
			return 0, fmt.Errorf("finding process: %d, which %q names, does not run", pid, path)
		}
		return pid, nil
	}
}

// byPort finds the process that listens on a local TCP port: of several that share the socket the oldest, which is the
// parent, but not the first of the system, which holds the sockets of services that it starts on demand.
func byPort(dir string, port int) processFinder {
	return func(s *procScan) (int, error) {
		sockets, err := listeners(dir, uint64(port))
		if err != nil {
			return 0, err
		}
		if len(sockets) == 0 {
			return 0, fmt.Errorf("finding process: none listens on port %d", port)
		}
		holder, hidden := 0, false
		for _, p := range s.oldestFirst() {
			holds, err := holdsAny(dir, p.pid, sockets)
			hidden = hidden || errors.Is(err, fs.ErrPermission)
			if holds && p.pid != 1 {
				return p.pid, nil
			}
			if holds {
				holder = p.pid
			}
		}
		if holder == 0 && hidden {
			return 0, fmt.Errorf("finding process: who listens on port %d is hidden, want its user or CAP_SYS_PTRACE", port)
		}
		if holder == 0 {
			return 0, fmt.Errorf("finding process: no process here listens on port %d", port)
		}
		return holder, nil
	}
}

// listeners are the names of the sockets that listen on a port, as links to them spell it.
func listeners(dir string, port uint64) (map[string]bool, error) {
	found := map[string]bool{}
	for _, protocol := range []string{"tcp", "tcp6"} {
		f, err := os.Open(dir + "/net/" + protocol)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a machine may be without one of them
		}
		if err != nil {
			return nil, fmt.Errorf("reading sockets: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if inode, ok := listening(lines.Text(), port); ok {
				found["socket:["+inode+"]"] = true
			}
		}
		_ = f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading sockets: %w", err)
		}
	}
	return found, nil
}

// listening reads a line of /proc/net/tcp, and says whether it is of a socket that listens on a port.
func listening(line string, port uint64) (inode string, ok bool) {
	const (
		local, state, inodeField = 1, 3, 9
		listens                  = "0A"
	)
	fields := strings.Fields(line)
	if len(fields) <= inodeField || fields[state] != listens {
		return "", false
	}
	_, hex, _ := strings.Cut(fields[local], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	return fields[inodeField], err == nil && n == port
}

// holdsAny says whether one of a process's descriptors is one of some sockets.
func holdsAny(dir string, pid int, sockets map[string]bool) (bool, error) {
	folder := fmt.Sprintf("%s/%d/fd", dir, pid)
	d, err := os.Open(folder)
	if err != nil {
		return false, err
	}
	names, err := d.Readdirnames(-1)
	_ = d.Close()
	for _, name := range names {
		if target, err := os.Readlink(folder + "/" + name); err == nil && sockets[target] {
			return true, nil
		}
	}
	return false, err
}

// oldestFirst are the processes that run, by their start and then by their pid.
func (s *procScan) oldestFirst() []procStat {
	all := slices.SortedFunc(maps.Values(s.byPID), func(a, b procStat) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid))
	})
	return slices.DeleteFunc(all, func(p procStat) bool { return p.dead })
}
