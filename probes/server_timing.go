package probes

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A ServerTiming is one metric of a Server-Timing header, https://www.w3.org/TR/server-timing/: how long the server says
// that a part of its work took.
type ServerTiming struct {
	Name     string // a token of at most 64 bytes
	Duration time.Duration
}

// MaxServerTimings is how many metrics of Server-Timing one endpoint may have as series.
const MaxServerTimings = 8

// What is read of Server-Timing: a hostile header is cut off at these.
const (
	maxServerTimings      = 16      // metrics of one response
	maxServerTimingName   = 64      // bytes
	maxServerTimingHeader = 8 << 10 // bytes of all its lines
	maxServerTiming       = time.Hour
)

// appendServerTimings reads the metrics that have a duration and appends those in only, or all of them if only is empty.
// A metric that is named again counts once, with its first duration. It does not allocate if there is room in ts.
func appendServerTimings(ts []ServerTiming, values, only []string) []ServerTiming {
	left := maxServerTimingHeader
	for _, value := range values {
		if left -= len(value); left < 0 {
			return ts
		}
		for value != "" && len(ts) < maxServerTimings {
			var metric string
			metric, value = cutUnquoted(value, ',')
			t, ok := readServerTiming(metric)
			known := slices.ContainsFunc(ts, func(other ServerTiming) bool { return other.Name == t.Name })
			if ok && !known && (len(only) == 0 || slices.Contains(only, t.Name)) {
				ts = append(ts, t)
			}
		}
	}
	return ts
}

// readServerTiming reads "db;dur=12.5;desc=\"query\"". Of parameters given twice the first counts, as the standard has it.
func readServerTiming(metric string) (t ServerTiming, ok bool) {
	name, params := cutUnquoted(metric, ';')
	t.Name = trimOWS(name)
	if !isToken(t.Name) || len(t.Name) > maxServerTimingName {
		return t, false
	}
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		key, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(trimOWS(key), "dur") {
			continue
		}
		t.Duration, ok = milliseconds(strings.Trim(trimOWS(value), `"`))
		return t, ok
	}
	return t, false
}

// milliseconds refuses what no clock has measured: NaN, infinities, less than nothing, more than an hour.
func milliseconds(text string) (time.Duration, bool) {
	ms, err := strconv.ParseFloat(text, 64)
	if err != nil || !(ms >= 0 && ms <= float64(maxServerTiming/time.Millisecond)) {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}

// cutUnquoted cuts s around the first separator that stands outside of quotes.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }
