package probes

import "time"

// A Phase is one part of a request.
type Phase uint8

// The phases of a request in the order in which they happen.
const (
	DNS       Phase = iota // name resolution
	Connect                // TCP connection
	TLS                    // TLS handshake
	Request                // writing the request
	FirstByte              // from the request written to the first byte of the response
	Transfer               // from the first byte to the last
	NumPhases
)

// String is the phase as it stands in the label "phase".
func (p Phase) String() string {
	return [NumPhases]string{"dns", "connect", "tls", "request", "first_byte", "transfer"}[p]
}

// Phases holds the duration of each phase that happened. A phase that did not happen, as connect on a connection that
// was kept alive, has no sample: it is absent, not zero.
type Phases struct {
	durations [NumPhases]time.Duration
	happened  uint8
}

// Set records that a phase took d. A negative d, as a stepped clock gives, counts as zero.
func (ps *Phases) Set(p Phase, d time.Duration) {
	ps.durations[p] = max(0, d)
	ps.happened |= 1 << p
}

// Get returns the duration of a phase, and whether it happened at all.
func (ps *Phases) Get(p Phase) (time.Duration, bool) {
	return ps.durations[p], ps.happened&(1<<p) != 0
}

// add adds the phases of another request of the same run.
func (ps *Phases) add(other *Phases) {
	for p := range NumPhases {
		if d, ok := other.Get(p); ok {
			ps.Set(p, ps.durations[p]+d)
		}
	}
}

// drop takes back a phase.
func (ps *Phases) drop(p Phase) {
	ps.durations[p] = 0
	ps.happened &^= 1 << p
}
