package collector

import (
	"slices"
	"sync/atomic"

	"github.com/perfwatch/perfwatch/probes"
)

// runCounts are how the runs of one probe ended and why others did not happen. Of ten thousand probes that is 190,000
// counters: as counters of the library they would be more of the memory than anything but the histograms.
type runCounts struct {
	ended   [probes.NumOutcomes]atomic.Uint64
	skipped [numReasons]atomic.Uint64 // in the order of reasons
}

// numReasons is how many reasons there are.
const numReasons = 5

// reasons is the closed set of why a run that was due did not happen.
func reasons() [numReasons]string {
	return [numReasons]string{"overlap", "saturated", "guard", "window", "paused"}
}

// skip counts n runs that did not happen. A reason that is none is not counted, since labels come from a closed set.
func (c *runCounts) skip(reason string, n int) {
	all := reasons()
	if i := slices.Index(all[:], reason); i >= 0 {
		c.skipped[i].Add(uint64(n))
	}
}
