package schedule

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// mostGaps bounds the work of Interval. An hour has at most 60 minutes to differ in.
	mostGaps = 100
	// lookahead covers the longest gap that fields can have: leap days around 2100.
	lookahead = 9 * 366 * 24 * time.Hour
	// lastYear is the last whole year that nanoseconds since the epoch reach in an int64.
	lastYear = 2261
	// anyBit is what the library sets beside the values of a field that was written as "*".
	anyBit = 1 << 63
)

// Interval is the shortest time between two of the next hundred runs after from; 0 if the schedule never fires.
func (s Spec) Interval(from time.Time) time.Duration {
	if s.every > 0 {
		return s.every
	}
	shortest := time.Duration(0)
	last := s.next(from.UnixNano(), 0)
	for range mostGaps {
		if last == 0 {
			break
		}
		at := s.next(last, 0)
		if at == 0 {
			break
		}
		if gap := time.Duration(at - last); shortest == 0 || gap < shortest {
			shortest = gap
		}
		if shortest == time.Second {
			break
		}
		last = at
	}
	return shortest
}

// Covers says that an instant lies in a span that begins when the schedule is due: a window of time written as its
// beginning and its length.
func (s Spec) Covers(at time.Time, length time.Duration) bool {
	begin := s.next(at.Add(-length).UnixNano(), 0)
	return begin != 0 && begin <= at.UnixNano()
}

// mostExcepted bounds how many runs Nth passes over: a month of one each minute.
const mostExcepted = 50_000

// Nth is the nth instant after another at which a job of a name is due, those left out that are excepted; nil excepts none.
// It is the zero time if there are fewer.
func (s Spec) Nth(job string, after time.Time, n int, excepted func(time.Time) bool) time.Time {
	phase, at := s.phase(job), after.UnixNano()
	for range mostExcepted {
		if at = s.next(at, phase); at == 0 {
			break
		}
		if due := time.Unix(0, at); excepted == nil || !excepted(due) {
			if n--; n <= 0 {
				return due
			}
		}
	}
	return time.Time{}
}

// next is the first due instant after another one, in nanoseconds since the Unix epoch; 0 for never.
func (s Spec) next(after, phase int64) int64 {
	if s.every > 0 {
		every := int64(s.every)
		into := (after - phase) % every
		if into < 0 { // before 1970
			into += every
		}
		return after - into + every
	}
	if s.cron == nil {
		return 0
	}
	at := nextCron(s.cron, time.Unix(0, after))
	if at.IsZero() || at.Year() > lastYear {
		return 0
	}
	return at.UnixNano()
}

// mostCounted bounds the work of counting what cron fields missed: more than a day of one each second, or two months of
// one each minute. What lies beyond is not counted.
const mostCounted = 100_000

// passed says how many instants there are from one of them up to now, and which is the first after now; 0 for never.
func (s Spec) passed(from, now, phase int64) (n int, next int64) {
	if from == 0 || from > now {
		return 0, from
	}
	if s.every > 0 {
		n := (now-from)/int64(s.every) + 1
		return int(n), from + n*int64(s.every)
	}
	for next = from; next != 0 && next <= now; next = s.next(next, phase) {
		if n++; n == mostCounted {
			return n, s.next(now, phase)
		}
	}
	return n, next
}

// nextCron is the first matching second after t, zero if there is none. The library's own Next leaves out a day on which
// daylight saving begins at midnight, as in Cairo or Santiago. Every step here leads forward to the next second that
// could match and looks at the civil time again, so that it holds in any zone whose offset changes between two hours.
func nextCron(c *cron.SpecSchedule, t time.Time) time.Time {
	t = t.In(c.Location).Truncate(time.Second).Add(time.Second)
	end := t.Add(lookahead)
	for t.Before(end) {
		year, month, day := t.Date()
		hour, minute, second := t.Clock()
		var next time.Time
		switch {
		case c.Month&(1<<uint(month)) == 0:
			next = startOfDay(year, month+1, 1, c.Location)
		case !dayMatches(c, day, t.Weekday()):
			next = startOfDay(year, month, day+1, c.Location)
		case c.Hour&(1<<uint(hour)) == 0:
			next = t.Add(time.Duration(3600-60*minute-second) * time.Second)
		case c.Minute&(1<<uint(minute)) == 0:
			next = t.Add(time.Duration(60*gap(c.Minute, minute)-second) * time.Second)
		case c.Second&(1<<uint(second)) == 0:
			next = t.Add(time.Duration(gap(c.Second, second)) * time.Second)
		default:
			return t
		}
		if !next.After(t) { // a day that a zone began twice
			next = t.Add(time.Hour)
		}
		t = next
	}
	return time.Time{}
}

// gap is how far the next set bit lies from a position; to 60, the end of the hour or minute, if there is none.
func gap(mask uint64, from int) int {
	return min(bits.TrailingZeros64((mask&^anyBit)>>uint(from)), 60-from)
}

// dayMatches follows cron: a day is right by either of two restricted fields, or by both if one is "*".
func dayMatches(c *cron.SpecSchedule, day int, weekday time.Weekday) bool {
	dom := c.Dom&(1<<uint(day)) != 0
	dow := c.Dow&(1<<uint(weekday)) != 0
	if c.Dom&anyBit != 0 || c.Dow&anyBit != 0 {
		return dom && dow
	}
	return dom || dow
}

// startOfDay is the first instant of a civil day, which is not always midnight.
func startOfDay(year int, month time.Month, day int, loc *time.Location) time.Time {
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	for civil(t).Before(want) { // midnight was left out
		t = t.Add(time.Hour)
	}
	for before := t.Add(-time.Hour); civil(before).Equal(want); before = t.Add(-time.Hour) { // midnight comes twice
		t = before
	}
	return t
}

// civil is the civil day of an instant, as midnight UTC.
func civil(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
