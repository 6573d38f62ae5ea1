package collector

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// How a tree of local processes is looked at. Its members are sampled at each reading; who belongs to it costs a look at
// every process of the machine, and is asked so rarely that it takes at most a 500th of a CPU.
const (
	treeRefresh = time.Second
	pssRefresh  = 10 * time.Second
	costFactor  = 500
	minRetry    = 250 * time.Millisecond
	maxRetry    = 5 * time.Second
)

// errProcessEnded is the news of the reading that finds a process gone.
var errProcessEnded = errors.New("the process has ended")

// A processTree reads a process of this machine and its descendants from /proc.
type processTree struct {
	find     processFinder
	children bool
	table    *processTable
	proc     procReader
	clocks   bool // the kernel has CPU clocks

	root, before processKey // the process, zero while there is none; the last there was
	members      map[processKey]*member
	scanned      int64 // when the members were last looked for, in ticks since the machine's start; 0 before the first

	refreshAt, sharedAt  time.Time
	retry                time.Duration
	missing              error // why there is no root
	shared, fds, threads count // as of the last refresh
}

// A member is one process of a tree.
type member struct {
	parent  int
	known   bool    // from an earlier reading
	cpu     float64 // seconds, its own, as last seen
	waited  float64 // likewise, of children that it waited for
	pending float64 // what was seen of children that are gone, until it shows in waited
	debt    float64 // at most 0: what was pending at the last look and has not shown
}

func newProcessTree(table *processTable, find processFinder, children bool) *processTree {
	return &processTree{
		find: find, children: children, table: table, proc: procReader{dir: table.proc.dir}, clocks: hasCPUClocks(),
		members: map[processKey]*member{}, retry: minRetry,
	}
}

// read implements processSource.
func (t *processTree) read(context.Context) (r processReading, err error) {
	now := time.Now()
	refresh := !now.Before(t.refreshAt)
	if t.root.pid == 0 && !refresh {
		return r, t.missing
	}
	var scan *procScan
	if refresh {
		if scan, err = t.look(now, &r); err != nil {
			return r, t.lose(now, err)
		}
	}
	t.sample(&r)
	if t.members[t.root] == nil {
		return r, t.lose(now, errProcessEnded)
	}
	if refresh {
		t.settle(scan, &r)
		t.count(now, scan)
	}
	r.shared, r.fds, r.threads = t.shared, t.fds, t.threads
	return r, nil
}

// lose goes on without a process, and says when to look for one.
func (t *processTree) lose(now time.Time, err error) error {
	if t.root.pid != 0 {
		t.retry = minRetry
	}
	t.root, t.missing = processKey{}, err
	t.refreshAt = now.Add(max(t.retry, costFactor*time.Since(now)))
	t.retry = min(2*t.retry, maxRetry)
	return err
}

// look finds the root, if there is none, and who belongs to it.
func (t *processTree) look(now time.Time, r *processReading) (*procScan, error) {
	scan, err := t.table.scan(treeRefresh / 2)
	if err != nil {
		return nil, err
	}
	if t.root.pid == 0 {
		pid, err := t.find(scan)
		if err != nil {
			return nil, err
		}
		p := scan.byPID[pid]
		t.root, t.retry, t.sharedAt = p.key(), minRetry, time.Time{}
		r.restarted = t.before.pid != 0 && t.before != t.root
		t.before = t.root
	} else if p := scan.byPID[t.root.pid]; p.key() != t.root || p.dead {
		return nil, errProcessEnded
	}
	t.adopt(scan)
	t.refreshAt = now.Add(max(treeRefresh, costFactor*scan.cost))
	return scan, nil
}

// adopt makes members of the root and its descendants, and of nobody else.
func (t *processTree) adopt(scan *procScan) {
	family := scan.family(t.root.pid)
	if !t.children {
		family = family[:1]
	}
	belongs := map[processKey]bool{}
	for i := range family {
		p := &family[i]
		if p.dead {
			continue
		}
		belongs[p.key()] = true
		if m := t.members[p.key()]; m != nil {
			m.parent = p.parent
			continue
		}
		t.members[p.key()] = t.newMember(p)
	}
	for key := range t.members {
		switch p, there := scan.byPID[key.pid]; {
		case belongs[key]:
		case there && p.key() == key && !p.dead:
			delete(t.members, key) // it lives, but under another parent
		default:
			t.gone(key)
		}
	}
	t.scanned = scan.boot
}

// newMember counts what a process has spent since it started, if it started since the last look. What an older one has
// spent is not ours.
func (t *processTree) newMember(p *procStat) *member {
	m := &member{parent: p.parent}
	if t.scanned == 0 || p.start < t.scanned {
		m.cpu, _ = t.cpu(p.pid)
		m.waited = p.waited
	}
	return m
}

// cpu is what a process itself has spent, in seconds; false for one that is gone.
func (t *processTree) cpu(pid int) (float64, bool) {
	if t.clocks {
		return cpuClock(pid)
	}
	p, err := t.proc.stat(pid)
	return p.cpu, err == nil
}

// gone drops a member that has ended. What was seen of it will be in what its parent waited for.
func (t *processTree) gone(key processKey) {
	m := t.members[key]
	delete(t.members, key)
	for k, parent := range t.members {
		if k.pid == m.parent {
			parent.pending += m.cpu + m.waited + m.pending
		}
	}
}

// sample adds up what the members say now.
func (t *processTree) sample(r *processReading) {
	r.at = time.Now()
	for key, m := range t.members {
		cpu, ok := t.cpu(key.pid)
		resident, err := t.proc.resident(key.pid)
		if !ok || err != nil || resident == 0 { // one that ended and was not waited for has no memory
			t.gone(key)
			continue
		}
		if spent := cpu - m.cpu; spent > 0 {
			m.cpu = cpu
			r.cpu += spent
			if m.known {
				r.steady += spent
			}
		}
		m.known = true
		r.resident += resident
	}
	r.took = time.Since(r.at)
}

// settle counts what children spent and nobody saw: those that came and went between two looks, and the last moments of
// the others. It is what the parents waited for, less what was seen. What was seen of a child may show in its parent's
// time only at the next look, so that a debt is carried over one.
func (t *processTree) settle(scan *procScan, r *processReading) {
	if !t.children {
		return
	}
	for key, m := range t.members {
		p, ok := scan.byPID[key.pid]
		if !ok {
			continue
		}
		unseen := p.waited - m.waited - m.pending + m.debt
		if unseen > 0 {
			r.cpu += unseen
		}
		m.debt = 0
		if m.pending > 0 {
			m.debt = min(0, unseen)
		}
		m.waited, m.pending = p.waited, 0
	}
}

// count adds up what changes slowly or costs much. What one member hides is known of none.
func (t *processTree) count(now time.Time, scan *procScan) {
	t.threads, t.fds = count{known: true}, count{known: true}
	shared, withShared := count{known: true}, !now.Before(t.sharedAt)
	files, err := procfs.NewFS(t.proc.dir)
	if err != nil {
		t.fds.known, withShared = false, false
	}
	for key := range t.members {
		t.threads.n += uint64(scan.byPID[key.pid].threads)
		p, err := files.Proc(key.pid)
		if err != nil {
			continue
		}
		n, err := p.FileDescriptorsLen()
		add(&t.fds, uint64(n), err)
		if withShared {
			n, err := proportionalMemory(p)
			add(&shared, n, err)
		}
	}
	if withShared {
		t.shared = shared
		t.sharedAt = now.Add(max(pssRefresh, costFactor*time.Since(now)))
	}
}

// add counts what one member says. One that has ended meanwhile says nothing.
func add(sum *count, n uint64, err error) {
	switch {
	case err == nil:
		sum.n += n
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH):
		sum.known = false
	}
}
