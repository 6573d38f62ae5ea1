package preview

import "testing"

func TestValuesAreWrittenInTheirUnit(t *testing.T) {
	for _, tt := range []struct {
		unit string
		v    float64
		want string
	}{
		{"s", 0, "0 s"}, {"s", 0.000553, "553 µs"}, {"s", 0.45, "450 ms"}, {"s", 1.5, "1.5 s"}, {"s", 90, "1.5 min"}, {"s", 7200, "2 h"},
		{"s", 172800, "2 d"}, {"ms", 1500, "1.5 s"}, {"percentunit", 0.005, "0.5 %"}, {"percentunit", 0.9876, "98.8 %"}, {"percent", 12, "12 %"},
		{"bytes", 1 << 20, "1 MiB"}, {"bytes", 3, "3 B"}, {"decbytes", 1500, "1.5 kB"}, {"binBps", 2048, "2 KiB/s"}, {"Bps", 2000, "2 kB/s"},
		{"reqps", 36200, "36.2k req/s"}, {"ops", 12, "12 ops"}, {"short", 1234, "1.23 K"}, {"short", 999, "999"}, {"none", 0.12345, "0.123"},
		{"dateTimeFromNow", 1795780500000, "5 min ago"}, {"dateTimeFromNow", 1795780890000, "in 1.5 min"}, {"dateTimeAsIso", 0, "1970-01-01 00:00:00"}, {"bool_yes_no", 1, "yes"}, {"", -0.5, "-0.5"},
	} {
		if got := write(tt.unit, tt.v, instant()); got != tt.want {
			t.Errorf("write(%q, %v) = %q, want %q", tt.unit, tt.v, got, tt.want)
		}
	}
}
