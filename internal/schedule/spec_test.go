package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, text string) Spec {
	t.Helper()
	spec, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestParseRefusesWithWhatIsAllowed(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `0 fields, want ` + wantFields + `; or ` + wantNamed},
		{"* * * *", `4 fields, want ` + wantFields + `; or ` + wantNamed},
		{"1 2 3 4 5 6 7", `7 fields, want ` + wantFields + `; or ` + wantNamed},
		{"61 * * * *", `minute "61", want 0-59, *, lists, ranges and steps`},
		{"60 * * * * *", `second "60", want 0-59, *, lists, ranges and steps`},
		{"* 24 * * *", `hour "24", want 0-23, *, lists, ranges and steps`},
		{"* * 0 * *", `day of the month "0", want 1-31, *, lists, ranges and steps`},
		{"* * L * *", `day of the month "L", want 1-31, *, lists, ranges and steps`},
		{"* * * 13 *", `month "13", want 1-12 or jan-dec, *, lists, ranges and steps`},
		{"* * * * 7", `weekday "7", want 0-6 or sun-sat, *, lists, ranges and steps`},
		{"*/0 * * * *", `minute "*/0", want 0-59, *, lists, ranges and steps`},
		{"5-1 * * * *", `minute "5-1", want 0-59, *, lists, ranges and steps`},
		{"-1 * * * *", `minute "-1", want 0-59, *, lists, ranges and steps`},
		{"1--2 * * * *", `minute "1--2", want 0-59, *, lists, ranges and steps`},
		{", * * * *", `minute is empty, want 0-59, *, lists, ranges and steps`},
		{"* * * * * ,,", `weekday is empty, want 0-6 or sun-sat, *, lists, ranges and steps`},
		{"@reboot", `"@reboot" is not known, want ` + wantNamed},
		{"@HOURLY", `"@HOURLY" is not known, want ` + wantNamed},
		{"@every", `want ` + wantEvery},
		{"@every15s", `want ` + wantEvery},
		{"@every 1d", `want ` + wantEvery},
		{"@every 15s now", `want ` + wantEvery},
		{"@every 0s", `@every 0s is below one second, want ` + wantEvery},
		{"@every -5s", `@every -5s is below one second, want ` + wantEvery},
		{"@every 999ms", `@every 999ms is below one second, want ` + wantEvery},
		{"@every 1500ms", `@every 1.5s has a fraction of a second, want ` + wantEvery},
		{"@every 1.000000001s", `@every 1.000000001s has a fraction of a second, want ` + wantEvery},
		{"@every 8785h", `@every 8785h0m0s is too long, want ` + wantEvery},
		{"@every 99999999h", `want ` + wantEvery},
		{"TZ=", `zone "", want ` + wantZone},
		{"CRON_TZ=", `zone "", want ` + wantZone},
		{"CRON_TZ= * * * * *", `zone "", want ` + wantZone},
		{"CRON_TZ=Mars/Olympus * * * * *", `zone "Mars/Olympus", want ` + wantZone},
		{"CRON_TZ=../../etc/passwd * * * * *", `zone "../../etc/passwd", want ` + wantZone},
		{"CRON_TZ=UTC", `0 fields, want ` + wantFields + `; or ` + wantNamed},
		{"CRON_TZ=UTC TZ=", `two zones, want ` + wantZone},
		{"TZ=UTC CRON_TZ=UTC * * * * *", `two zones, want ` + wantZone},
		{"* TZ= * * *", `hour "TZ=", want 0-23, *, lists, ranges and steps`},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text)
		if err == nil {
			t.Errorf("Parse(%q) accepted it", tt.text)
			continue
		}
		if _, got, _ := strings.Cut(err.Error(), `": `); got != tt.want && err.Error() != `parsing schedule "`+tt.text+`": `+tt.want {
			t.Errorf("Parse(%q):\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestParseNamesTheScheduleInItsError(t *testing.T) {
	_, err := Parse("@every 1500ms")
	want := `parsing schedule "@every 1500ms": @every 1.5s has a fraction of a second, want @every with whole seconds ` +
		`from 1s to 8784h, such as @every 15s or @every 1h30m`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = Parse(strings.Repeat("1,", 200) + "1 * * * *")
	want = `parsing schedule "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"…: 409 bytes, want at most 256`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSpecKeepsItsText(t *testing.T) {
	for _, text := range []string{"@every 15s", "CRON_TZ=America/New_York 0 9 * * 1-5", "0 */10 * * * *", " @hourly "} {
		if got := mustParse(t, text).String(); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestInterval(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"@every 1s", time.Second},
		{"@every 15s", 15 * time.Second},
		{"@every 8784h", 8784 * time.Hour},
		{"* * * * * *", time.Second},
		{"*/7 * * * *", 4 * time.Minute}, // from minute 56 to minute 0
		{"0 */10 * * * *", 10 * time.Minute},
		{"@hourly", time.Hour},
		{"CRON_TZ=UTC @daily", 24 * time.Hour},
		{"CRON_TZ=UTC 0 9,17 * * 1-5", 8 * time.Hour},
		{"CRON_TZ=UTC @weekly", 7 * 24 * time.Hour},
		{"CRON_TZ=UTC 0 0 1,2 1 *", 24 * time.Hour},
		{"CRON_TZ=UTC 0 0 29 2 *", 1461 * 24 * time.Hour},
		{"0 0 30 2 *", 0}, // there is no 30 February
	}
	from := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		if got := mustParse(t, tt.text).Interval(from); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
	if got := (Spec{}).Interval(from); got != 0 {
		t.Errorf("the zero Spec: got %v, want 0", got)
	}
}

func TestPhaseIsTheSameInEveryProcess(t *testing.T) {
	spec := mustParse(t, "@every 15s")
	got := map[string]time.Duration{}
	for _, name := range []string{"", "dashboard", "holdings", "probe_0001"} {
		got[name] = time.Duration(spec.phase(name))
	}
	want := map[string]time.Duration{
		"": 1037 * time.Millisecond, "dashboard": 4259 * time.Millisecond,
		"holdings": 7897 * time.Millisecond, "probe_0001": 1949 * time.Millisecond,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The library's parser panics on some texts and takes others for what they are not. None gets through.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"@every 15s", "TZ=", "CRON_TZ=UTC TZ= ", "0 0 29 2 *", "*/7 1-5,9 ? jan sun", ", , , , ,", "@"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Parse(text)
		if err != nil {
			if spec != (Spec{}) {
				t.Errorf("Parse(%q) returned both a spec and %v", text, err)
			}
			return
		}
		from := time.Date(2026, 3, 8, 6, 59, 59, 0, time.UTC)
		at := spec.next(from.UnixNano(), 0)
		if at != 0 && at <= from.UnixNano() {
			t.Errorf("%q: next after %v is %v", text, from, time.Unix(0, at).UTC())
		}
		if gap := spec.Interval(from); gap < 0 || gap > 0 && gap < time.Second {
			t.Errorf("%q: interval %v", text, gap)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, text := range []string{"@every 15s", "0 */10 * * * *", "CRON_TZ=America/New_York 0 9 * * 1-5"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustParse(b, text)
			}
		})
	}
}

func BenchmarkInterval(b *testing.B) {
	from := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"0 */10 * * * *", "0 0 29 2 *", "0 0 30 2 *"} {
		spec := mustParse(b, text)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				spec.Interval(from)
			}
		})
	}
}
