package peer

import (
	"net"
	"os"
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
	home    daemonHome
}

// StartPostgres makes a PostgreSQL of its own, which forgets all when the test ends; settings are such as
// "shared_preload_libraries=pg_stat_statements".
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	home := newDaemonHome(t)
	WriteFile(t, home.dir, "password", "hunter2\n")
	home.own(t, "password")
	home.run(t, findPostgres(t, "initdb"), "--pgdata=data", "--no-sync", "--username=watcher", "--auth=scram-sha-256",
		"--pwfile=password", "--encoding=UTF8", "--no-locale")
	p := &Postgres{Address: FreeAddress(t), home: home}
	p.Restart(t, settings...)
	return p
}

// StartPostgresReplica makes a replica of another server, which follows it.
func StartPostgresReplica(t testing.TB, primary *Postgres) *Postgres {
	t.Helper()
	home := newDaemonHome(t)
	home.run(t, findPostgres(t, "pg_basebackup"), "--pgdata=data", "--no-sync", "--write-recovery-conf", "--checkpoint=fast",
		"--dbname=postgres://watcher:hunter2@"+primary.Address)
	p := &Postgres{Address: FreeAddress(t), home: home}
	host, port, _ := net.SplitHostPort(primary.Address)
	// What pg_basebackup writes of it is for servers of its own version.
	p.Restart(t, "hot_standby_feedback=on", "primary_conninfo=host="+host+" port="+port+" user=watcher password=hunter2")
	return p
}

// Restart starts a server anew that has ended, at the same address and with the data that it had.
func (p *Postgres) Restart(t testing.TB, settings ...string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(p.Address)
	args := []string{"-D", "data", "-p", port}
	for _, setting := range slices.Concat([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
		"max_connections=20", "shared_buffers=8MB"}, settings) {
		args = append(args, "-c", setting)
	}
	p.Process = p.home.start(t, findPostgres(t, "postgres"), args...)
	server := p.Cmd.Process
	t.Cleanup(func() { _ = server.Signal(syscall.SIGQUIT) }) // SIGTERM would wait for its clients
	ready := findPostgres(t, "pg_isready")
	p.WaitFor(t, func() error { return exec.Command(ready, "-q", "-h", "127.0.0.1", "-p", port).Run() })
}

// findPostgres finds a program of the newest PostgreSQL; Debian has them outside of the PATH. Those of another version, in
// the folder that PERFWATCH_POSTGRES_BIN names, go before it, as far as there are any.
func findPostgres(t testing.TB, program string) string {
	t.Helper()
	if other := filepath.Join(os.Getenv("PERFWATCH_POSTGRES_BIN"), program); filepath.IsAbs(other) {
		if _, err := os.Stat(other); err == nil {
			return other
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if len(found) > 0 {
		return slices.Max(found)
	}
	return Find(t, "postgresql-15", program)
}
