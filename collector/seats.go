package collector

import "time"

// seatKept is how long a label value that is not reported any more keeps its seat.
const seatKept = time.Hour

// seats bounds the values of a label that a source chooses: so many may have series, and a seat is free again only when
// its value has not been reported for an hour. However the source changes its mind, a day has at most 24 times as many.
type seats struct {
	most int
	last map[string]time.Time // when each that has a seat was last reported
}

func newSeats(most int) seats { return seats{most: most, last: map[string]time.Time{}} }

// take says whether a value has a seat, or gets one.
func (s *seats) take(now time.Time, value string) bool {
	if _, ok := s.last[value]; !ok && len(s.last) >= s.most {
		return false
	}
	s.last[value] = now
	return true
}

// free gives up the seats that were kept for long enough, and names them.
func (s *seats) free(now time.Time) (freed []string) {
	for value, last := range s.last {
		if now.Sub(last) >= seatKept {
			delete(s.last, value)
			freed = append(freed, value)
		}
	}
	return freed
}
