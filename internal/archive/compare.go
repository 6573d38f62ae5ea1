package archive

import (
	"slices"

	"github.com/perfwatch/perfwatch/internal/baseline"
)

// The words of Burst.Changed.
const (
	slower = "slower"
	faster = "faster"
)

// Compare judges a burst that is not kept yet against the earlier valid ones of its probe and its configuration, by
// endpoint; "" is all of them. Endpoints whose history is too short are left out, and for a burst that is not valid so
// are all. The verdict is noted in the burst, so that those after it are not compared with what had changed.
func (a *Archive) Compare(b *Burst) map[string]baseline.Verdict {
	if !b.Valid() {
		return nil
	}
	h := newHistory(b)
	for earlier := range a.Bursts(b.Probe) {
		if earlier.Valid() && earlier.Hash == b.Hash && earlier.Start.Before(b.Start) {
			h.add(earlier)
		}
		if h.bursts == baseline.MaxBursts {
			break
		}
	}
	verdicts := baseline.Compare(h.endpoints, b.Seed)
	b.Changed = map[string]string{}
	for endpoint, v := range verdicts {
		switch {
		case v.Change > 0:
			b.Changed[endpoint] = slower
		case v.Change < 0:
			b.Changed[endpoint] = faster
		}
	}
	return verdicts
}

// A history is what is compared of some bursts, by endpoint. The counts are kept on the coarse grid of the comparison,
// which takes a tenth of a burst.
type history struct {
	endpoints []baseline.Endpoint // the first is all of them
	bursts    int
}

// newHistory begins with the newest burst, whose endpoints are those that are judged.
func newHistory(newest *Burst) *history {
	h := &history{endpoints: []baseline.Endpoint{{}}}
	for i := range newest.Leaves {
		name := newest.Leaves[i].Endpoint
		if !slices.ContainsFunc(h.endpoints, func(e baseline.Endpoint) bool { return e.Name == name }) {
			h.endpoints = append(h.endpoints, baseline.Endpoint{Name: name})
		}
	}
	h.add(newest)
	return h
}

// add takes a burst that is older than those before it.
func (h *history) add(b *Burst) {
	h.bursts++
	for i := range h.endpoints {
		e := &h.endpoints[i]
		var counts Counts
		var failed uint64
		for k := range b.Leaves {
			if l := &b.Leaves[k]; e.Name == "" || l.Endpoint == e.Name {
				counts = append(counts, l.Response...)
				failed += l.Failures()
			}
		}
		_, changed := b.Changed[e.Name]
		e.Bursts = append(e.Bursts, baseline.NewBurst(counts, int64(failed), changed))
	}
}
