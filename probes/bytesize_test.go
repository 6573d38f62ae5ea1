package probes

import "testing"

func TestByteSizeIsParsed(t *testing.T) {
	for _, tt := range []struct {
		text string
		want ByteSize
	}{
		{"0", 0},
		{"1B", 1},
		{"500KB", 500_000},
		{"500kB", 500_000},
		{"500KiB", 512_000},
		{"1MB", 1_000_000},
		{"1MiB", 1 << 20},
		{"2GiB", 2 << 30},
		{"1.5KiB", 1536},
		{"1.5KB", 1500},
		{"1.0005KB", 1000},
		{"1MiB512KiB", 3 << 19},
		{"7EiB", 7 << 60},
	} {
		var got ByteSize
		if err := got.UnmarshalText([]byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("parsing %q: %d, %v, want %d", tt.text, got, err, tt.want)
		}
	}
}

func TestByteSizeIsRefused(t *testing.T) {
	for _, text := range []string{"", "1", "MiB", "-1MiB", "-0B", "1 MiB", "1kiB", "1MiB1MB", "8EiB", "9223372036854775807B", "10EB",
		"99999999999999999999B", "1e3B", "0x10B", ".B", "infB", "1MiB\n"} {
		size := ByteSize(7)
		if err := size.UnmarshalText([]byte(text)); err == nil || size != 7 {
			t.Errorf("parsing %q: %d, %v, want an error and the size untouched", text, size, err)
		}
	}
	var b ByteSize
	if got, want := b.UnmarshalText([]byte("huge")).Error(), `"huge", want a size such as 1MiB`; got != want {
		t.Errorf("error %s, want %s", got, want)
	}
}

func TestByteSizeIsPrinted(t *testing.T) {
	for size, want := range map[ByteSize]string{
		0: "0B", 1023: "1023B", 1024: "1KiB", 1536: "1536B", 10 << 20: "10MiB", 3 << 30: "3GiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("printing %d: %s, want %s", int64(size), got, want)
		}
	}
}
