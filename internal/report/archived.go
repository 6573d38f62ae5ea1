package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// maxEarlier is how many earlier bursts of a probe are listed beside the newest.
const maxEarlier = 30

// An Earlier is a burst before the one that is told of, in a line.
type Earlier struct {
	Start      time.Time `json:"start"`
	Result     string    `json:"result"`
	Same       bool      `json:"same_load"` // it had the same load
	Requests   uint64    `json:"requests"`
	ErrorRatio float64   `json:"error_ratio"`
	Throughput float64   `json:"throughput"`
	P50        float64   `json:"p50"`
	P95        float64   `json:"p95"`
	P99        float64   `json:"p99"`
}

// A Pick says which bursts of an archive are told of.
type Pick struct {
	Probe string    // "" is every probe
	At    time.Time // the burst of the probe that began then or last before; zero is the last one
}

// AddArchived tells of the bursts of an archive: the one that is picked of each probe, compared with those before it, and
// a line for each of those. It feeds the objectives of the book that are about bursts, if the book is not nil.
func (r *Report) AddArchived(a *archive.Archive, cfg *config.Config, pick Pick, book *objective.Book) error {
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if p.Load == nil || pick.Probe != "" && pick.Probe != p.Name {
			continue
		}
		r.addArchived(a, cfg, p, pick, book)
	}
	if len(r.Bursts) == 0 && pick.Probe != "" {
		return fmt.Errorf("no burst of probe %q there", pick.Probe)
	}
	for i := range r.Bursts {
		b := &r.Bursts[i]
		if r.Start.IsZero() || b.Start.Before(r.Start) {
			r.Start = b.Start
		}
		if b.End.After(r.End) {
			r.End = b.End
		}
	}
	return nil
}

func (r *Report) addArchived(a *archive.Archive, cfg *config.Config, p *config.Probe, pick Pick, book *objective.Book) {
	var picked *archive.Burst
	var row Burst
	for b := range a.Bursts(p.Name) {
		if picked == nil {
			if !pick.At.IsZero() && b.Start.After(pick.At) {
				continue
			}
			picked, row = b, BurstOf(b)
			continue
		}
		if len(row.Earlier) == maxEarlier {
			break
		}
		row.Earlier = append(row.Earlier, earlierOf(b, b.Hash == picked.Hash))
	}
	if picked == nil {
		return
	}
	row.Group, row.Suite = p.Group, string(p.Suite())
	if plan, err := p.Load.Plan(p.Name, cfg.BurstEnv()); err == nil && cfg.BurstHash(p.Load) == picked.Hash {
		row.Plan = plan.String()
	}
	r.Bursts = append(r.Bursts, row)
	if picked.Valid() {
		r.CompareArchived(p.Name, a.Compare(picked))
		if book != nil {
			collector.JudgeBurst(book, p.Group, picked.Summary(), row.Watch)
		}
	}
}

func earlierOf(b *archive.Burst, same bool) Earlier {
	s := b.Summary()
	all := s.All()
	return Earlier{
		Start: b.Start, Result: string(b.Result), Same: same, Requests: all.Requests(), ErrorRatio: all.ErrorRatio(),
		Throughput: s.Throughput(), P50: all.Quantile(0.5), P95: all.Quantile(0.95), P99: all.Quantile(0.99),
	}
}

// Trend are the bursts of the same load, this one included, the oldest first.
func (u *Burst) Trend() []Earlier {
	l := &u.All.Latency
	trend := []Earlier{{
		Start: u.Start, Result: string(u.Result), Same: true, Requests: u.All.Requests, ErrorRatio: u.All.ErrorRatio,
		Throughput: u.All.Throughput, P50: l.P50, P95: l.P95, P99: l.P99,
	}}
	for _, e := range u.Earlier {
		if e.Same {
			trend = append(trend, e)
		}
	}
	slices.Reverse(trend)
	return trend
}
