package peer

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// MariaDB is a running MariaDB with the database "shop" and the user "watcher", whose password is "hunter2".
type MariaDB struct {
	*Process
	Address string // host:port
}

// StartMariaDB makes a MariaDB of its own, which forgets all when the test ends.
func StartMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	const debianPackage = "mariadb-server-core"
	home := newDaemonHome(t)
	WriteFile(t, home.dir, "init.sql", "CREATE DATABASE shop;\nCREATE USER watcher@'%' IDENTIFIED BY 'hunter2';\nGRANT ALL ON *.* TO watcher@'%';\n")
	home.own(t, "init.sql")
	home.run(t, Find(t, debianPackage, "mariadb-install-db"), "--no-defaults", "--datadir="+filepath.Join(home.dir, "data"),
		"--skip-test-db", "--auth-root-authentication-method=normal", "--innodb-log-file-size=4M", "--innodb-flush-method=nosync")
	m := &MariaDB{Address: FreeAddress(t)}
	_, port, _ := net.SplitHostPort(m.Address)
	m.Process = home.start(t, Find(t, debianPackage, "mariadbd"), "--no-defaults", "--datadir="+filepath.Join(home.dir, "data"),
		"--bind-address=127.0.0.1", "--port="+port, "--socket="+filepath.Join(home.dir, "socket"), "--skip-name-resolve",
		"--init-file="+filepath.Join(home.dir, "init.sql"), "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0")
	t.Cleanup(func() { _ = m.Cmd.Process.Signal(syscall.SIGCONT) }) // a server that a test has stopped must go on, to end
	m.WaitFor(t, func() error {
		conn, err := net.DialTimeout("tcp", m.Address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	return m
}
