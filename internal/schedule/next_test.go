package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

func TestDueInstants(t *testing.T) {
	const layout = "Mon 2 Jan 06 15:04:05 MST"
	tests := []struct {
		zone, text, from string // from in UTC
		want             []string
	}{
		{"UTC", "* * * * *", "2026-07-01 11:59:59", []string{"Wed 1 Jul 26 12:00:00 UTC", "Wed 1 Jul 26 12:01:00 UTC"}},
		{"UTC", "* * * * *", "2026-07-01 12:00:00", []string{"Wed 1 Jul 26 12:01:00 UTC"}},
		{"UTC", "30 */20 * * * *", "2026-07-01 12:19:00", []string{"Wed 1 Jul 26 12:20:30 UTC", "Wed 1 Jul 26 12:40:30 UTC"}},
		{"UTC", "@hourly", "2026-12-31 23:00:00", []string{"Fri 1 Jan 27 00:00:00 UTC"}},
		{"UTC", "@daily", "2026-02-28 12:00:00", []string{"Sun 1 Mar 26 00:00:00 UTC"}},
		{"UTC", "@weekly", "2026-07-01 12:00:00", []string{"Sun 5 Jul 26 00:00:00 UTC"}},
		{"UTC", "@monthly", "2026-07-01 12:00:00", []string{"Sat 1 Aug 26 00:00:00 UTC"}},
		{"UTC", "@yearly", "2026-07-01 12:00:00", []string{"Fri 1 Jan 27 00:00:00 UTC"}},
		{"UTC", "0 9 * * mon-fri", "2026-07-03 10:00:00", []string{"Mon 6 Jul 26 09:00:00 UTC"}},
		{"UTC", "0 0 13 * 5", "2026-07-05 12:00:00", []string{"Fri 10 Jul 26 00:00:00 UTC", "Mon 13 Jul 26 00:00:00 UTC"}},
		{"UTC", "0 0 31 * *", "2026-08-31 12:00:00", []string{"Sat 31 Oct 26 00:00:00 UTC"}},
		{"UTC", "0 0 29 2 *", "2096-03-01 00:00:00", []string{"Fri 29 Feb 04 00:00:00 UTC"}},
		{"Asia/Kolkata", "0 9 * * *", "2026-07-01 00:00:00", []string{"Wed 1 Jul 26 09:00:00 IST"}},
		// New York springs forward from 02:00 to 03:00: 02:30 does not happen, every hour does.
		{"America/New_York", "30 2 * * *", "2026-03-07 12:00:00", []string{"Mon 9 Mar 26 02:30:00 EDT"}},
		{"America/New_York", "0 * * * *", "2026-03-08 05:30:00", []string{"Sun 8 Mar 26 01:00:00 EST", "Sun 8 Mar 26 03:00:00 EDT"}},
		{"America/New_York", "0 3 * * *", "2026-03-07 12:00:00", []string{"Sun 8 Mar 26 03:00:00 EDT"}},
		{"America/New_York", "@daily", "2026-03-07 12:00:00", []string{"Sun 8 Mar 26 00:00:00 EST", "Mon 9 Mar 26 00:00:00 EDT"}},
		{"America/New_York", "30 1 * * *", "2026-11-01 06:30:00", []string{"Mon 2 Nov 26 01:30:00 EST"}},
		// It falls back from 02:00 to 01:00: 01:30 happens twice, an hour apart.
		{"America/New_York", "30 1 * * *", "2026-11-01 00:00:00", []string{"Sun 1 Nov 26 01:30:00 EDT", "Sun 1 Nov 26 01:30:00 EST"}},
		{"America/New_York", "0 2 * * *", "2026-10-31 12:00:00", []string{"Sun 1 Nov 26 02:00:00 EST"}},
		{"America/New_York", "@daily", "2026-10-31 12:00:00", []string{"Sun 1 Nov 26 00:00:00 EDT", "Mon 2 Nov 26 00:00:00 EST"}},
		// Cairo and Santiago leave midnight out; the library's Next leaves out the whole day then.
		{"Africa/Cairo", "0 12 * * fri", "2026-04-23 12:00:00", []string{"Fri 24 Apr 26 12:00:00 EEST"}},
		{"America/Santiago", "0 12 6 9 *", "2026-09-01 12:00:00", []string{"Sun 6 Sep 26 12:00:00 -03"}},
		{"America/Santiago", "0 1 6 9 *", "2026-09-06 03:30:15", []string{"Sun 6 Sep 26 01:00:00 -03"}},
		{"America/Santiago", "@daily", "2026-09-05 12:00:00", []string{"Mon 7 Sep 26 00:00:00 -03"}},
		// Havana repeats, and Amman repeated, the hour after midnight. Lord Howe moves by half an hour.
		{"America/Havana", "0 0 1 11 *", "2026-10-31 12:00:00", []string{"Sun 1 Nov 26 00:00:00 CDT", "Sun 1 Nov 26 00:00:00 CST"}},
		{"Asia/Amman", "0 0 29 10 *", "2021-10-28 12:00:00", []string{"Fri 29 Oct 21 00:00:00 EEST", "Fri 29 Oct 21 00:00:00 EET"}},
		// St John's once went from a minute after midnight back to the day before.
		{"America/St_Johns", "0 12 7 11 *", "2010-11-07 03:00:00", []string{"Sun 7 Nov 10 12:00:00 NST"}},
		{"Australia/Lord_Howe", "0 3 * * *", "2026-10-03 00:00:00", []string{"Sun 4 Oct 26 03:00:00 +11"}},
	}
	for _, tt := range tests {
		from, err := time.Parse(time.DateTime, tt.from)
		if err != nil {
			t.Fatal(err)
		}
		spec := mustParse(t, "CRON_TZ="+tt.zone+" "+tt.text)
		var got []string
		at := from.UnixNano()
		for range tt.want {
			at = spec.next(at, 0)
			got = append(got, time.Unix(0, at).In(spec.cron.Location).Format(layout))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q after %s (-want +got):\n%s", spec, tt.from, diff)
		}
	}
}

func TestEveryIsAnchoredToTheEpoch(t *testing.T) {
	spec := mustParse(t, "@every 15s")
	const phase = 2500 * int64(time.Millisecond)
	tests := []struct{ name, after, want string }{
		{"before the phase", "2026-07-01T12:00:02.499Z", "2026-07-01T12:00:02.5Z"},
		{"at the phase", "2026-07-01T12:00:02.5Z", "2026-07-01T12:00:17.5Z"},
		{"after the phase", "2026-07-01T12:00:02.501Z", "2026-07-01T12:00:17.5Z"},
		{"before 1970", "1969-12-31T23:59:44Z", "1969-12-31T23:59:47.5Z"},
	}
	for _, tt := range tests {
		after, err := time.Parse(time.RFC3339, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(0, spec.next(after.UnixNano(), phase)).UTC().Format(time.RFC3339Nano); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Every due second of a stretch around changes of daylight saving is found, and nothing else.
func TestNextFindsWhatASearchOfEveryMinuteFinds(t *testing.T) {
	starts := map[string][]string{
		"UTC":                 {"2027-12-29", "2028-02-26"},
		"America/New_York":    {"2026-03-06", "2026-10-30"},
		"America/Santiago":    {"2026-04-03", "2026-09-04"},
		"America/Havana":      {"2026-03-06", "2026-10-30"},
		"Africa/Cairo":        {"2026-04-22", "2026-10-28"},
		"Australia/Lord_Howe": {"2026-04-03", "2026-10-02"},
		"Asia/Beirut":         {"2026-03-27", "2026-10-23"},
		"Asia/Kathmandu":      {"2026-01-01"},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for zone, days := range starts {
		for _, day := range days {
			from, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			for range 12 {
				fields := []string{"CRON_TZ=" + zone, pick(r, 0, 59), pick(r, 0, 23), pick(r, 1, 31), "*", pick(r, 0, 6)}
				spec := mustParse(t, strings.Join(fields, " "))
				if diff := cmp.Diff(search(spec.cron, from, 96*60), follow(spec, from, 96*time.Hour)); diff != "" {
					t.Fatalf("%q from %s (-search +next):\n%s", spec, day, diff)
				}
			}
		}
	}
}

// pick writes a random cron field.
func pick(r *rand.Rand, low, high int) string {
	n := low + r.IntN(high-low+1)
	switch r.IntN(4) {
	case 0:
		return fmt.Sprint(n)
	case 1:
		return fmt.Sprintf("%d-%d", n, n+r.IntN(high-n+1))
	case 2:
		return fmt.Sprintf("*/%d", 1+r.IntN(high))
	}
	return "*"
}

func search(c *cron.SpecSchedule, from time.Time, minutes int) []time.Time {
	var found []time.Time
	for range minutes {
		from = from.Add(time.Minute)
		t := from.In(c.Location)
		if c.Minute>>t.Minute()&1 == 1 && c.Hour>>t.Hour()&1 == 1 && dayMatches(c, t.Day(), t.Weekday()) {
			found = append(found, t)
		}
	}
	return found
}

func follow(s Spec, from time.Time, d time.Duration) []time.Time {
	var found []time.Time
	for at := s.next(from.UnixNano(), 0); at != 0 && at <= from.Add(d).UnixNano(); at = s.next(at, 0) {
		found = append(found, time.Unix(0, at).In(s.cron.Location))
	}
	return found
}

func TestTheNthRunLeavesOutWhatIsExcepted(t *testing.T) {
	var none func(time.Time) bool
	office := mustParse(t, "CRON_TZ=UTC 0 8 * * 1-5")
	closed := func(at time.Time) bool { return office.Covers(at, 10*time.Hour) }
	tests := []struct {
		name, spec string
		n          int
		excepted   func(time.Time) bool
		want       string // after noon on Wednesday the first of July 2026
	}{
		{"the first", "CRON_TZ=UTC 0 * * * *", 1, none, "2026-07-01T13:00:00Z"},
		{"the third", "CRON_TZ=UTC 0 * * * *", 3, none, "2026-07-01T15:00:00Z"},
		{"after the office closes", "CRON_TZ=UTC 0 * * * *", 3, closed, "2026-07-01T20:00:00Z"},
		{"over the weekend", "CRON_TZ=UTC 0 9 * * 1-5", 3, none, "2026-07-06T09:00:00Z"},
		{"always excepted", "CRON_TZ=UTC 0 9 * * *", 1, func(time.Time) bool { return true }, "0001-01-01T00:00:00Z"},
		{"never due", "0 0 30 2 *", 1, none, "0001-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		after := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		if got := mustParse(t, tt.spec).Nth("job", after, tt.n, tt.excepted).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	every := mustParse(t, "@every 1h")
	first := every.Nth("job", time.Unix(0, 0), 1, none)
	if third := every.Nth("job", time.Unix(0, 0), 3, none); third.Sub(first) != 2*time.Hour || first != time.Unix(0, every.phase("job")) {
		t.Errorf("the first at %v, the third at %v, want two hours between and the job's own phase", first, third)
	}
}
