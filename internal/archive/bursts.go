package archive

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"slices"
)

// Put keeps a burst. When it returns without an error the burst is on disk, and stays there until 200 newer ones of its
// probe, or 256 MiB of all probes, push it out.
func (a *Archive) Put(b *Burst) error {
	if !namePattern.MatchString(b.Probe) {
		return fmt.Errorf("keeping a burst: probe %q", b.Probe)
	}
	text, err := b.encode()
	if err != nil {
		return fmt.Errorf("keeping a burst of %q: %w", b.Probe, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	dir := path.Join(burstsDir, b.Probe)
	if err := a.makeDir(dir); err != nil {
		return fmt.Errorf("keeping a burst of %q: %w", b.Probe, err)
	}
	f := file{a.free(b), int64(len(text))}
	if err := a.write(dir, f.name, text); err != nil {
		return err
	}
	files := append(a.bursts[b.Probe], f)
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	a.bursts[b.Probe] = files
	a.prune(b.Probe)
	return nil
}

// free is the name of a burst's file; two of one instant, as after a clock was set back, have different ones.
func (a *Archive) free(b *Burst) string {
	stem := b.Start.UTC().Format(timeFormat)
	name := stem + suffix
	taken := func(f file) bool { return f.name == name }
	for n := 2; slices.ContainsFunc(a.bursts[b.Probe], taken); n++ {
		name = fmt.Sprintf("%s-%d%s", stem, n, suffix)
	}
	return name
}

// prune removes the oldest bursts beyond the bounds; the newest of the probe stays in any case. The caller holds the
// lock.
func (a *Archive) prune(probe string) {
	for len(a.bursts[probe]) > a.perProbe {
		a.remove(probe)
	}
	var total int64
	for _, files := range a.bursts {
		for _, f := range files {
			total += f.size
		}
	}
	for total > a.bytes {
		oldest := ""
		for p, files := range a.bursts {
			if len(files) > 1 || len(files) == 1 && p != probe {
				if oldest == "" || files[0].name < a.bursts[oldest][0].name {
					oldest = p
				}
			}
		}
		if oldest == "" {
			return
		}
		total -= a.remove(oldest)
	}
}

// remove removes the oldest burst of a probe and returns its size.
func (a *Archive) remove(probe string) int64 {
	f := a.bursts[probe][0]
	a.bursts[probe] = slices.Clone(a.bursts[probe][1:])
	if len(a.bursts[probe]) == 0 {
		delete(a.bursts, probe)
	}
	name := path.Join(burstsDir, probe, f.name)
	if err := a.root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		a.logger.Warn("old burst not removed", "file", path.Join(a.dir, name), "err", err)
	}
	return f.size
}

// Bursts reads the bursts of a probe, the newest first, one at a time as they are asked for. Files that are no bursts
// are set aside and left out.
func (a *Archive) Bursts(probe string) iter.Seq[*Burst] {
	return func(yield func(*Burst) bool) {
		a.mu.Lock()
		files := slices.Clone(a.bursts[probe])
		a.mu.Unlock()
		for _, f := range slices.Backward(files) {
			if b := a.load(probe, f); b != nil && !yield(b) {
				return
			}
		}
	}
}

// load reads one burst; nil if it is not there any more or cannot be read.
func (a *Archive) load(probe string, f file) *Burst {
	dir := path.Join(burstsDir, probe)
	text, err := a.read(path.Join(dir, f.name), maxBurst)
	var b *Burst
	if err == nil {
		b, err = decode(text, probe)
	}
	switch {
	case err == nil:
		return b
	case errors.Is(err, os.ErrNotExist):
	case errors.Is(err, errCorrupt):
		a.forget(probe, f)
		a.setAside(dir, f.name, err)
	default: // a disk that does not answer now may answer later
		a.logger.Warn("burst not read", "file", path.Join(a.dir, dir, f.name), "err", err)
	}
	return nil
}

// forget drops a file from what is known of a probe.
func (a *Archive) forget(probe string, gone file) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bursts[probe] = slices.DeleteFunc(a.bursts[probe], func(f file) bool { return f == gone })
}
