package peer

import (
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Postgres is a running PostgreSQL with the user and the database "watcher", whose password is "hunter2".
type Postgres struct {
	*Process
	Address string // host:port
}

// StartPostgres makes a PostgreSQL of its own, which forgets all when the test ends.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	home := newDaemonHome(t)
	WriteFile(t, home.dir, "password", "hunter2\n")
	home.own(t, "password")
	home.run(t, findPostgres(t, "initdb"), "--pgdata=data", "--no-sync", "--username=watcher", "--auth=scram-sha-256",
		"--pwfile=password", "--encoding=UTF8", "--no-locale")
	p := &Postgres{Address: FreeAddress(t)}
	_, port, _ := net.SplitHostPort(p.Address)
	p.Process = home.start(t, findPostgres(t, "postgres"), "-D", "data", "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=8MB")
	// SIGTERM would wait for its clients. A server that a test has stopped must go on, to end.
	t.Cleanup(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGCONT)
		_ = p.Cmd.Process.Signal(syscall.SIGQUIT)
	})
	ready := findPostgres(t, "pg_isready")
	p.WaitFor(t, func() error { return exec.Command(ready, "-q", "-h", "127.0.0.1", "-p", port).Run() })
	return p
}

// findPostgres finds a program of the newest PostgreSQL; Debian has them outside of the PATH.
func findPostgres(t testing.TB, program string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if len(found) > 0 {
		return slices.Max(found)
	}
	return Find(t, "postgresql-15", program)
}
