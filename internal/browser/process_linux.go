package browser

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// enoughSharedMemory is what a browser may need in /dev/shm; containers have 64 MiB there by default.
const enoughSharedMemory = 512 << 20

// ownGroup has a browser lead a process group, and die if perfwatch does.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills a leader and all of its group.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// reap waits for a browser and kills what it left behind in its group, and only then takes note of its end: until then
// its number cannot be that of another group.
func reap(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	killGroup(cmd.Process.Pid)
	_ = cmd.Wait()
}

// smallSharedMemory says that a browser has to keep its shared memory in files.
func smallSharedMemory() bool {
	var fs unix.Statfs_t
	return unix.Statfs("/dev/shm", &fs) != nil || fs.Blocks*uint64(fs.Bsize) < enoughSharedMemory
}
