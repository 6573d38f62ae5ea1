package collector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPasswordFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	for _, row := range []struct{ text, want, err string }{
		{"pass word \r\n", "pass word ", ""},
		{"", "", ""},
		{strings.Repeat("x", 1<<16), strings.Repeat("x", 1<<16), ""},
		{strings.Repeat("x", 1<<16+1), "", "more than 65536 bytes"},
	} {
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readPassword(path)
		if got != row.want || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%d bytes give %d and error %v, want %d and %q", len(row.text), len(got), err, len(row.want), row.err)
		}
	}
}
