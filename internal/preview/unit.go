package preview

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// write writes a value in a unit of Grafana's, to three digits, as Grafana would.
func write(unit string, v float64, now time.Time) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	switch unit {
	case "s":
		return seconds(v)
	case "ms":
		return seconds(v / 1e3)
	case "percentunit":
		return digits(100*v) + " %"
	case "percent":
		return digits(v) + " %"
	case "bytes":
		return scaled(v, 1024, " B", " KiB", " MiB", " GiB", " TiB")
	case "decbytes":
		return scaled(v, 1000, " B", " kB", " MB", " GB", " TB")
	case "binBps":
		return scaled(v, 1024, " B/s", " KiB/s", " MiB/s", " GiB/s", " TiB/s")
	case "Bps":
		return scaled(v, 1000, " B/s", " kB/s", " MB/s", " GB/s", " TB/s")
	case "reqps":
		return scaled(v, 1000, " req/s", "k req/s", "M req/s")
	case "ops", "cps", "iops", "rps", "eps":
		return scaled(v, 1000, " "+unit, "k "+unit, "M "+unit)
	case "dateTimeFromNow":
		ago := now.Sub(time.UnixMilli(int64(v))).Seconds()
		if ago < 0 {
			return "in " + seconds(-ago)
		}
		return seconds(ago) + " ago"
	case "dateTimeAsIso", "dateTimeAsLocal":
		return time.UnixMilli(int64(v)).UTC().Format("2006-01-02 15:04:05")
	case "bool_yes_no":
		return map[bool]string{true: "yes", false: "no"}[v != 0]
	case "short":
		return scaled(v, 1000, "", " K", " Mil", " Bil")
	}
	return digits(v)
}

func seconds(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0 s"
	case size < 1e-3:
		return digits(v*1e6) + " µs"
	case size < 1:
		return digits(v*1e3) + " ms"
	case size < 60:
		return digits(v) + " s"
	case size < 3600:
		return digits(v/60) + " min"
	case size < 86400:
		return digits(v/3600) + " h"
	}
	return digits(v/86400) + " d"
}

// scaled divides by the base until the number is small, and writes the suffix of that size.
func scaled(v, base float64, suffixes ...string) string {
	i := 0
	for ; i < len(suffixes)-1 && math.Abs(v) >= base; i++ {
		v /= base
	}
	return digits(v) + suffixes[i]
}

// digits writes a number to three significant digits, without zeros at its end; whole numbers are written whole.
func digits(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	decimals := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	text := strconv.FormatFloat(v, 'f', max(0, min(decimals, 6)), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// binary says that a unit counts in powers of two.
func binary(unit string) bool { return unit == "bytes" || unit == "binBps" }

// shade is the class of the drawings' stylesheet for a colour of Grafana's.
func shade(color string) string {
	for _, known := range []struct{ name, class string }{
		{"green", "good"}, {"yellow", "fair"}, {"orange", "warn"}, {"red", "bad"}, {"blue", "note"}, {"purple", "c3"},
	} {
		if color == known.name || color == "dark-"+known.name || color == "light-"+known.name || color == "semi-dark-"+known.name {
			return known.class
		}
	}
	return ""
}
