package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lookAtFiles is how often the files of targets are looked at, and the configuration where that is asked for. A change
// is seen by size and time, as mounts of Kubernetes tell nothing of it otherwise.
const lookAtFiles = 5 * time.Second

// A glimpse is how files were when they were looked at: by their pattern, what changes when they do.
type glimpse map[string]string

// watchFiles reloads what has changed, until ctx is done.
func (d *daemon) watchFiles(ctx context.Context) {
	ticker := time.NewTicker(lookAtFiles)
	defer ticker.Stop()
	seen := d.filesNow()
	for {
		select {
		case <-ticker.C:
			seen = d.reloadIfChanged(ctx, seen)
		case <-ctx.Done():
			return
		}
	}
}

// reloadIfChanged reads what is not as it was seen, and returns how it was just before: what changes while it is read is
// read again the next time, and so are files that only the new configuration names. What is wrong with them is logged by
// the reload, and not tried again before they change again. Changed targets do not wait for a configuration with mistakes,
// and bring no change of a configuration that nobody asked to reload.
func (d *daemon) reloadIfChanged(ctx context.Context, seen glimpse) glimpse {
	now := d.filesNow()
	main := *d.options.configFile
	if now[main] != seen[main] && d.reload(ctx) == nil {
		return now
	}
	for _, pattern := range d.current.Load().config.TargetFiles {
		if now[pattern] != seen[pattern] {
			d.retarget()
			break
		}
	}
	return now
}

// filesNow looks at the files.
func (d *daemon) filesNow() glimpse {
	now := glimpse{}
	for _, pattern := range d.current.Load().config.TargetFiles {
		now[pattern] = lookAt(pattern)
	}
	if d.options.watchConfig {
		now[*d.options.configFile] = lookAt(*d.options.configFile)
	}
	return now
}

// lookAt describes the files of a pattern.
func lookAt(pattern string) string {
	files, err := filepath.Glob(pattern)
	if err != nil || files == nil {
		files = []string{pattern}
	}
	var text strings.Builder
	for _, file := range files {
		info, err := os.Stat(file) // follows links: a mount swaps what they lead to
		if err != nil {
			fmt.Fprintln(&text, file, "away")
			continue
		}
		fmt.Fprintln(&text, file, info.Size(), info.ModTime().UnixNano())
	}
	return text.String()
}
