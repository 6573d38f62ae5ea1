package demo

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknownFault says that there is no fault of that name.
var ErrUnknownFault = errors.New("unknown fault")

// errClosed says that the platform has been closed, so that no fault can outlive it.
var errClosed = errors.New("the platform is closed")

// maxLatency bounds what the latency fault adds, and the one of the page. A request must end within the server's write
// timeout.
const maxLatency = 10_000 // ms

// A Fault is something that can be made to go wrong, and how badly it does so now.
type Fault struct {
	Name  string  `json:"name"`  // latency, errors, cold_cache, memory, cpu or page
	Title string  `json:"title"` // for people
	Unit  string  `json:"unit"`  // of the levels: "ms", "ratio" (0 to 1) or "MiB"
	On    float64 `json:"on"`    // the level that breaks the plan's objectives, for a button
	Max   float64 `json:"max"`   // the highest level allowed now
	Level float64 `json:"level"` // 0 is off
}

// faults hold what is wrong now. What requests read is atomic; the rest changes under mu.
type faults struct {
	latency atomic.Int64 // nanoseconds
	page    atomic.Int64 // nanoseconds
	errors  fraction
	cold    fraction

	mu     sync.Mutex // serialises changes, so that a level and its effect agree
	levels map[string]float64
	memory ballast
	cpu    burner
	closed bool
}

func newFaults() *faults { return &faults{levels: map[string]float64{}} }

// list describes every fault. It waits for a change that is being made.
func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.known()
	for i := range all {
		all[i].Level = f.levels[all[i].Name]
	}
	return all
}

// known are the faults without their levels. Called with mu held.
func (f *faults) known() []Fault {
	memory := f.memory.limit()
	return []Fault{
		{Name: "latency", Title: "Every API request takes longer", Unit: "ms", On: 700, Max: maxLatency},
		{Name: "errors", Title: "API requests fail with status 500", Unit: "ratio", On: 0.05, Max: 1},
		{Name: "cold_cache", Title: "Cache lookups miss", Unit: "ratio", On: 0.5, Max: 1},
		{Name: "memory", Title: "The platform's memory grows", Unit: "MiB", On: min(512, memory), Max: memory},
		{Name: "cpu", Title: "The host's CPU is busy", Unit: "ratio", On: 1, Max: 1},
		{Name: "page", Title: "The home page shows late and reacts later", Unit: "ms", On: 3200, Max: maxLatency},
	}
}

// set changes one fault's level.
func (f *faults) set(name string, level float64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.known() {
		if known.Name != name {
			continue
		}
		if !(level >= 0 && level <= known.Max) { // a NaN fails both
			return fmt.Errorf("setting fault %q: level %v %s, want 0 to %v", name, level, known.Unit, known.Max)
		}
		if err := f.apply(name, level); err != nil {
			return fmt.Errorf("setting fault %q: %w", name, err)
		}
		f.levels[name] = level
		return nil
	}
	return fmt.Errorf("setting fault %q: %w", name, ErrUnknownFault)
}

// apply makes a level real. Called with mu held.
func (f *faults) apply(name string, level float64) error {
	switch {
	case f.closed:
		return errClosed
	case name == "latency":
		f.latency.Store(int64(level * float64(time.Millisecond)))
	case name == "page":
		f.page.Store(int64(level * float64(time.Millisecond)))
	case name == "errors":
		f.errors.set(level)
	case name == "cold_cache":
		f.cold.set(level)
	case name == "memory":
		return f.memory.set(level)
	case name == "cpu":
		return f.cpu.set(level)
	}
	return nil
}

// close ends every fault for good.
func (f *faults) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return errors.Join(f.memory.set(0), f.cpu.set(0))
}

// A fraction picks a share of events, spread evenly: of a tenth, exactly every tenth. Its zero value picks none.
type fraction struct {
	perMillion atomic.Uint64
	events     atomic.Uint64 // since the last set
}

const million = 1_000_000

func (f *fraction) set(level float64) {
	f.perMillion.Store(uint64(math.Round(level * million)))
	f.events.Store(0)
}

// next says whether the event that happens now is picked: whether it takes the count of picked events, which is the
// share of all events rounded down, to a new number.
func (f *fraction) next() bool {
	share := f.perMillion.Load()
	if share == 0 {
		return false
	}
	n := f.events.Add(1)
	return n*share/million != (n-1)*share/million
}

func (p *Platform) serveFaults(w http.ResponseWriter, r *http.Request) {
	if err := fromLoopback(r); err != nil {
		p.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, object{"faults": p.Faults()})
}

func (p *Platform) serveSetFault(w http.ResponseWriter, r *http.Request) {
	if err := fromLoopback(r); err != nil {
		p.writeError(w, r, err)
		return
	}
	text := r.URL.Query().Get("level")
	level, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.writeError(w, r, refuse(http.StatusBadRequest, "level: %.30q, want a number", text))
		return
	}
	switch err := p.SetFault(r.PathValue("name"), level); {
	case errors.Is(err, ErrUnknownFault):
		p.writeError(w, r, err)
	case err != nil:
		p.writeError(w, r, refuse(http.StatusBadRequest, "%v", err))
	default:
		p.serveFaults(w, r)
	}
}

// fromLoopback refuses whoever is not on this machine, and a page that reached it by a name of its own (a browser would
// take that for the same origin).
func fromLoopback(r *http.Request) error {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	named, hostErr := netip.ParseAddr(strings.Trim(host, "[]"))
	if err == nil && remote.Addr().Unmap().IsLoopback() && (host == "localhost" || hostErr == nil && named.Unmap().IsLoopback()) {
		return nil
	}
	return refuse(http.StatusForbidden, "faults are switched from this machine only, under a loopback address")
}
