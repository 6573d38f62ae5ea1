package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAPipelineComesBackAsItWasStored(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	if got, err := a.Pipeline("daily"); got != nil || err != nil {
		t.Errorf("%q, %v of a pipeline that was never stored", got, err)
	}
	for _, text := range []string{"1", "22"} {
		if err := a.SetPipeline("daily", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.Pipeline("daily"); string(got) != "22" || err != nil {
		t.Errorf("%q, %v, want what was stored last", got, err)
	}
	for _, name := range []string{"", "../daily", "Daily"} {
		if err := a.SetPipeline(name, nil); err == nil {
			t.Errorf("%q was stored", name)
		}
		if _, err := a.Pipeline(name); err == nil {
			t.Errorf("%q was read", name)
		}
	}
	if err := a.SetPipeline("daily", make([]byte, maxState+1)); err == nil {
		t.Error("more than may be was stored")
	}
}

// What is no state is set aside, named and counted, and the pipeline goes on.
func TestAPipelineThatCannotBeReadIsSetAside(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	file := filepath.Join(dir, "pipelines", "daily.json")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), maxState+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Pipeline("daily"); got != nil || err != nil || a.Corrupt() != 1 {
		t.Errorf("%d bytes, %v, %d set aside, want none, no error and 1", len(got), err, a.Corrupt())
	}
	if err := a.SetPipeline("daily", []byte("1")); err != nil {
		t.Fatal(err)
	}
	a.RejectPipeline("daily", errors.New("no state"))
	if got, err := a.Pipeline("daily"); got != nil || err != nil || a.Corrupt() != 2 {
		t.Errorf("%q, %v, %d set aside, want none, no error and 2", got, err, a.Corrupt())
	}
	if _, err := os.Stat(file + ".corrupt"); err != nil {
		t.Error(err)
	}
}
