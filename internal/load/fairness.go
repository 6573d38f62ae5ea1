package load

import (
	"math"

	"github.com/perfwatch/perfwatch/internal/trend"
	"github.com/perfwatch/perfwatch/probes"
)

// fairness says how evenly the target served the endpoints of a plan that asks for the same of each: Jain's index, from
// 1/n, where it served one of n, to 1. It is 0 where there is none: of a single endpoint, of endpoints that have not all
// the same share, or of one that was never asked.
//
// Counts would always be fair, because the mix is kept by the plan and not by the target. What the target decides is how
// long each waits, so the index is over how many requests of an endpoint succeeded for each second that its requests
// were in flight. By Little's law that is its throughput over its mean number of requests in flight: 1 over its mean
// service time, if none failed. An endpoint that starves, and one whose requests fail, are near 0. One that has more
// work to do is as slow as one that is treated badly: the index compares only what should be alike.
func (p *Plan) fairness(s *Summary) float64 {
	if len(p.Leaves) < 2 {
		return 0
	}
	served := make([]float64, len(s.Leaves))
	for i := range s.Leaves {
		l := &s.Leaves[i]
		inFlight := l.Service.Mean() / 1e6 * float64(l.Service.TotalCount()) // seconds, of all requests together
		if math.Abs(p.Leaves[i].Share-p.Leaves[0].Share) > mixSlack || inFlight <= 0 {
			return 0
		}
		served[i] = float64(l.Outcomes[probes.OK]) / inFlight
	}
	index, _ := trend.Jain(served)
	return index
}
