package collector

import (
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// burstFeeds are the objectives that the bursts of one load probe feed.
type burstFeeds map[objective.Measure]feed

func newBurstFeeds(book *objective.Book, group, probe string) burstFeeds {
	feeds := burstFeeds{}
	for _, m := range objective.BurstMeasures() {
		feeds[m] = book.Of(m, group, probe, "")
	}
	return feeds
}

// quantiles are those that the objectives are about.
func (f burstFeeds) quantiles() (list []float64) {
	for _, t := range f[objective.LoadLatency] {
		list = append(list, t.Objective().Quantile)
	}
	return list
}

// A figure is one of a burst and how many samples it was taken from; none means that there is no figure.
type figure struct {
	value   float64
	samples int
}

// judge feeds the figures of a valid burst, each as the metrics of the last burst have it. A figure that the burst does
// not have is fed as missing, so that the one of an older burst does not stand in its place.
func (f burstFeeds) judge(s *load.Summary, all *load.LeafSummary, w *BurstWatch) {
	n := int(s.Requests())
	for _, t := range f[objective.LoadLatency] {
		t.Burst(all.Quantile(t.Objective().Quantile), n)
	}
	for m, one := range map[objective.Measure]figure{
		objective.LoadUsers:       {float64(s.UsersPeak), 1},
		objective.LoadThroughput:  {s.Throughput(), 1},
		objective.LoadErrorRatio:  {s.ErrorRatio(), n},
		objective.LoadLatencyMean: {all.Mean(), n},
		objective.LoadDuration:    {s.Duration().Seconds(), 1},
	} {
		f.feed(m, []figure{one})
	}
	items, ok := s.ItemsRate()
	f.feed(objective.LoadItemsRate, []figure{{items, int(oneIf(ok))}})
	f.feed(objective.LoadMemoryPeak, w.each((*Watched).memoryPeak))
	f.feed(objective.LoadMemoryPerRequest, w.each((*Watched).memoryPerRequest))
	f.feed(objective.LoadMemoryLeak, w.each((*Watched).memoryLeak))
	f.feed(objective.LoadCacheHitRatio, append(w.hitRatios(), saidHits(all)))
}

// feed judges each objective of a measure by the worst of several figures.
func (f burstFeeds) feed(m objective.Measure, figures []figure) {
	for _, t := range f[m] {
		worst := worstOf(t.Objective(), figures)
		t.Burst(worst.value, worst.samples)
	}
}

// worstOf is the worst of the figures that have samples enough to be judged or, where none has, the one with the most.
func worstOf(o *objective.Objective, figures []figure) (worst figure) {
	floor := o.Floor()
	for _, f := range figures {
		switch judged := worst.samples >= floor; {
		case judged && f.samples >= floor && o.Crossed(f.value, worst.value), !judged && f.samples > worst.samples:
			worst = f
		}
	}
	return worst
}

// each asks every process that was watched; a nil BurstWatch has none.
func (w *BurstWatch) each(ask func(*Watched) figure) (list []figure) {
	if w == nil {
		return nil
	}
	for i := range w.Processes {
		list = append(list, ask(&w.Processes[i]))
	}
	return list
}

// saidHits is what the responses themselves say of caches; no figure if they do not.
func saidHits(all *load.LeafSummary) figure {
	hits, of := all.CacheHits()
	return figure{float64(hits) / max(1, float64(of)), int(of)}
}

func (w *BurstWatch) hitRatios() (list []figure) {
	if w == nil {
		return nil
	}
	for i := range w.Redis {
		if ratio, ok := w.Redis[i].Burst.HitRatio(); ok {
			list = append(list, figure{ratio, int(w.Redis[i].Burst.Lookups())})
		}
	}
	return list
}

func (w *Watched) memoryPeak() figure { return figure{w.Burst.MemoryPeak, min(w.Burst.Samples, 1)} }

func (w *Watched) memoryPerRequest() figure {
	v, ok := w.MemoryPerRequest()
	if !ok {
		return figure{}
	}
	return figure{v, int(w.Requests)}
}

func (w *Watched) memoryLeak() figure {
	v, medians := w.MemoryLeak()
	return figure{v, medians}
}

// JudgeBurst feeds the objectives of a book with a valid burst, as the end of one feeds them in the daemon. What the
// platform did meanwhile may be nil.
func JudgeBurst(book *objective.Book, group string, s *load.Summary, w *BurstWatch) {
	all := s.All()
	newBurstFeeds(book, group, s.Probe).judge(s, &all, w)
}
