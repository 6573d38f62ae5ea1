//go:build !linux

package probes

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: only the command itself is killed here.
func ownGroup(*exec.Cmd) {}

func killGroup(leader *os.Process) { _ = leader.Kill() }

func reap(cmd *exec.Cmd, settled func()) error {
	defer settled()
	return cmd.Wait()
}
