package collector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux.
const ticksPerSecond = 100

// procStat is what /proc says of one process.
type procStat struct {
	pid, parent int
	dead        bool    // a zombie: it ended, and nobody has asked how
	cpu         float64 // seconds, its own, in steps of a tick
	waited      float64 // seconds of the children that ended and were waited for, and of theirs
	threads     int
	start       int64 // ticks since the machine's start: with the pid it names a process for good
}

// key names a process for good.
func (s *procStat) key() processKey { return processKey{s.pid, s.start} }

// A processKey is a pid and the instant, in ticks since the machine's start, at which it was given.
type processKey struct {
	pid   int
	start int64
}

// A procReader reads small files of /proc into a buffer of its own. It is not safe for concurrent use.
type procReader struct {
	dir string // "/proc"
	buf [4096]byte
}

// file reads the start of a file of one process, as much as the buffer holds. The text is good until the next call.
func (r *procReader) file(pid int, name string) ([]byte, error) {
	f, err := os.Open(r.dir + "/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return nil, err
	}
	n, err := f.Read(r.buf[:])
	_ = f.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.buf[:n], nil
}

// stat reads a process. A process that is gone is an error as any other.
func (r *procReader) stat(pid int) (procStat, error) {
	text, err := r.file(pid, "stat")
	if err != nil {
		return procStat{}, err
	}
	return parseStat(text)
}

// resident is the memory of a process in bytes; 0 for one that has ended.
func (r *procReader) resident(pid int) (int64, error) {
	text, err := r.file(pid, "statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading statm of %d: %d fields, want 2", pid, len(fields))
	}
	pages, err := number64(fields[1])
	return pages * int64(os.Getpagesize()), err
}

// The fields of stat that we read, counted from the state, which stands behind the name.
const (
	statState        = 0
	statParent       = 1
	statUser         = 11
	statSystem       = 12
	statWaitedUser   = 13
	statWaitedSystem = 14
	statThreads      = 17
	statStart        = 19
)

// parseStat reads a line of stat. The name in it is in parentheses, and may hold spaces and parentheses itself.
func parseStat(text []byte) (s procStat, err error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, fmt.Errorf("reading stat: %q, want a name in parentheses", shortText(text))
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) <= statStart || len(fields[statState]) != 1 {
		return s, fmt.Errorf("reading stat: %d fields, want more than %d", len(fields), statStart)
	}
	var n [statStart + 1]int64
	for _, i := range []int{statParent, statUser, statSystem, statWaitedUser, statWaitedSystem, statThreads, statStart} {
		if n[i], err = number64(fields[i]); err != nil {
			return s, err
		}
	}
	pid, err := number64(bytes.TrimSpace(text[:open]))
	state := fields[statState][0]
	return procStat{
		pid: int(pid), parent: int(n[statParent]), dead: state == 'Z' || state == 'X',
		cpu:    float64(n[statUser]+n[statSystem]) / ticksPerSecond,
		waited: float64(n[statWaitedUser]+n[statWaitedSystem]) / ticksPerSecond,
		start:  n[statStart], threads: int(n[statThreads]),
	}, err
}

func number64(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading a number: %q", shortText(text))
	}
	return n, nil
}

// shortText is the start of what another program wrote, for an error.
func shortText(text []byte) []byte { return text[:min(len(text), 80)] }

// A procScan is all processes at one instant. It is not changed once made.
type procScan struct {
	at       time.Time
	boot     int64         // the same instant in ticks since the machine's start
	cost     time.Duration // of scanning
	byPID    map[int]procStat
	children map[int][]int
}

// A processTable looks at all processes for every tree that is watched. It is safe for concurrent use.
type processTable struct {
	mu   sync.Mutex
	proc procReader // guarded by mu, as below
	last *procScan  // nil before the first
}

func newProcessTable(dir string) *processTable { return &processTable{proc: procReader{dir: dir}} }

// scan is all processes as they are, or were at most some time ago.
func (t *processTable) scan(age time.Duration) (*procScan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.last != nil && now.Sub(t.last.at) < age {
		return t.last, nil
	}
	boot, err := t.uptime()
	if err != nil {
		return nil, err
	}
	pids, err := t.pids()
	if err != nil {
		return nil, err
	}
	s := &procScan{at: now, boot: boot, byPID: make(map[int]procStat, len(pids)), children: map[int][]int{}}
	for _, pid := range pids {
		if p, err := t.proc.stat(pid); err == nil { // else it ended meanwhile
			s.byPID[pid] = p
			s.children[p.parent] = append(s.children[p.parent], pid)
		}
	}
	s.cost = time.Since(now)
	t.last = s
	return s, nil
}

// uptime is in ticks.
func (t *processTable) uptime() (int64, error) {
	text, err := os.ReadFile(filepath.Join(t.proc.dir, "uptime"))
	if err != nil {
		return 0, fmt.Errorf("reading processes: %w", err)
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	seconds, err := strconv.ParseFloat(string(first), 64)
	if err != nil {
		return 0, fmt.Errorf("reading uptime: %q", shortText(text))
	}
	return int64(seconds * ticksPerSecond), nil
}

func (t *processTable) pids() ([]int, error) {
	dir, err := os.Open(t.proc.dir)
	if err != nil {
		return nil, fmt.Errorf("reading processes: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close()
	if err != nil {
		return nil, fmt.Errorf("reading processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// family is a process and its descendants, it first.
func (s *procScan) family(root int) []procStat {
	all, seen := []procStat{s.byPID[root]}, map[int]bool{root: true}
	for i := 0; i < len(all); i++ {
		for _, child := range s.children[all[i].pid] {
			if !seen[child] { // a scan is not of one instant, and may look like a circle
				seen[child] = true
				all = append(all, s.byPID[child])
			}
		}
	}
	return all
}
