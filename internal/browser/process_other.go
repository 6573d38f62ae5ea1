//go:build !linux

package browser

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: a browser ends when its pipes close.
func ownGroup(*exec.Cmd) {}

// killGroup kills the browser, whose processes then end by themselves.
func killGroup(leader int) {
	if p, err := os.FindProcess(leader); err == nil {
		_ = p.Kill()
	}
}

func reap(cmd *exec.Cmd) { _ = cmd.Wait() }

func smallSharedMemory() bool { return false }

// memory is not known.
func memory(int) int64 { return 0 }
