package browser

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// memory is the memory that a process group takes together, its share of what others use too: the sum of PSS of proc(5),
// bytes. Processes that cannot be read count nothing.
func memory(leader int) (sum int64) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	group := []byte(strconv.Itoa(leader))
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		// After the name, which ends with the last parenthesis: state, parent, process group.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) > 2 && bytes.Equal(fields[2], group) {
			sum += proportional(filepath.Join(filepath.Dir(stat), "smaps_rollup"))
		}
	}
	return sum
}

// proportional reads the line Pss of a smaps_rollup, which counts in KiB.
func proportional(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			if fields := bytes.Fields(rest); len(fields) > 0 {
				kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
				return kib << 10
			}
		}
	}
	return 0
}
