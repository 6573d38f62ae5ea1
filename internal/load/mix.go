package load

import "sync"

// mixSlack is what a deficit may lie below its bound and still count as reaching it: more than the rounding of a float64
// after a hundred million draws, less than anyone can see in a mix.
const mixSlack = 1e-6

// A region is the part of the tree that a user draws from at once: all of it, or a sticky group without the sticky
// groups in it, which are regions of their own. Region 0 is the whole tree's.
type region []branch

// A branch is one thing that a draw can come to: a leaf, or another region, where the draw goes on.
type branch struct {
	share float64 // of the region's draws; they sum to 1
	leaf  int     // -1 for a region
	into  int     // the region: a sticky group that is entered, or the one around it by the exit
}

// A mix draws the leaves of a tree for all users of a burst, each of whom is in one of its regions.
//
// Without sticky groups each leaf has had its share of all draws to within one request after every draw. With them, that
// holds for what is drawn in each region, exits included, and the shares of leaves come near those of the Plan as visits
// end: a burst that is short beside a visit has users who never came out.
type mix struct {
	regions []region
	dealers []*dealer
}

func newMix(regions []region) *mix {
	m := &mix{regions: regions}
	for _, r := range regions {
		shares := make([]float64, len(r))
		for i := range r {
			shares[i] = r[i].share
		}
		m.dealers = append(m.dealers, newDealer(shares))
	}
	return m
}

// next draws a leaf for a user who is in a region, and says where the user is then. It ends: at most half of a region's
// draws are its exit.
func (m *mix) next(at int) (leaf, region int) {
	for {
		b := &m.regions[at][m.dealers[at].next()]
		if b.leaf >= 0 {
			return b.leaf, at
		}
		at = b.into
	}
}

// A dealer draws from a list so that after every draw each item has had its share of all draws to within one. Dice would
// wander: over 150 requests a leaf with a share of 1/8 is off by four of its 19 in every third burst.
//
// It is the schedule of R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): of the items that
// are owed at least 1/(2n-2) of a draw, the one whose deadline is next. Always taking the largest debt, as smooth weighted
// round robin does, does not keep that bound for many unequal shares.
//
// One dealer serves all users of a burst, because one for each would be exact only for each user's few requests. The lock
// is held for one pass over the shares: 50 ns for 14 leaves, 0.05 % of the time at 10,000 requests a second.
type dealer struct {
	shares []float64 // of each item; their sum is 1
	least  float64   // the debt at which an item may be drawn

	mu    sync.Mutex
	draws float64
	drawn []float64
}

func newDealer(shares []float64) *dealer {
	d := &dealer{shares: shares, drawn: make([]float64, len(shares))}
	if n := len(shares); n > 1 {
		d.least = 1 / float64(2*n-2)
	}
	return d
}

// next draws an item.
func (d *dealer) next() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draws++
	best, soonest := 0, 0.0
	found := false
	for i, share := range d.shares {
		owed := share*d.draws - d.drawn[i]
		if owed < d.least-mixSlack {
			continue
		}
		// Draws from now until the debt would pass its bound.
		deadline := (1 - d.least - owed) / share
		if !found || deadline < soonest {
			best, soonest, found = i, deadline, true
		}
	}
	d.drawn[best]++
	return best
}
