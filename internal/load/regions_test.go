package load

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

func weighted(w float64, t Task) Task {
	t.Weight = w
	return t
}

func sticky(exit float64, t Task) Task {
	t.Sticky, t.ExitWeight = true, exit
	return t
}

// stickyTrees are trees with the shares of their leaves, worked out by hand as requests for each draw at the top.
func stickyTrees() []struct {
	name  string
	tasks []Task
	want  []float64 // not yet divided by their sum
} {
	return []struct {
		name  string
		tasks []Task
		want  []float64
	}{
		// Half of the draws go to g, whose visits are nine requests: three of a, six of b.
		{"a visit of nine requests", []Task{
			sticky(1, group("g", weighted(3, request("a")), weighted(6, request("b")))), request("c"),
		}, []float64{1.5, 3, 0.5}},
		{"a visit of one", []Task{sticky(1, group("g", request("a"))), request("b")}, []float64{0.5, 0.5}},
		{"nothing but a sticky group", []Task{sticky(1, group("g", request("a"), weighted(3, request("b"))))}, []float64{1, 3}},
		// A group that is not sticky costs a draw of the group around it, and gives one request.
		{"a plain group in a sticky one", []Task{
			sticky(2, group("g", weighted(3, group("h", request("a"), request("b"))), request("c"))), weighted(3, request("d")),
		}, []float64{0.25 * 1.5 / 2, 0.25 * 1.5 / 2, 0.25 * 0.5, 0.75}},
		{"a sticky group in a plain one", []Task{
			group("g", request("a"), sticky(1, group("h", request("b"), weighted(4, request("c"))))), request("d"),
		}, []float64{0.25, 0.25, 1, 0.5}},
		// A visit to g is 4 draws, 2 of them visits to h, which are 5 requests each.
		{"a sticky group in a sticky one", []Task{
			sticky(1, group("g", weighted(2, request("a")), weighted(2, sticky(0.2, group("h", request("b")))))), request("c"),
		}, []float64{1, 5, 0.5}},
	}
}

func TestStickySharesAreThoseOfABurstWithoutEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, tt := range stickyTrees() {
		p := planOf(t, Spec{Users: 1, Duration: time.Second, Tasks: tt.tasks}, nil)
		sum := 0.0
		for _, w := range tt.want {
			sum += w
		}
		dealt, diced := make([]float64, len(p.Leaves)), make([]float64, len(p.Leaves))
		const n = 400_000
		m, users, at := newMix(p.regions), make([]int, 20), 0
		for range n {
			var leaf int
			u := r.IntN(len(users))
			leaf, users[u] = m.next(users[u])
			dealt[leaf]++
			leaf, at = dice(r, p.regions, at)
			diced[leaf]++
		}
		for i, l := range p.Leaves {
			near(t, tt.name+": share of "+l.Endpoint, l.Share, tt.want[i]/sum, 1e-12)
			near(t, tt.name+": dealt to "+l.Endpoint, dealt[i]/n, l.Share, 0.0005)
			near(t, tt.name+": diced for "+l.Endpoint, diced[i]/n, l.Share, 0.01) // a model of its own: one user, and chance
		}
		if p.Exact() {
			t.Errorf("%s: the shares are said to hold in any burst", tt.name)
		}
	}
}

// dice draws a leaf as Locust does.
func dice(r *rand.Rand, regions []region, at int) (leaf, region int) {
	for {
		x := r.Float64()
		for _, b := range regions[at] {
			if x -= b.share; x >= 0 {
				continue
			}
			if b.leaf >= 0 {
				return b.leaf, at
			}
			at = b.into
			break
		}
	}
}

func TestBranchesOfEveryRegionAreAllOfItsDraws(t *testing.T) {
	for _, tt := range stickyTrees() {
		p := planOf(t, Spec{Users: 1, Duration: time.Second, Tasks: tt.tasks}, nil)
		for i, r := range p.regions {
			sum := 0.0
			for _, b := range r {
				sum += b.share
			}
			near(t, tt.name+": branches", sum, 1, 1e-12)
			if last := r[len(r)-1]; i > 0 && (last.leaf >= 0 || last.into >= i) {
				t.Errorf("%s: region %d ends with %+v, want its exit", tt.name, i, last)
			}
		}
	}
}

// Users who enter a sticky group send its requests one after another.
func TestUsersStayInAStickyGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := []Task{
			sticky(0.25, group("browse", request("list"), request("show"))), // visits of eight
			sticky(0.5, group("buy", request("pay"), request("ship"))),      // of four
		}
		p := planOf(t, Spec{Users: 1, IterationsPerUser: 1200, Tasks: tasks}, after(time.Millisecond))
		sink := &log{}
		s := Run(t.Context(), p, sink)
		visits := map[string]int{}
		last := ""
		for _, leaf := range sink.leaves {
			if task := p.Leaves[leaf].Task; task != last {
				visits[task]++
				last = task
			}
		}
		near(t, "browse", float64(s.Leaves[0].Requests()+s.Leaves[1].Requests()), 800, 8)
		near(t, "buy", float64(s.Leaves[2].Requests()+s.Leaves[3].Requests()), 400, 8)
		near(t, "visits to browse", float64(visits["browse"]), 100, 2)
		near(t, "visits to buy", float64(visits["buy"]), 100, 2)
	})
}

func TestManyUsersOfAStickyTreeComeNearItsShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := planTree()
		tasks[1], tasks[2] = sticky(1, tasks[1]), sticky(1, tasks[2]) // visits of three
		spec := Spec{Users: 100, RampUp: 10, Duration: time.Minute, ThinkTime: ThinkTime{Min: time.Second, Max: 3 * time.Second}, Tasks: tasks}
		p := planOf(t, spec, after(20*time.Millisecond))
		s := Run(t.Context(), p, &log{})
		n := float64(s.Requests())
		for i := range s.Leaves {
			near(t, "share of "+p.Leaves[i].Endpoint, float64(s.Leaves[i].Requests())/n, p.Leaves[i].Share, 0.02)
		}
		if s.Requests() < 2500 {
			t.Errorf("%g requests", n)
		}
	})
}

// Users who are still on a visit leave the mix off, and that is no fault of the generator's.
func TestBurstShorterThanAVisitIsValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := []Task{sticky(0.01, group("g", request("a"))), request("b")} // visits of a hundred
		p := planOf(t, Spec{Users: 20, IterationsPerUser: 10, Tasks: tasks}, after(time.Millisecond))
		s := Run(t.Context(), p, &log{})
		if off := p.Leaves[1].Share - float64(s.Leaves[1].Requests())/200; math.Abs(off) < 0.02 || !s.Valid() {
			t.Errorf("%.3f off its share, %s: %s, want a burst off its mix and valid", off, s.Result, s.Reason)
		}
	})
}

func TestPlanNamesEveryMistakeOfAStickyGroup(t *testing.T) {
	leaf := request("a")
	leaf.Sticky, leaf.ExitWeight = true, 1
	exitOnly := group("g", request("a"))
	exitOnly.ExitWeight = 2
	tests := []struct {
		name string
		task Task
		want string
	}{
		{"least", sticky(2e-6, group("g", request("a"), request("b"))), ""},
		{"most", sticky(2, group("g", request("a"), request("b"))), ""},
		{"on a request", leaf, `tasks[0].sticky: "true", want it only on a group of tasks`},
		{"exit_weight alone", exitOnly, `tasks[0].exit_weight: "2", want it only beside sticky: true`},
		{"sticky alone", sticky(0, group("g", request("a"))),
			`tasks[0].exit_weight: missing, want a weight of leaving from 1e-06 to the 1 of its tasks together`},
		{"too light", sticky(1e-6, group("g", request("a"), request("b"))),
			`tasks[0].exit_weight: "1e-06", want a weight of leaving from 2e-06 to the 2 of its tasks together`},
		{"too heavy", sticky(2.5, group("g", request("a"), request("b"))),
			`tasks[0].exit_weight: "2.5", want a weight of leaving from 2e-06 to the 2 of its tasks together`},
		{"below zero", sticky(-1, group("g", request("a"))),
			`tasks[0].exit_weight: "-1", want a weight of leaving from 1e-06 to the 1 of its tasks together`},
		{"not a number", sticky(math.NaN(), group("g", request("a"))),
			`tasks[0].exit_weight: "NaN", want a weight of leaving from 1e-06 to the 1 of its tasks together`},
		{"empty", sticky(1, Task{Name: "g", Tasks: []Task{}}), `tasks[0].tasks: missing, want at least one task`},
	}
	for _, tt := range tests {
		spec := Spec{Users: 1, Duration: time.Second, Tasks: []Task{tt.task}}
		_, err := spec.Plan("p", probes.Env{})
		if got := strings.Join(messages(t, err), "\n"); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
