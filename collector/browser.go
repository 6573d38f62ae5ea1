package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func browserFamilies() []Family {
	return []Family{
		{browserUp, gauge, nil, "Whether a browser for pages runs now: 1 or 0. It is started for the first load."},
		{browserLaunches, counter, []string{"result"}, "Browsers that were started; result is ok or failed."},
		{browserEnds, counter, []string{"reason"},
			"Browsers that were ended: lost (it died or did not answer), stuck (a page held its main thread), or because they had " +
				"done enough: runs, age, memory."},
		{browserMemory, gauge, nil,
			"Memory of the browser with all of its processes, of what they share their part (PSS). Read each tenth load. Absent without " +
				"a browser."},
		{browserBackOff, gauge, nil,
			"Pause before the next browser is started after one that died or did not start; 0 after a good load."},
	}
}

// A BrowserState is what became of the browsers that load pages.
type BrowserState struct {
	Up               bool
	Launches, Failed int64            // launches that went well, and that failed
	Ends             map[string]int64 // by reason, each that there is
	Memory           int64            // bytes; 0 is not known
	BackOff          time.Duration
}

// Browser exposes the browser that loads pages. Where no page is loaded there is nothing of it.
type Browser struct {
	descs
	state func() *BrowserState
}

// NewBrowser makes a collector of what state says at each scrape, which is nil without pages. It is for the caller to
// register.
func NewBrowser(state func() *BrowserState) *Browser {
	return &Browser{newDescs(browserFamilies(), nil), state}
}

// Collect implements prometheus.Collector.
func (c *Browser) Collect(ch chan<- prometheus.Metric) {
	s := c.state()
	if s == nil {
		return
	}
	c.gauge(ch, browserUp, oneIf(s.Up))
	c.gauge(ch, browserBackOff, s.BackOff.Seconds())
	if s.Memory > 0 {
		c.gauge(ch, browserMemory, float64(s.Memory))
	}
	count := func(name string, n int64, label string) {
		ch <- prometheus.MustNewConstMetric(c.descs[name], prometheus.CounterValue, float64(n), label)
	}
	count(browserLaunches, s.Launches, "ok")
	count(browserLaunches, s.Failed, "failed")
	for reason, n := range s.Ends {
		count(browserEnds, n, reason)
	}
}
