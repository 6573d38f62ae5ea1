package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// ThinkTime is a wait drawn evenly between two bounds, written "1s-3s" or "2s".
type ThinkTime struct{ Min, Max time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler. It refuses a wait below zero and a minimum above its maximum.
func (t *ThinkTime) UnmarshalText(text []byte) error {
	low, high, ranged := strings.Cut(string(text), "-")
	if !ranged {
		high = low
	}
	least, errLeast := time.ParseDuration(strings.TrimSpace(low))
	most, errMost := time.ParseDuration(strings.TrimSpace(high))
	if errLeast != nil || errMost != nil || least < 0 || least > most {
		return fmt.Errorf("%q, want a wait such as 2s, or a least and a most such as 1s-3s", text)
	}
	t.Min, t.Max = least, most
	return nil
}

// String writes the wait as it stands in the configuration.
func (t ThinkTime) String() string {
	if t.Min == t.Max {
		return t.Min.String()
	}
	return t.Min.String() + "-" + t.Max.String()
}

func (t ThinkTime) draw(r *rand.Rand) time.Duration {
	return t.Min + time.Duration(r.Int64N(int64(t.Max-t.Min)+1))
}
