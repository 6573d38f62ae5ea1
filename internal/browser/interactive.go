package browser

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// quietWindow is how long main thread and network must be quiet together before a page is interactive.
	quietWindow = 5 * time.Second
	// longTask is the length from which on a task keeps the main thread busy.
	longTask = 50 * time.Millisecond
	// quietRequests is how many requests may be in flight while the network counts as quiet.
	quietRequests = 2
	// never ends what has not ended yet.
	never = time.Duration(math.MaxInt64)
)

// A span is a piece of time, counted from the start of the navigation. Its end is never while it goes on.
type span struct{ start, end time.Duration }

// length of a span; that of one which goes on is as good as endless.
func (s span) length() time.Duration { return s.end - s.start }

// activity is what a page did until an instant, all counted from the start of its navigation.
type activity struct {
	tasks    []span        // of the main thread, 50 ms or longer, in any order
	requests []span        // GETs in flight that did not fail, in any order
	painted  time.Duration // first contentful paint; 0 if nothing was painted yet
	parsed   time.Duration // DOM content loaded; 0 if the document is not parsed yet
	until    time.Duration // the instant
}

// A quiet says whether a page became interactive and when.
type quiet struct {
	interactive time.Duration // valid if found
	found       bool
	// since is when the main thread and the network became quiet for the last time, or the page was painted: five seconds
	// after it the page may be interactive. It is never while too many requests are in flight.
	since time.Duration
	busy  Reason // CPUBusy or NetworkBusy: which of them keeps the page from it; valid if not found
}

// interactive finds the time to interactive as Lighthouse defines it, in
// https://developer.chrome.com/docs/lighthouse/performance/interactive and its source core/computed/metrics/interactive.js:
// the first pair of a CPU quiet period (no task of 50 ms) and a network quiet period (at most two GETs in flight), each of
// five seconds and ending five seconds after the first contentful paint, that overlap for five seconds. The page is
// interactive at the start of the CPU quiet period, but not before its first contentful paint and the end of its parsing.
//
// Lighthouse leaves out requests that never end. Here they stay in flight, so that a page which holds three streams open
// has no time to interactive in the place of a good one.
func interactive(a *activity) quiet {
	if a.painted == 0 || a.parsed == 0 {
		return quiet{since: never, busy: CPUBusy}
	}
	cpu, network := gaps(a.tasks, 0, a.until), gaps(a.requests, quietRequests, a.until)
	found := quiet{since: max(lastStart(cpu), lastStart(network), a.painted), busy: CPUBusy}
	if lastStart(network) > lastStart(cpu) {
		found.busy = NetworkBusy
	}
	short := func(s span) bool { return s.length() < quietWindow || s.end < a.painted+quietWindow }
	cpu, network = slices.DeleteFunc(cpu, short), slices.DeleteFunc(network, short)
	for len(cpu) > 0 && len(network) > 0 {
		c, n := cpu[0], network[0]
		switch {
		case min(c.end, n.end)-max(c.start, n.start) >= quietWindow:
			found.interactive, found.found = max(c.start, a.painted, a.parsed), true
			return found
		case c.start >= n.start:
			network = network[1:]
		default:
			cpu = cpu[1:]
		}
	}
	return found
}

// gaps are the pieces of 0..until in which at most allowed of the spans are open at once.
func gaps(spans []span, allowed int, until time.Duration) (list []span) {
	type edge struct {
		at   time.Duration
		open int // 1 where a span starts, -1 where one ends
	}
	edges := make([]edge, 0, 2*len(spans))
	for _, s := range spans {
		if s.end > s.start && s.start < until {
			edges = append(edges, edge{s.start, 1}, edge{s.end, -1})
		}
	}
	// Where one ends as another starts there is no gap and no overlap.
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.open, b.open)) })
	open, start, inGap := 0, time.Duration(0), true
	for _, e := range edges {
		open += e.open
		switch at := max(e.at, 0); {
		case inGap && open > allowed:
			if at > start {
				list = append(list, span{start, at})
			}
			inGap = false
		case !inGap && open <= allowed:
			start, inGap = at, true
		}
	}
	if inGap && start < until {
		list = append(list, span{start, until})
	}
	if !inGap || start >= until {
		list = append(list, span{never, never}) // the last gap is still to come
	}
	return list
}

// lastStart is where the last gap begins.
func lastStart(gaps []span) time.Duration { return gaps[len(gaps)-1].start }

// blocking sums by how much each task of 50 ms or longer went beyond 50 ms between two instants: the total blocking time
// of https://web.dev/articles/tbt between the first contentful paint and the time to interactive. As in Lighthouse a task
// that reaches over one of the instants is cut there first.
func blocking(tasks []span, from, to time.Duration) (total time.Duration) {
	for _, t := range tasks {
		cut := span{max(t.start, from), min(t.end, to)}
		if cut.length() > longTask {
			total += cut.length() - longTask
		}
	}
	return total
}
