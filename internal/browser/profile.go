package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// profilePrefix begins the names of the folders that browsers keep their profiles in.
const profilePrefix = "perfwatch-browser-"

// lockName is the file in each of them that perfwatch holds a lock on for as long as it lives.
const lockName = "perfwatch.lock"

// A profile is the folder of one browser.
type profile struct {
	dir  string
	lock *os.File
}

// newProfile makes a folder and locks it. Its lock gets its name last: one that is not held is swept away.
func newProfile() (*profile, error) {
	dir, err := os.MkdirTemp("", profilePrefix)
	if err != nil {
		return nil, fmt.Errorf("making the profile of a browser: %w", err)
	}
	name := filepath.Join(dir, lockName)
	lock, err := os.OpenFile(name+".new", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil && !locked(lock) {
		err = errors.New("it is locked")
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the profile of a browser: %w", err), os.RemoveAll(dir))
	}
	return &profile{dir, lock}, nil
}

func (p *profile) remove() {
	_ = p.lock.Close()
	_ = os.RemoveAll(p.dir)
}

// sweep removes the profiles in a folder that a perfwatch which was killed has left: folders of our own that nobody
// locks.
func sweep(folder string) {
	found, _ := filepath.Glob(filepath.Join(folder, profilePrefix+"*"))
	for _, dir := range found {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !ours(info) {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
		if err != nil {
			continue // not one of them, or one that is just being made
		}
		if locked(lock) {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
