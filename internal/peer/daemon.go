package peer

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// A daemonHome is where a server lives that refuses to run as root: as nobody, in a folder that nobody owns.
type daemonHome struct {
	dir string
	as  *syscall.Credential // nil if the test does not run as root
}

func newDaemonHome(t testing.TB) daemonHome {
	t.Helper()
	dir, err := os.MkdirTemp("", "perfwatch-peer-") //nolint:usetesting // t.TempDir lies in a folder that is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return daemonHome{dir: dir}
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	return daemonHome{dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// own gives a file there to the one who lives there.
func (h daemonHome) own(t testing.TB, file string) {
	t.Helper()
	if h.as == nil {
		return
	}
	if err := os.Chown(filepath.Join(h.dir, file), int(h.as.Uid), int(h.as.Gid)); err != nil {
		t.Fatal(err)
	}
}

// command is a program that lives there.
func (h daemonHome) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "HOME="+h.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: h.as}
	return cmd
}

// run runs a program to its end.
func (h daemonHome) run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := h.command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("running %s: %v\n%s", filepath.Base(program), err, out)
	}
}

// start starts a server.
func (h daemonHome) start(t testing.TB, program string, args ...string) *Process {
	t.Helper()
	return start(t, h.dir, h.as, h.command(program, args...))
}
