package archive

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder is what stands in a folder and below, with the sizes of files.
func folder(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		all = append(all, path+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnArchiveCanBeReadBesideItsDaemon(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir) // and stays open
	put(t, a, burstAt(1), burstAt(2))
	journey := filepath.Join(dir, "bursts", "journey")
	for _, err := range []error{
		os.WriteFile(filepath.Join(journey, ".tmp-20261124T120300.000000000Z.json"), []byte("{"), 0o600), // being written
		os.WriteFile(filepath.Join(journey, "20261124T120400.000000000Z.json"), []byte("{"), 0o600),      // broken
		os.WriteFile(filepath.Join(journey, "readme.txt"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := folder(t, dir)
	v, err := View(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 1}, minutes(v, "journey")); diff != "" {
		t.Error(diff)
	}
	if err := v.Put(burstAt(5)); !errors.Is(err, ErrViewed) {
		t.Errorf("keeping a burst: %v, want %v", err, ErrViewed)
	}
	if err := v.SetState("x", nil); !errors.Is(err, ErrViewed) {
		t.Errorf("keeping a state: %v, want %v", err, ErrViewed)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
		t.Errorf("looking changed the folder: %s", diff)
	}
	for _, none := range []string{filepath.Join(dir, "none"), t.TempDir()} {
		if _, err := View(none, slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want that nothing is there", none, err)
		}
	}
}

func TestASummaryComesBackFromItsBurst(t *testing.T) {
	b := burstAt(1)
	s := b.Summary()
	if s.Requests() != 4 || s.Failures() != 1 || s.Duration() != b.End.Sub(b.Start) || !s.Valid() {
		t.Errorf("%d requests, %d failed, in %s", s.Requests(), s.Failures(), s.Duration())
	}
	all := s.All()
	if all.Quantile(0.5) != 0.0012 || all.Max() != 0.0012 {
		t.Errorf("median %g, longest %g, want 1.2 ms", all.Quantile(0.5), all.Max())
	}
	again := NewBurst(s, b.Hash, b.Version)
	if diff := cmp.Diff(b.Leaves, again.Leaves); diff != "" {
		t.Error(diff)
	}
	counts := b.Leaves[0].Response
	got := []int64{counts.At(1), counts.At(2), counts.At(4), Counts(nil).At(1)}
	if !slices.Equal(got, []int64{1, 1200, 1200, 0}) {
		t.Errorf("%d by rank", got)
	}
}
