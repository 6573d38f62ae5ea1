package objective

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Unit is what the values of a measure are counted in.
type Unit string

// The units of values. All are base units: a ratio is 0.85, never 85.
const (
	Seconds        Unit = "seconds"
	Ratio          Unit = "ratio"
	Count          Unit = "count"
	PerSecond      Unit = "per_second"
	Bytes          Unit = "bytes"
	BytesPerSecond Unit = "bytes_per_second"
)

// Units lists the units.
func Units() []string {
	all := make([]string, 0, 6)
	for _, u := range []Unit{Seconds, Ratio, Count, PerSecond, Bytes, BytesPerSecond} {
		all = append(all, string(u))
	}
	return all
}

const (
	longestValue = 64        // bytes of a value's text
	mostDays     = 3650      // of a duration
	largestCount = 1e12      // of counts and rates: what a typing error exceeds and a platform does not
	largestSize  = 900 << 40 // of bytes, and of bytes a second
	digits       = 3         // significant, of what is written for people
	noValue      = "–"
)

var (
	decimal  = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	duration = regexp.MustCompile(`^(?:([0-9]+(?:\.[0-9]+)?)d)?((?:[0-9]+(?:\.[0-9]+)?(?:h|m|s|ms|µs|us|ns))*)$`)
)

// want says what Parse takes.
func (u Unit) want() string {
	switch u {
	case Seconds:
		return "a duration of at most 3650d, such as 500ms, 1.5s, 1m30s, 1h or 1d"
	case Ratio:
		return "a ratio from 0% to 100%, such as 85% or 0.85"
	case PerSecond:
		return "a rate from 0 to 1000000000000 a second, such as 100 or 0.5"
	case Bytes:
		return "a size of at most 900TiB, such as 2GiB, 1.5MiB, 100KiB, 500MB or 512B"
	case BytesPerSecond:
		return "a size a second of at most 900TiB/s, such as 0, 1.5MiB/s or 100KiB/s"
	default:
		return "a whole number from 0 to 1000000000000, such as 100"
	}
}

// Parse reads a value as people write it: "500ms" or "1d" of seconds, "85%" or "0.85" of a ratio, "100" of a count,
// "100" or "100/s" of a rate, "2GiB" of bytes (units of 1024 with an i, of 1000 without), "100KiB" or "100KiB/s" of bytes a
// second. Its error says what is allowed.
func (u Unit) Parse(text string) (float64, error) {
	v, ok := 0.0, len(text) <= longestValue
	if ok {
		v, ok = u.parse(text)
	}
	if !ok {
		if len(text) > longestValue {
			text = text[:longestValue] + "…"
		}
		return 0, fmt.Errorf("parsing %q: want %s", text, u.want())
	}
	return v, nil
}

func (u Unit) parse(text string) (v float64, ok bool) {
	switch u {
	case Seconds:
		return parseSeconds(text)
	case Ratio:
		number, percent := strings.CutSuffix(text, "%")
		if percent {
			v, ok = parseDecimal(number, "e-2")
		} else {
			v, ok = parseDecimal(number, "")
		}
		return v, ok && v <= 1
	case PerSecond:
		v, ok = parseDecimal(strings.TrimSuffix(text, "/s"), "")
		return v, ok && v <= largestCount
	case Bytes:
		return parseSize(text)
	case BytesPerSecond:
		return parseSize(strings.TrimSuffix(text, "/s"))
	default:
		v, ok = parseDecimal(text, "")
		return v, ok && v <= largestCount && v == math.Trunc(v)
	}
}

// parseDecimal reads plain digits. The exponent stands in the text, so that 99.9% is the float nearest to 0.999.
func parseDecimal(text, exponent string) (float64, bool) {
	if !decimal.MatchString(text) {
		return 0, false
	}
	v, err := strconv.ParseFloat(text+exponent, 64)
	return v, err == nil
}

// parseSeconds goes through time.Duration, as samples do, so that a sample of 1.1 s equals a threshold of "1.1s".
func parseSeconds(text string) (float64, bool) {
	m := duration.FindStringSubmatch(text)
	if text == "" || m == nil {
		return 0, false
	}
	var days float64 // which time.ParseDuration does not know
	if m[1] != "" {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > mostDays {
			return 0, false
		}
		days = math.Round(n * 24 * 3600)
	}
	rest, err := time.ParseDuration("0s" + m[2])
	if err != nil || rest > mostDays*24*time.Hour {
		return 0, false
	}
	return (time.Duration(days)*time.Second + rest).Seconds(), true
}

// Format writes a value for people with at most three significant digits: "480ms", "99.2%", "52/s", "1.95GiB"; "–" for NaN
// and the infinities. Parse reads what it writes.
func (u Unit) Format(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return noValue
	}
	switch u {
	case Seconds:
		return formatSeconds(v)
	case Ratio:
		return significant(v*100) + "%"
	case PerSecond:
		return significant(v) + "/s"
	case Bytes:
		return formatSize(v)
	case BytesPerSecond:
		return formatSize(v) + "/s"
	default:
		return significant(v)
	}
}

// formatSeconds picks the largest unit of which there is at least one, after rounding.
func formatSeconds(v float64) string {
	for _, u := range []struct {
		name    string
		seconds float64
	}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}, {"ns", 1e-9}} {
		if n := rounded(v / u.seconds); math.Abs(n) >= 1 {
			return strconv.FormatFloat(n, 'f', -1, 64) + u.name
		}
	}
	return "0s"
}

func significant(v float64) string { return strconv.FormatFloat(rounded(v), 'f', -1, 64) }

// rounded keeps three significant digits.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil || r == 0 { // never an error; and no minus zero
		return 0
	}
	return r
}
