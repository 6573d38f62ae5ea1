package load

import (
	"fmt"
	"math"
	"strconv"
)

// A Seed is that of a burst's random draws: with the same one and the same configuration each user draws the same. Zero
// is none, and draws a new one for every burst.
type Seed uint64

// UnmarshalText implements encoding.TextUnmarshaler. It takes what a report says: a whole number above 0.
func (s *Seed) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("%q, want a whole number from 1 to %d", text, uint64(math.MaxUint64))
	}
	*s = Seed(n)
	return nil
}
