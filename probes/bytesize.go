package probes

import (
	"fmt"
	"math"
	"strings"

	"github.com/alecthomas/units"
)

// ByteSize is a number of bytes, written as "1MiB" or "500KB" (units of 1024 with an i, of 1000 without). A fraction of
// a byte is cut off.
type ByteSize int64

// UnmarshalText implements encoding.TextUnmarshaler. It refuses a size below zero, of no unit, or of 8 EiB and more.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := units.ParseStrictBytes(string(text))
	// The sum of units is a float, which reaches the limit by rounding: what is there is over it.
	if err != nil || strings.HasPrefix(string(text), "-") || n < 0 || n == math.MaxInt64 {
		return fmt.Errorf("%q, want a size such as 1MiB", text)
	}
	*b = ByteSize(n)
	return nil
}

// String writes the size in the largest unit of 1024 that divides it.
func (b ByteSize) String() string {
	for _, u := range []struct {
		bytes ByteSize
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if b >= u.bytes && b%u.bytes == 0 {
			return fmt.Sprintf("%d%s", b/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", b)
}
