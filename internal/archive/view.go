package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
)

// ErrViewed is the error of writing to an archive that was opened for reading.
var ErrViewed = errors.New("opened for reading only")

// View opens the archive in a folder for reading, beside the process that writes to it if there is one: it locks, writes
// and renames nothing. It knows the bursts that were there when it was opened. Its error is os.ErrNotExist for a folder
// that no archive is in.
func View(dir string, logger *slog.Logger) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening storage %q: %w", dir, err)
	}
	a := &Archive{dir: dir, root: root, logger: logger, bursts: map[string][]file{}, viewed: true}
	if err := a.scan(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening storage %q: %w", dir, err), a.Close())
	}
	return a, nil
}
