package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// longestThink bounds an exponential wait, as a multiple of its mean. One wait in 22,000 would be longer, and the mean of
// what is drawn is 0.005 % below the one written.
const longestThink = 10

// ThinkTime is how long a user waits after each task: "2s" is constant, "1s-3s" drawn evenly between two bounds,
// "exponential 2s" drawn around a mean, as between the events of a process without memory, and never longer than ten
// times that mean. The first two may have their names before them too: "constant 2s", "uniform 1s-3s".
type ThinkTime struct {
	Min, Max time.Duration
	Mean     time.Duration // of an exponential wait, which has neither Min nor Max; else 0
}

// UnmarshalText implements encoding.TextUnmarshaler. It refuses a wait below zero, a minimum above its maximum and an
// exponential wait without a mean.
func (t *ThinkTime) UnmarshalText(text []byte) error {
	kind, waits, named := strings.Cut(strings.TrimSpace(string(text)), " ")
	switch kind {
	case "constant", "uniform", "exponential":
	default:
		kind, waits, named = "", string(text), false
	}
	low, high, ranged := strings.Cut(waits, "-")
	if !ranged {
		high = low
	}
	least, errLeast := time.ParseDuration(strings.TrimSpace(low))
	most, errMost := time.ParseDuration(strings.TrimSpace(high))
	switch {
	case errLeast != nil, errMost != nil, least < 0, least > most,
		named && ranged != (kind == "uniform"), kind == "exponential" && least == 0:
		return fmt.Errorf("%q, want a wait such as 2s, a least and a most such as 1s-3s, or a mean such as exponential 2s", text)
	case kind == "exponential":
		*t = ThinkTime{Mean: least}
	default:
		*t = ThinkTime{Min: least, Max: most}
	}
	return nil
}

// String writes the wait as it stands in the configuration.
func (t ThinkTime) String() string {
	switch {
	case t.Mean > 0:
		return "exponential " + written(t.Mean)
	case t.Min == t.Max:
		return written(t.Min)
	}
	return written(t.Min) + "-" + written(t.Max)
}

// Average is what the waits are in the mean.
func (t ThinkTime) Average() time.Duration {
	if t.Mean > 0 {
		return t.Mean
	}
	return t.Min + (t.Max-t.Min)/2
}

func (t ThinkTime) draw(r *rand.Rand) time.Duration {
	if t.Mean > 0 {
		return time.Duration(min(r.ExpFloat64(), longestThink) * float64(t.Mean))
	}
	return t.Min + time.Duration(r.Int64N(int64(t.Max-t.Min)+1))
}

// written writes a duration as a person would: "5m", not "5m0s".
func written(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
