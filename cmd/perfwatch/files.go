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

// watchFiles reloads when a file has changed, until ctx is done.
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

// reloadIfChanged reloads unless the files are as they were seen, and returns how they are now. What is wrong with them is
// logged by the reload, and not tried again before they change again.
func (d *daemon) reloadIfChanged(ctx context.Context, seen string) string {
	now := d.filesNow()
	if now == seen {
		return seen
	}
	_ = d.reload(ctx)
	return d.filesNow() // another configuration may name other files
}

// filesNow describes the files by what changes when they do.
func (d *daemon) filesNow() string {
	patterns := d.current.Load().config.TargetFiles
	if d.options.watchConfig {
		patterns = append([]string{*d.options.configFile}, patterns...)
	}
	var text strings.Builder
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || files == nil {
			files = []string{pattern}
		}
		for _, file := range files {
			info, err := os.Stat(file) // follows links: a mount swaps what they lead to
			if err != nil {
				fmt.Fprintln(&text, file, "away")
				continue
			}
			fmt.Fprintln(&text, file, info.Size(), info.ModTime().UnixNano())
		}
	}
	return text.String()
}
