//go:build unix

package browser

import (
	"os"
	"syscall"
)

// locked takes a lock that ends with the process; false if another holds it.
func locked(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// ours says that a file belongs to the user that perfwatch runs as.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
