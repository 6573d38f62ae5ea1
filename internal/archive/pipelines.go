package archive

import (
	"errors"
	"fmt"
	"os"
	"path"
)

// Pipeline reads what SetPipeline stored of a pipeline last; nil if nothing was, or if it could not be read and was set
// aside. What it means is for the caller to check: RejectPipeline sets aside what means nothing.
func (a *Archive) Pipeline(name string) ([]byte, error) {
	if !namePattern.MatchString(name) {
		return nil, fmt.Errorf("reading pipeline: name %q", name)
	}
	data, err := a.read(path.Join(pipelinesDir, name+suffix), maxState)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case errors.Is(err, errCorrupt):
		a.setAside(pipelinesDir, name+suffix, err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading pipeline %q: %w", name, err)
	}
	return data, nil
}

// SetPipeline replaces what is stored of a pipeline, as a whole, and has it on disk when it returns. It is at most 1 MiB.
// Calls for one pipeline must not be concurrent.
func (a *Archive) SetPipeline(name string, data []byte) error {
	if !namePattern.MatchString(name) || len(data) > maxState {
		return fmt.Errorf("storing pipeline %q: %d bytes, want a name as of a probe and at most %d bytes", name, len(data), maxState)
	}
	return a.write(pipelinesDir, name+suffix, data)
}

// RejectPipeline sets the file of a pipeline aside, since it holds no state of one.
func (a *Archive) RejectPipeline(name string, why error) { a.setAside(pipelinesDir, name+suffix, why) }
