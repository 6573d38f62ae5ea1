// Package archive keeps finished bursts, and small state that must outlive the daemon, in a folder on disk. What it has
// said is kept survives a kill at any instant; what it finds broken is set aside and never stops the daemon.
package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The bounds of an archive.
const (
	maxBursts  = 200       // of each probe; the oldest go first
	maxBytes   = 256 << 20 // of all bursts
	maxBurst   = 16 << 20  // of one file
	maxState   = 1 << 20   // of one file
	maxCorrupt = 10        // files set aside in each folder
)

// Folders and files of an archive. Names of probes are those of the configuration, which are safe as names of folders.
const (
	burstsDir     = "bursts"
	stateDir      = "state"
	pipelinesDir  = "pipelines"
	lockFile      = "lock"
	suffix        = ".json"
	corruptSuffix = ".corrupt"
	tempPrefix    = ".tmp-"
	timeFormat    = "20060102T150405.000000000Z"
)

var (
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	filePattern = regexp.MustCompile(`^\d{8}T\d{6}\.\d{9}Z(-\d+)?\.json$`)
)

// An Archive is a folder that this process alone writes to. Its methods are safe for concurrent use.
type Archive struct {
	dir    string
	root   *os.Root
	lock   *os.File
	logger *slog.Logger

	perProbe int
	bytes    int64
	before   func(step string) error // tests make a step fail, or end the process there
	viewed   bool                    // another process may write to it, and this one does not

	corrupt atomic.Uint64
	mu      sync.Mutex
	bursts  map[string][]file // of each probe, the oldest first; guarded by mu
}

// A file is a burst on disk.
type file struct {
	name string
	size int64
}

// Open opens the archive in a folder, which it makes if there is none, and locks it: its error says so if another
// process has it, or if the folder cannot be written to. It reads no burst.
func Open(dir string, logger *slog.Logger) (a *Archive, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening storage %q: %w", dir, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o750); err != nil { //nolint:gosec // the operator says where
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	a = &Archive{
		dir: dir, root: root, logger: logger, bursts: map[string][]file{},
		perProbe: maxBursts, bytes: maxBytes, before: func(string) error { return nil },
	}
	if err := a.begin(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Archive) begin() (err error) {
	if a.lock, err = a.root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := lock(a.lock); err != nil {
		return err
	}
	for _, dir := range []string{burstsDir, stateDir, pipelinesDir} {
		if err := a.makeDir(dir); err != nil {
			return err
		}
	}
	if err := a.write(stateDir, "writable", nil); err != nil { // now rather than after the first burst
		return err
	}
	if err := a.root.Remove(path.Join(stateDir, "writable")); err != nil {
		return err
	}
	return a.scan()
}

// Close lets go of the folder.
func (a *Archive) Close() error {
	var err error
	if a.lock != nil {
		err = a.lock.Close()
	}
	return errors.Join(err, a.root.Close())
}

// Corrupt is how many files were set aside since the archive was opened.
func (a *Archive) Corrupt() uint64 { return a.corrupt.Load() }

// makeDir makes a folder and has its name on disk when it returns.
func (a *Archive) makeDir(dir string) error {
	if err := a.root.Mkdir(dir, 0o750); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	return a.syncDir(path.Dir(dir))
}

// scan notes which bursts there are, removes what a kill left unfinished and sets aside what is none of ours.
func (a *Archive) scan() error {
	probes, err := a.list(burstsDir)
	if err != nil {
		return err
	}
	for _, p := range probes {
		if strings.HasSuffix(p.Name(), corruptSuffix) {
			continue
		}
		if !p.IsDir() || !namePattern.MatchString(p.Name()) {
			a.setAside(burstsDir, p.Name(), errors.New("not a probe's folder"))
			continue
		}
		if err := a.scanProbe(p.Name()); err != nil {
			return err
		}
	}
	if a.viewed {
		return nil
	}
	for probe := range a.bursts {
		a.prune(probe)
	}
	a.clean(stateDir)
	a.clean(pipelinesDir)
	return nil
}

func (a *Archive) scanProbe(probe string) error {
	dir := path.Join(burstsDir, probe)
	if !a.viewed {
		a.clean(dir)
	}
	entries, err := a.list(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case strings.HasSuffix(e.Name(), corruptSuffix) || strings.HasPrefix(e.Name(), tempPrefix) || errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		case !info.Mode().IsRegular() || !filePattern.MatchString(e.Name()):
			a.setAside(dir, e.Name(), errors.New("not a burst"))
		case info.Size() > maxBurst:
			a.setAside(dir, e.Name(), fmt.Errorf("%d bytes, want at most %d", info.Size(), maxBurst))
		default:
			a.bursts[probe] = append(a.bursts[probe], file{e.Name(), info.Size()})
		}
	}
	return nil
}

// list reads a folder, sorted by name.
func (a *Archive) list(dir string) ([]os.DirEntry, error) {
	d, err := a.root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, errors.Join(err, d.Close())
}

// clean removes unfinished files. One that cannot be removed does no harm: it is never read.
func (a *Archive) clean(dir string) {
	entries, _ := a.list(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			_ = a.root.Remove(path.Join(dir, e.Name()))
		}
	}
}

// setAside renames a file that is not what it should be, for people to look at, and removes the oldest of such files.
func (a *Archive) setAside(dir, name string, why error) {
	a.corrupt.Add(1)
	from := path.Join(dir, name)
	if a.viewed {
		a.logger.Warn("file left out", "file", path.Join(a.dir, from), "err", why)
		return
	}
	a.logger.Warn("file set aside", "file", path.Join(a.dir, from), "err", why)
	if err := a.root.Rename(from, from+corruptSuffix); err != nil {
		a.logger.Error("file not set aside", "file", path.Join(a.dir, from), "err", err)
		return
	}
	entries, err := a.list(dir)
	if err != nil {
		return
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), corruptSuffix) })
	for _, e := range entries[:max(len(entries)-maxCorrupt, 0)] {
		_ = a.root.Remove(path.Join(dir, e.Name())) // a folder that is not empty stays
	}
}
