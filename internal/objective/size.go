package objective

import (
	"math"
	"regexp"
	"strconv"
)

var size = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([KMGT]i?B|B)$`)

// bytesIn is how many bytes a unit has; 0 for an unknown one.
func bytesIn(unit string) float64 {
	for i, prefix := range "KMGT" {
		switch unit {
		case string(prefix) + "iB":
			return math.Pow(1024, float64(i+1))
		case string(prefix) + "B":
			return math.Pow(1000, float64(i+1))
		}
	}
	if unit == "B" {
		return 1
	}
	return 0
}

// parseSize reads a size with its unit, which only nothing at all can do without.
func parseSize(text string) (float64, bool) {
	if text == "0" {
		return 0, true
	}
	m := size.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	v *= bytesIn(m[2])
	return v, err == nil && v <= largestSize
}

// formatSize picks the largest unit of 1024 of which there is at least one, after rounding.
func formatSize(v float64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if n := rounded(v / bytesIn(unit)); math.Abs(n) >= 1 {
			return strconv.FormatFloat(n, 'f', -1, 64) + unit
		}
	}
	return significant(v) + "B"
}
