package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/perfwatch/perfwatch/probes"
)

// planTree is the task tree of the performance plan: weights 1, 2, 3, 1, 1 over 8, fourteen requests.
func planTree() []Task {
	tree := []struct {
		name   string
		weight float64
		leaves []string
	}{
		{"dashboard", 1, []string{"view_dashboard", "get_portfolio_summary", "get_market_overview"}},
		{"portfolio", 2, []string{"list_holdings", "get_holding_details", "get_performance"}},
		{"recommendation", 3, []string{"get_recommendations", "get_recommendation_details", "get_ai_analysis"}},
		{"search", 1, []string{"search_stocks", "autocomplete_search"}},
		{"analytics", 1, []string{"get_stock_metrics", "get_price_history", "get_correlation_analysis"}},
	}
	var tasks []Task
	for _, g := range tree {
		group := Task{Name: g.name, Weight: g.weight}
		for _, l := range g.leaves {
			group.Tasks = append(group.Tasks, Task{Name: l, HTTP: &probes.HTTP{URL: "http://127.0.0.1:1/" + l}})
		}
		tasks = append(tasks, group)
	}
	return tasks
}

// planShares are the shares of its leaves, from the plan and not from the code.
var planShares = []float64{ //nolint:gochecknoglobals // a table of two tests
	1. / 24, 1. / 24, 1. / 24, 2. / 24, 2. / 24, 2. / 24, 3. / 24, 3. / 24, 3. / 24, 1. / 16, 1. / 16, 1. / 24, 1. / 24, 1. / 24,
}

// furthest draws n times and returns how far any leaf was from its share after any draw, in requests.
func furthest(d *dealer, n int) (off float64) {
	counts := make([]float64, len(d.shares))
	for draws := 1; draws <= n; draws++ {
		counts[d.next()]++
		for i, share := range d.shares {
			off = max(off, math.Abs(counts[i]-share*float64(draws)))
		}
	}
	return off
}

func TestDealerKeepsEveryLeafWithinOneRequestAfterEveryDraw(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int, skew float64) []float64 {
		shares, sum := make([]float64, n), 0.0
		for i := range shares {
			shares[i] = math.Pow(r.Float64(), skew) + 1e-6
			sum += shares[i]
		}
		for i := range shares {
			shares[i] /= sum
		}
		return shares
	}
	tests := []struct {
		name   string
		shares []float64
		draws  int
	}{
		{"the plan's tree", planShares, 100_000},
		{"one leaf", []float64{1}, 100},
		{"two even ones", []float64{0.5, 0.5}, 1000},
		{"one in a hundred thousand", []float64{1 - 1e-5, 1e-5}, 300_000},
		{"a hundred random ones", random(100, 1), 10_000},
		{"a hundred skewed ones", random(100, 8), 10_000},
	}
	for i := range 20 {
		n := 2 + r.IntN(30)
		tests = append(tests, struct {
			name   string
			shares []float64
			draws  int
		}{fmt.Sprintf("random %d of %d leaves", i, n), random(n, 1+4*r.Float64()), 5000})
	}
	for _, tt := range tests {
		bound := 1 - 1/float64(max(1, 2*len(tt.shares)-2)) + 2*mixSlack
		if off := furthest(newDealer(tt.shares), tt.draws); off > bound {
			t.Errorf("%s: a leaf was %.4f requests from its share, want at most %.4f", tt.name, off, bound)
		}
	}
}

func TestDealerIsSharedByUsersExactly(t *testing.T) {
	m := newDealer(planShares)
	var wg sync.WaitGroup
	counts := make([][14]int, 10)
	for u := range counts {
		wg.Go(func() {
			for range 48 * 10 {
				counts[u][m.next()]++
			}
		})
	}
	wg.Wait()
	for leaf, share := range planShares {
		got := 0
		for u := range counts {
			got += counts[u][leaf]
		}
		if want := int(math.Round(share * 4800)); got != want {
			t.Errorf("leaf %d was drawn %d times in 4800, want %d", leaf, got, want)
		}
	}
}

func BenchmarkDealer(b *testing.B) {
	for _, leaves := range []int{1, 14, 100} {
		shares := make([]float64, leaves)
		for i := range shares {
			shares[i] = 1 / float64(leaves)
		}
		if leaves == len(planShares) {
			shares = planShares
		}
		m := newDealer(shares)
		b.Run(fmt.Sprintf("leaves=%d", leaves), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.next()
			}
		})
		b.Run(fmt.Sprintf("leaves=%d/contended", leaves), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m.next()
				}
			})
		})
	}
}
