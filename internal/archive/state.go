package archive

import (
	"errors"
	"fmt"
	"os"
	"path"
)

// State reads what SetState stored under a name last; nil if nothing was. What it means is for the caller to check.
func (a *Archive) State(name string) ([]byte, error) {
	if !namePattern.MatchString(name) {
		return nil, fmt.Errorf("reading state: name %q", name)
	}
	data, err := a.read(path.Join(stateDir, name+suffix), maxState)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading state %q: %w", name, err)
	}
	return data, nil
}

// SetState replaces what is stored under a name, as a whole, and has it on disk when it returns. It is at most 1 MiB;
// names are those of probes. Calls for one name must not be concurrent.
func (a *Archive) SetState(name string, data []byte) error {
	if !namePattern.MatchString(name) || len(data) > maxState {
		return fmt.Errorf("storing state %q: %d bytes, want a name as of a probe and at most %d bytes", name, len(data), maxState)
	}
	return a.write(stateDir, name+suffix, data)
}
