package config

import (
	"slices"
	"strings"
)

// nearest returns the candidate within two edits of a word, or a third of its length, and whether there is one.
func nearest(word string, candidates []string) (string, bool) {
	const longest = 64 // a longer word is no misspelling, and would cost its square
	if len(word) > longest {
		return "", false
	}
	best, least := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(word, c); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best, best != ""
}

// distance is the number of letters to insert, delete, change or swap with their neighbour to turn a into b (optimal
// string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Instead says what may have been meant by a word that is none of the candidates, or lists them: "did you mean "x"?".
func Instead(word string, candidates []string) string { return instead(word, candidates) }

// instead says what may have been meant by a word that is none of the candidates.
func instead(word string, candidates []string) string {
	if near, ok := nearest(word, candidates); ok {
		return "did you mean " + quote(near) + "?"
	}
	if len(candidates) == 0 {
		return "there is none in this file"
	}
	sorted := slices.Sorted(slices.Values(candidates))
	if len(sorted) > 20 {
		sorted = append(sorted[:20], "…")
	}
	return "want one of " + strings.Join(sorted, ", ")
}
