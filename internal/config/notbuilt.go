package config

import (
	"regexp"
	"slices"
)

// A place is somewhere in the file where keys or values of a later version may stand.
type place string

// The places, written as paths without indices.
const (
	inFile      place = ""
	inProbe     place = "probes[]"
	inObjective place = "objectives[]"
	asAMeasure  place = "objectives[].measure"
)

// notBuiltText is what is said of all of it, wherever it stands.
const notBuiltText = "not built yet"

// notBuilt lists, in one place, what a configuration may say some day and this version refuses by name.
func notBuilt(at place) []string {
	switch at {
	case inFile:
		return []string{"pipelines"}
	case inProbe:
		return []string{"canary"}
	case inObjective:
		return []string{"pipeline"}
	case asAMeasure:
		return []string{"pipeline_duration"}
	}
	return nil
}

// isNotBuilt says that a key, or the value of a measure, belongs to a later version at a path.
func isNotBuilt(path, key string) bool {
	at := place(indices.ReplaceAllString(path, "[]"))
	return slices.Contains(notBuilt(at), key)
}

var indices = regexp.MustCompile(`\[\d+\]`)
