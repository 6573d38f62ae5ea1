package config

// A Suite is a part of the performance plan.
type Suite string

// The suites.
const (
	APISuite       Suite = "api"       // single probes, and bursts that last for a time
	BenchmarkSuite Suite = "benchmark" // bursts of a number of requests
	MLSuite        Suite = "ml"        // everything of the group ml
)

// Suite is the part of the performance plan that the probe belongs to; "" for single probes of groups other than api and
// ml, which are of none.
func (p *Probe) Suite() Suite {
	switch {
	case p.Group == string(MLSuite):
		return MLSuite
	case p.Load != nil && (p.Load.Iterations > 0 || p.Load.IterationsPerUser > 0):
		return BenchmarkSuite
	case p.Load != nil || p.Group == string(APISuite):
		return APISuite
	}
	return ""
}
