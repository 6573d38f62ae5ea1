package config

import (
	"regexp"
	"slices"
)

// A place is somewhere in the file where keys of a later version may stand.
type place string

// inProbe is written as a path without indices, as every place is.
const inProbe place = "probes[]"

// notBuiltText is what is said of all of it, wherever it stands.
const notBuiltText = "not built yet"

// notBuilt lists, in one place, what a configuration may say some day and this version refuses by name.
func notBuilt(at place) []string {
	if at == inProbe {
		return []string{"canary"}
	}
	return nil
}

// isNotBuilt says that a key belongs to a later version at a path.
func isNotBuilt(path, key string) bool {
	at := place(indices.ReplaceAllString(path, "[]"))
	return slices.Contains(notBuilt(at), key)
}

var indices = regexp.MustCompile(`\[\d+\]`)
