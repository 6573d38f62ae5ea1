package web

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// ago writes how far t is from now in one unit, which is all that a reader in a hurry takes in.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d <= -time.Second:
		return "in " + coarse(-d)
	case d < time.Second:
		return "now"
	}
	return coarse(d) + " ago"
}

// coarse writes a duration in its largest whole unit.
func coarse(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 2*day:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/day)) + " days"
}

// formatBytes writes a size in units of 1024 with at most one decimal.
func formatBytes(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && size >= 1024 {
		size, units = size/1024, units[1:]
	}
	decimals := 0
	if size < 10 && n >= 1024 {
		decimals = 1
	}
	return strconv.FormatFloat(size, 'f', decimals, 64) + " " + units[0]
}

// bounded shortens a text to at most so many bytes, between two characters, and says that it did.
func bounded(s string, size int) string {
	const more = "…"
	if len(s) <= size {
		return s
	}
	end := size - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
