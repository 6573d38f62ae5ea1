package browser

import "time"

const (
	// shiftGap is how far apart two shifts of one session window may be, and shiftWindow how long the window may be.
	shiftGap    = time.Second
	shiftWindow = 5 * time.Second
)

// A shift is a layout shift that no user asked for.
type shift struct {
	at    time.Duration // from the start of the navigation
	score float64
}

// layoutShift is the cumulative layout shift of https://web.dev/articles/cls: the largest sum of scores in one session
// window, a burst of shifts less than a second apart that spans five seconds at most. Shifts come in their order.
func layoutShift(shifts []shift) (worst float64) {
	sum, first, last := 0.0, time.Duration(0), time.Duration(0)
	for i, s := range shifts {
		if i == 0 || s.at-last >= shiftGap || s.at-first >= shiftWindow {
			sum, first = 0, s.at
		}
		last = s.at
		sum += s.score
		worst = max(worst, sum)
	}
	return worst
}
