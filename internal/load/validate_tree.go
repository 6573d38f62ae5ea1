package load

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// A place is where in the tree the validator stands.
type place struct {
	path   string
	top    string  // the task at the top of the tree above it
	depth  int     // of the tasks there, from 1
	region int     // what users there draw from: the nearest sticky group around it
	chance float64 // of a draw in that region to come here
	visits float64 // for each draw at the top of the tree
}

// tree checks the tasks and builds the leaves with their shares.
//
// Without sticky groups a draw at the top ends at one leaf, and the chance to do so is the leaf's share. A visit to a
// sticky group is as many draws as come before the exit, w/e of each task on average with the task's weight w and the
// exit's e. A leaf's requests for each draw at the top are so the product of these and of the chances along its path, and
// its share is that over the sum of all leaves. The law of large numbers for renewals makes it the limit of any burst.
func (v *validator) tree(tasks []Task) {
	v.regions = []region{nil}
	v.tasks(tasks, 0, place{path: "tasks", depth: 1, chance: 1, visits: 1})
	if len(v.regions) == 1 {
		return
	}
	sum := 0.0
	for i := range v.leaves {
		sum += v.leaves[i].Share
	}
	for i := range v.leaves {
		v.leaves[i].Share /= sum
	}
}

// tasks checks the tasks at a place and adds their leaves. Exit is the weight against theirs of a sticky group's exit, or
// 0.
func (v *validator) tasks(tasks []Task, exit float64, at place) {
	if len(tasks) == 0 {
		v.wrong(at.path, nil, "at least one task")
		return
	}
	if at.depth > maxDepth {
		v.wrong(at.path, at.depth, "a tree at most %d tasks deep", maxDepth)
		return
	}
	sum := weights(tasks)
	draws := 1.0 // of a visit
	if exit > 0 {
		draws = (sum + exit) / exit
	}
	names := map[string]bool{}
	for i := range tasks {
		t, below := &tasks[i], at
		below.path = fmt.Sprintf("%s[%d]", at.path, i)
		if at.depth == 1 {
			below.top = t.Name
		}
		below.chance = at.chance * t.weight() / (sum + exit)
		below.visits = at.visits * draws * t.weight() / (sum + exit)
		v.name(t, below.path, names)
		if w := t.Weight; !(w >= 0) || w > maxWeight {
			v.wrong(below.path+".weight", w, "above 0 and up to %.0f", maxWeight)
		}
		v.task(t, below)
	}
}

func weights(tasks []Task) (sum float64) {
	for i := range tasks {
		sum += tasks[i].weight()
	}
	return sum
}

// weight is the task's weight against its siblings.
func (t *Task) weight() float64 {
	if t.Weight == 0 || math.IsNaN(t.Weight) {
		return 1
	}
	return t.Weight
}

// name checks a name among its siblings, and a leaf's in the whole tree: it is the value of the label "endpoint".
func (v *validator) name(t *Task, at string, siblings map[string]bool) {
	at += ".name"
	leaf := t.HTTP != nil
	switch {
	case t.Name == "":
		v.wrong(at, nil, "a name")
		return
	case len(t.Name) > maxName, !utf8.ValidString(t.Name):
		v.wrong(at, t.Name, "at most %d bytes of UTF-8", maxName)
	case siblings[t.Name]:
		v.wrong(at, t.Name, "a name that no task beside it has")
	case leaf && v.endpoints[t.Name]:
		v.wrong(at, t.Name, "a name that no other request of the tree has")
	}
	siblings[t.Name] = true
	if leaf {
		v.endpoints[t.Name] = true
	}
}

func (v *validator) task(t *Task, at place) {
	n := len(v.nodes)
	v.nodes = append(v.nodes, node{name: t.Name, depth: at.depth, from: len(v.leaves)})
	switch {
	case t.HTTP != nil && t.Tasks != nil:
		v.wrong(at.path, t.Name, "either http or tasks, not both")
	case t.HTTP != nil:
		v.leaf(t, at)
	case t.Tasks != nil:
		v.group(t, n, at)
	default:
		v.wrong(at.path, nil, "http or tasks")
	}
	v.nodes[n].to = len(v.leaves)
}

// group checks a group, the node n of the tree. A sticky one is a region of its own.
func (v *validator) group(t *Task, n int, at place) {
	below := at
	below.path, below.depth = at.path+".tasks", at.depth+1
	if !t.Sticky {
		v.notSticky(t, at.path)
		v.tasks(t.Tasks, 0, below)
		return
	}
	if len(t.Tasks) > 0 {
		v.exit(t, at.path)
	}
	below.region, below.chance = len(v.regions), 1
	v.regions[at.region] = append(v.regions[at.region], branch{share: at.chance, leaf: -1, into: below.region})
	v.regions = append(v.regions, nil)
	sum := weights(t.Tasks)
	v.nodes[n].stay = sum / t.ExitWeight
	v.tasks(t.Tasks, t.ExitWeight, below)
	out := branch{share: t.ExitWeight / (sum + t.ExitWeight), leaf: -1, into: at.region}
	v.regions[below.region] = append(v.regions[below.region], out)
}

// exit checks the exit's weight. A visit is at least one request on average, or the group would only be a detour, and
// its length is bounded so that shares are numbers.
func (v *validator) exit(t *Task, at string) {
	most := weights(t.Tasks)
	var given any
	switch e := t.ExitWeight; {
	case e >= most/maxStay && e <= most:
		return
	case e != 0:
		given = e
	}
	v.wrong(at+".exit_weight", given, "a weight of leaving from %g to the %g of its tasks together", most/maxStay, most)
}

func (v *validator) notSticky(t *Task, at string) {
	if t.Sticky {
		v.wrong(at+".sticky", t.Sticky, "it only on a group of tasks")
	}
	if t.ExitWeight != 0 && !t.Sticky {
		v.wrong(at+".exit_weight", t.ExitWeight, "it only beside sticky: true")
	}
}

func (v *validator) leaf(t *Task, at place) {
	v.notSticky(t, at.path)
	if len(v.leaves) == maxLeaves {
		if !v.full {
			v.wrong(at.path, t.Name, "at most %d requests in the tree", maxLeaves)
		}
		v.full = true
		return
	}
	v.within(at.path+".http", t.HTTP.InSession())
	r := v.message(at.path+".http", t.HTTP, v.headers)
	r.catchers = v.catchers(at.path, t.Capture, v.knownSlot)
	v.regions[at.region] = append(v.regions[at.region], branch{share: at.chance, leaf: len(v.leaves)})
	v.leaves = append(v.leaves, Leaf{Task: at.top, Endpoint: t.Name, Share: at.visits, Prober: r.prober, message: r})
}
