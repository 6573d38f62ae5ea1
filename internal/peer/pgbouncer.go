package peer

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
)

// PgBouncer is a running pooler in front of a PostgreSQL. Its user "watcher", whose password is "hunter2", may see its
// statistics.
type PgBouncer struct {
	*Process
	Address string // host:port
}

// StartPgBouncer starts a pooler of one connection for the database postgres of a server.
func StartPgBouncer(t testing.TB, server *Postgres) *PgBouncer {
	t.Helper()
	home := newDaemonHome(t)
	p := &PgBouncer{Address: FreeAddress(t)}
	_, port, _ := net.SplitHostPort(p.Address)
	_, serverPort, _ := net.SplitHostPort(server.Address)
	WriteFile(t, home.dir, "users", "\"watcher\" \"hunter2\"\n")
	WriteFile(t, home.dir, "pgbouncer.ini", fmt.Sprintf(`[databases]
postgres = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = plain
auth_file = users
stats_users = watcher
pool_mode = session
default_pool_size = 1
`, serverPort, port))
	home.own(t, "users")
	home.own(t, "pgbouncer.ini")
	p.Process = home.start(t, Find(t, "pgbouncer", "pgbouncer"), "pgbouncer.ini")
	ready := findPostgres(t, "pg_isready")
	p.WaitFor(t, func() error { return exec.Command(ready, "-q", "-h", "127.0.0.1", "-p", port).Run() })
	return p
}
