package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// locustfile is what Locust runs.
//
//go:embed locust.py
var locustfile []byte

// locust is how Locust is called for a number of users. Its clients are "fast" and "http".
type locust struct{ folder, client string }

// write puts the file that Locust runs into the folder.
func (l locust) write() error {
	return os.WriteFile(filepath.Join(l.folder, "locustfile.py"), locustfile, 0o600)
}

func (l locust) args(host string, users int, d time.Duration) []string {
	return []string{
		"-f", filepath.Join(l.folder, "locustfile.py"), "--headless", "--only-summary", "--loglevel", "ERROR",
		"--host", host, "-u", strconv.Itoa(users), "-r", "1000", "-t", strconv.Itoa(int(d.Seconds())) + "s",
	}
}

// env is what the file reads: the path that is asked, and the wait between two requests of a user.
func (l locust) env(path string, wait time.Duration) []string {
	return []string{"CLIENT=" + l.client, "URL_PATH=" + path, "WAIT=" + strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)}
}
