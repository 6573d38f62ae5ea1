package load

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestASeedIsReadAsAReportSaysIt(t *testing.T) {
	for text, want := range map[string]Seed{
		"1": 1, "18446744073709551615": 1<<64 - 1, "0": 0, "-1": 0, "18446744073709551616": 0, "1.5": 0, "": 0, "0x1": 0, "seven": 0,
	} {
		var s Seed
		if err := s.UnmarshalText([]byte(text)); (err == nil) != (want != 0) || s != want {
			t.Errorf("%q: %d, %v, want %d", text, s, err, want)
		}
	}
}

func TestABurstIsRepeatedFromTheSeedOfItsReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := Spec{Users: 3, Duration: 10 * time.Second, ThinkTime: ThinkTime{Mean: time.Second}}
		sent := func() (offsets []time.Duration, seed Seed) {
			sink := &log{}
			s := Run(t.Context(), planOf(t, spec, after(time.Millisecond)), sink)
			return sink.offsets(s.Start), Seed(s.Seed)
		}
		first, seed := sent()
		other, _ := sent()
		spec.Seed = seed
		again, kept := sent()
		if !slices.Equal(first, again) || slices.Equal(first, other) || kept != seed || len(first) < 10 {
			t.Errorf("sent at %v, and again at %v from seed %d, and at %v from another", first, again, kept, other)
		}
	})
}
