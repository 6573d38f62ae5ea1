package schedule

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestATriggeredRunComesBesideTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{}
		s.Replace([]Job{d.job(t, "dashboard", "@every 15s", 0)})
		wantError(t, s.Trigger("dashboard"), ErrStopped)
		stop := run(t, s)
		time.Sleep(2 * time.Second)
		wantError(t, s.Trigger("dashboard"), nil)
		wantError(t, s.Trigger("holdings"), ErrUnknown)
		time.Sleep(20 * time.Second)
		expect(t, d.read(), "2s dashboard", "4.259s dashboard", "19.259s dashboard")
		s.Replace(nil)
		wantError(t, s.Trigger("dashboard"), ErrUnknown)
		stop()
		wantError(t, s.Trigger("dashboard"), ErrStopped)
	})
}

func TestATriggeredRunWaitsForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{MaxRunning: 2}
		never := func(name string, takes time.Duration) Job { return d.job(t, name, "0 0 30 2 *", takes) }
		first, second := never("a", time.Minute), never("b", time.Minute)
		first.Exclusive, second.Exclusive = []string{"x:80", "y:80"}, []string{"y:80", "z:80"}
		s.Replace([]Job{first, second, never("c", 0), never("d", time.Minute)})
		stop := run(t, s)
		wantError(t, s.Trigger("a"), nil)
		wantBusy(t, s.Trigger("a"), Overlap)
		wantBusy(t, s.Trigger("b"), Guard)
		wantError(t, s.Trigger("c"), nil)
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		wantError(t, s.Trigger("b"), nil)
		wantBusy(t, s.Trigger("a"), Guard)
		wantError(t, s.Trigger("d"), nil)
		wantBusy(t, s.Trigger("c"), Saturated)
		time.Sleep(time.Minute)
		stop()
	})
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func wantBusy(t *testing.T, err error, want Reason) {
	t.Helper()
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Reason != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestCovers(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	tests := []struct {
		spec   string
		length time.Duration
		at     string
		want   bool
	}{
		{"CRON_TZ=UTC 0 9 * * 1-5", 8 * time.Hour, "2026-11-23 08:59:59", false},
		{"CRON_TZ=UTC 0 9 * * 1-5", 8 * time.Hour, "2026-11-23 09:00:00", true},
		{"CRON_TZ=UTC 0 9 * * 1-5", 8 * time.Hour, "2026-11-23 16:59:59", true},
		{"CRON_TZ=UTC 0 9 * * 1-5", 8 * time.Hour, "2026-11-23 17:00:00", false},
		{"CRON_TZ=UTC 0 9 * * 1-5", 8 * time.Hour, "2026-11-22 12:00:00", false}, // a Sunday
		{"CRON_TZ=UTC 0 22 * * *", 4 * time.Hour, "2026-11-23 01:59:00", true},   // over midnight
		{"CRON_TZ=America/New_York 0 9 * * *", time.Hour, "2026-11-23 14:30:00", true},
		{"0 0 30 2 *", 24 * time.Hour, "2026-03-01 00:00:00", false}, // never
	}
	for _, tt := range tests {
		if got := mustParse(t, tt.spec).Covers(at(tt.at), tt.length); got != tt.want {
			t.Errorf("%s for %v covers %s: %v, want %v", tt.spec, tt.length, tt.at, got, tt.want)
		}
	}
}
