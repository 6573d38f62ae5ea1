package archive

import (
	"errors"
	"fmt"
	"os"
	"path"
)

// State reads what SetState stored under a name last; nil if nothing was, or if it could not be read and was set aside.
// What it means is for the caller to check: RejectState sets aside what means nothing.
func (a *Archive) State(name string) ([]byte, error) { return a.stored(stateDir, name) }

// SetState replaces what is stored under a name, as a whole, and has it on disk when it returns. It is at most 1 MiB;
// names are those of probes. Calls for one name must not be concurrent.
func (a *Archive) SetState(name string, data []byte) error { return a.store(stateDir, name, data) }

// RejectState sets the file of a name aside, since its reader understands none of it.
func (a *Archive) RejectState(name string, why error) { a.setAside(stateDir, name+suffix, why) }

// Pipeline is State for the state of a pipeline.
func (a *Archive) Pipeline(name string) ([]byte, error) { return a.stored(pipelinesDir, name) }

// SetPipeline is SetState for the state of a pipeline.
func (a *Archive) SetPipeline(name string, data []byte) error {
	return a.store(pipelinesDir, name, data)
}

// RejectPipeline is RejectState for the state of a pipeline.
func (a *Archive) RejectPipeline(name string, why error) { a.setAside(pipelinesDir, name+suffix, why) }

func (a *Archive) stored(dir, name string) ([]byte, error) {
	if !namePattern.MatchString(name) {
		return nil, fmt.Errorf("reading %s: name %q", dir, name)
	}
	data, err := a.read(path.Join(dir, name+suffix), maxState)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case errors.Is(err, errCorrupt):
		a.setAside(dir, name+suffix, err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s of %q: %w", dir, name, err)
	}
	return data, nil
}

func (a *Archive) store(dir, name string, data []byte) error {
	if !namePattern.MatchString(name) || len(data) > maxState {
		return fmt.Errorf("storing %s of %q: %d bytes, want a name as of a probe and at most %d bytes", dir, name, len(data), maxState)
	}
	return a.write(dir, name+suffix, data)
}
