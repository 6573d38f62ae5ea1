package objective

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		unit Unit
		text string
		want float64
	}{
		{Seconds, "500ms", 0.5},
		{Seconds, "1s", 1},
		{Seconds, "1m30s", 90},
		{Seconds, "1h", 3600},
		{Seconds, "1d", 86400},
		{Seconds, "1d12h", 129600},
		{Seconds, "0.5d", 43200},
		{Seconds, "1.1s", (1100 * time.Millisecond).Seconds()},
		{Seconds, "250us", 0.00025},
		{Seconds, "250µs", 0.00025},
		{Seconds, "0s", 0},
		{Ratio, "85%", 0.85},
		{Ratio, "0.5%", 0.005},
		{Ratio, "99.9%", 0.999}, // 99.9/100 would be 0.9990000000000001
		{Ratio, "0.85", 0.85},
		{Ratio, "0%", 0},
		{Ratio, "100%", 1},
		{Ratio, "1", 1},
		{Count, "100", 100},
		{Count, "100.0", 100},
		{PerSecond, "100", 100},
		{PerSecond, "0.5", 0.5},
		{PerSecond, "120/s", 120},
		{Bytes, "2GiB", 2147483648},
		{Bytes, "100KiB", 102400},
		{Bytes, "1.5MiB", 1572864},
		{Bytes, "500MB", 5e8},
		{Bytes, "1KB", 1000},
		{Bytes, "900TiB", 900 << 40},
		{Bytes, "512B", 512},
		{Bytes, "0", 0},
		{BytesPerSecond, "0", 0},
		{BytesPerSecond, "100KiB", 102400},
		{BytesPerSecond, "1.5MiB/s", 1572864},
	}
	for _, tt := range tests {
		got, err := tt.unit.Parse(tt.text)
		if got != tt.want || err != nil {
			t.Errorf("%s %q: got %v, %v, want %v", tt.unit, tt.text, got, err, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		unit  Unit
		texts []string
		want  string
	}{
		{Seconds, []string{"", "0", "5", "1.5", "-1s", "+1s", "1s!", "1 s", " 1s", "1s ", "s", "1d0", "1d-1h", "1d1d", "1w", "1e3s",
			".5s", "1.s", "NaN", "Inf", "inf s", "0x1s", "1_000s", "3651d", "99999999999d", "9999999999h", "99999999999999999999s"},
			"a duration of at most 3650d, such as 500ms, 1.5s, 1m30s, 1h or 1d"},
		{Ratio, []string{"", "%", "85", "101%", "1.01", "-1%", "+1%", "85 %", "85%%", "85% ", "1e-2",
			"NaN", "NaN%", "Inf%", ".5", "0x1p-2", "8_5%", "５%"},
			"a ratio from 0% to 100%, such as 85% or 0.85"},
		{Count, []string{"", "1.5", "-1", "+1", "100 users", "1e3", "NaN", "Inf", "1000000000001", "0x10", "1_000", "100/s"},
			"a whole number from 0 to 1000000000000, such as 100"},
		{PerSecond, []string{"", "/s", "-1", "100/m", "100/s/s", "NaN/s", "Inf", "1e3", "1000000000001"},
			"a rate from 0 to 1000000000000 a second, such as 100 or 0.5"},
		{Bytes, []string{"", "5", "1.5", "GiB", "-1GiB", "+1GiB", "1 GiB", "1gib", "1kiB", "1PiB", "901TiB", "1GiB/s", "1GiB1MiB", "1e3B",
			"NaNB", "InfKiB", ".5MiB", "0x1B", "1_0B", "0/s", "00"},
			"a size of at most 900TiB, such as 2GiB, 1.5MiB, 100KiB, 500MB or 512B"},
		{BytesPerSecond, []string{"", "/s", "5", "1GiB/m", "1GiB/s/s", "-1B"},
			"a size a second of at most 900TiB/s, such as 0, 1.5MiB/s or 100KiB/s"},
	}
	for _, tt := range tests {
		for _, text := range tt.texts {
			got, err := tt.unit.Parse(text)
			if want := fmt.Sprintf("parsing %q: want %s", text, tt.want); err == nil || err.Error() != want || got != 0 {
				t.Errorf("%s: got %v, %v, want %s", tt.unit, got, err, want)
			}
		}
	}
	_, err := Count.Parse(strings.Repeat("9", 1_000_000))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("a million digits: %v", err)
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		unit Unit
		v    float64
		want string
	}{
		{Seconds, 0.48, "480ms"},
		{Seconds, 0.0004567, "457µs"},
		{Seconds, 0.00042, "420µs"},
		{Seconds, 0.9996, "1s"},
		{Seconds, 1.5, "1.5s"},
		{Seconds, 1.2345, "1.23s"},
		{Seconds, 59.98, "1m"},
		{Seconds, 90, "1.5m"},
		{Seconds, 3600, "1h"},
		{Seconds, 86400, "1d"},
		{Seconds, 3e-9, "3ns"},
		{Seconds, 0, "0s"},
		{Seconds, 1e-12, "0s"},
		{Ratio, 0.992, "99.2%"},
		{Ratio, 0.85, "85%"},
		{Ratio, 0.005, "0.5%"},
		{Ratio, 0.0001234, "0.0123%"},
		{Ratio, 1, "100%"},
		{Ratio, 0, "0%"},
		{Ratio, math.Copysign(0, -1), "0%"},
		{PerSecond, 120, "120/s"},
		{PerSecond, 52.349, "52.3/s"},
		{PerSecond, 12345, "12300/s"},
		{Count, 100, "100"},
		{Count, 99.96, "100"},
		{Count, 0, "0"},
		{Bytes, 2 << 30, "2GiB"},
		{Bytes, 2e9, "1.86GiB"},
		{Bytes, 1016 * 1024, "1020KiB"},
		{Bytes, 1023.9 * 1024, "1MiB"},
		{Bytes, 1 << 20, "1MiB"},
		{Bytes, 102400, "100KiB"},
		{Bytes, 512, "512B"},
		{Bytes, 0.25, "0.25B"},
		{Bytes, 0, "0B"},
		{Bytes, -4096, "-4KiB"},
		{BytesPerSecond, 1 << 20, "1MiB/s"},
		{BytesPerSecond, 0, "0B/s"},
	}
	for _, tt := range tests {
		if got := tt.unit.Format(tt.v); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.unit, tt.v, got, tt.want)
		}
	}
	for _, unit := range []Unit{Seconds, Ratio, Count, PerSecond, Bytes, BytesPerSecond} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			if got := unit.Format(v); got != "–" {
				t.Errorf("%s %v: got %q, want –", unit, v, got)
			}
		}
	}
}

func TestParseReadsWhatFormatWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, unit := range []Unit{Seconds, Ratio, PerSecond, Count, Bytes, BytesPerSecond} {
		for range 4000 {
			v := math.Pow(10, r.Float64()*14-8) // 10 ns to 11 days
			switch unit {
			case Ratio:
				v = math.Pow(10, r.Float64()*-6)
			case Count:
				v = math.Round(v)
			default:
			}
			text := unit.Format(v)
			got, err := unit.Parse(text)
			if err != nil || math.Abs(got-v) > 0.005001*v+1e-9 { // durations are whole nanoseconds
				t.Fatalf("%s %v: wrote %q, read %v, %v", unit, v, text, got, err)
			}
		}
	}
}

func FuzzParseUnit(f *testing.F) {
	for _, text := range []string{"500ms", "1d12h", "85%", "100/s", "1e9", "-1", "1.5MiB/s", "900TiB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unit := range []Unit{Seconds, Ratio, Count, PerSecond, Bytes, BytesPerSecond} {
			v, err := unit.Parse(text)
			if !(v >= 0 && v <= 900<<40) || err != nil && v != 0 {
				t.Errorf("%s %q: %v, %v", unit, text, v, err)
			}
		}
	})
}
