package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// The steps of a write, as tests know them.
const (
	stepCreate  = "create"
	stepWrite   = "write"
	stepSync    = "sync"
	stepRename  = "rename"
	stepSyncDir = "sync folder"
)

// write replaces a file as a whole: after a kill at any instant either the old or the new one is there, and when write
// returns the new one is on the disk.
func (a *Archive) write(dir, name string, data []byte) (err error) {
	if a.viewed { // before the file of another process is removed below
		return ErrViewed
	}
	temp := path.Join(dir, tempPrefix+name)
	defer func() {
		if err != nil {
			_ = a.root.Remove(temp)
			err = fmt.Errorf("writing %q: %w", path.Join(a.dir, dir, name), err)
		}
	}()
	if err := a.writeTemp(temp, data); err != nil {
		return err
	}
	if err := a.before(stepRename); err != nil {
		return err
	}
	if err := a.root.Rename(temp, path.Join(dir, name)); err != nil {
		return err
	}
	if err := a.before(stepSyncDir); err != nil {
		return err
	}
	return a.syncDir(dir)
}

func (a *Archive) writeTemp(temp string, data []byte) (err error) {
	if err := a.before(stepCreate); err != nil {
		return err
	}
	f, err := a.root.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	half := len(data) / 2
	if _, err := f.Write(data[:half]); err != nil {
		return err
	}
	if err := a.before(stepWrite); err != nil {
		return err
	}
	if _, err := f.Write(data[half:]); err != nil {
		return err
	}
	if err := a.before(stepSync); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir has the names of a folder on disk when it returns.
func (a *Archive) syncDir(dir string) error {
	d, err := a.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errTooLong is the error of a file that is longer than any of ours.
var errTooLong = errors.New("too long")

// read reads a regular file of at most a number of bytes. It never waits, as it would for a pipe.
func (a *Archive) read(name string, most int64) (data []byte, err error) {
	info, err := a.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", errCorrupt)
	}
	f, err := a.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%w: %w: more than %d bytes", errCorrupt, errTooLong, most)
	}
	return data, err
}
