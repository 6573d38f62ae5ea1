// Package pipeline keeps the clock and the budget of pipelines that report their own stages: which runs are open, late,
// missed, overlapping or stuck, and when an open one will end. It knows no HTTP, no metrics and no files; what must
// outlive the program it hands to its caller before it says that an event is taken.
package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

// A Spec is a pipeline as it is declared.
type Spec struct {
	Name       string
	Schedule   schedule.Spec // when a run must have started; its zero value expects none
	Grace      time.Duration // how late a run may start
	Budget     time.Duration // of a whole run; 0 is none
	StuckAfter time.Duration // without any event an open run is stuck
	Items      int64         // that a whole run handles; 0 if unknown
	Stages     []Stage       // in their order; the first one begins a run
}

// A Stage is one step of a pipeline.
type Stage struct {
	Name   string
	Budget time.Duration // 0 is none
}

// A Verb says what happened to a stage.
type Verb string

// The verbs of events.
const (
	Start    Verb = "start"
	Progress Verb = "progress"
	Finish   Verb = "finish"
	Fail     Verb = "fail"
)

// Verbs lists every verb.
func Verbs() []Verb { return []Verb{Start, Progress, Finish, Fail} }

// An Event is what a pipeline reports of one of its stages.
type Event struct {
	Stage  string
	Verb   Verb
	Run    string    // which run; "" for the open one, or a new one where the first stage starts
	Key    string    // of one attempt at a start, so that sending it twice starts once; may be ""
	At     time.Time // when it happened; zero for now
	Items  int64     // handled by the stage so far; negative if not told
	Exit   *int      // of the stage's command; nil if not told
	Memory int64     // highest resident memory of the stage's command, bytes; 0 if not told
}

// A Receipt says what became of an event.
type Receipt struct {
	Run     string // the run that it belongs to
	Changed bool   // false if the same was reported before
	Outcome Outcome
}

// The reasons for which an event is not taken. Any other error is that of the storage: the event is not taken either,
// and may be sent again.
var (
	// ErrNoStage is the error of an event of a stage that the pipeline has not.
	ErrNoStage = errors.New("no such stage")
	// ErrConflict is the error of an event that contradicts what was reported before.
	ErrConflict = errors.New("contradicts what was reported before")
	// ErrInvalid is the error of an event that can never be taken.
	ErrInvalid = errors.New("invalid event")
)

const (
	maxID    = 128                // bytes of a run's id, and of a key
	maxItems = 1 << 53            // what a float64 counts exactly
	maxPast  = 7 * 24 * time.Hour // how late an event may be reported
	maxAhead = time.Minute        // by how much the clock of another machine may be ahead
)

// A Pipeline is one pipeline at work. It is safe for concurrent use.
type Pipeline struct {
	save func(state []byte) error

	mu    sync.Mutex
	spec  Spec
	state state
}

// New makes a pipeline from what save was given last; nil is nothing. The instant is that of the program's start: runs
// that were due before it while nobody watched are counted as unknown. An error says that the stored state is not one:
// the pipeline then begins anew. A nil save keeps nothing.
func New(spec Spec, stored []byte, save func(state []byte) error, now time.Time) (*Pipeline, error) {
	if save == nil {
		save = func([]byte) error { return nil }
	}
	p := &Pipeline{save: save, spec: spec}
	err := p.state.decode(stored)
	if err != nil {
		err = fmt.Errorf("reading the state of pipeline %q: %w", spec.Name, err)
	}
	p.state.resume(&p.spec, now)
	return p, err
}

// Name is the name of the pipeline.
func (p *Pipeline) Name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec.Name
}

// Redeclare changes how the pipeline is declared, and nothing of what happened.
func (p *Pipeline) Redeclare(spec Spec, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.advance(&p.spec, now)
	if p.spec.Schedule.String() != spec.Schedule.String() {
		p.state.Expected, p.state.Late, p.state.Missed = time.Time{}, false, time.Time{}
	}
	p.spec = spec
	p.state.resume(&p.spec, now)
}

// Report takes an event. When it returns without an error, the event is stored.
func (p *Pipeline) Report(e Event, now time.Time) (Receipt, error) {
	if e.At.IsZero() {
		e.At = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := e.check(&p.spec, now); err != nil {
		return Receipt{}, fmt.Errorf("pipeline %q: %w", p.spec.Name, err)
	}
	next := p.state.clone()
	next.advance(&p.spec, now)
	receipt, err := next.apply(&p.spec, e)
	if err != nil {
		return Receipt{}, fmt.Errorf("pipeline %q: %w", p.spec.Name, err)
	}
	if !receipt.Changed {
		return receipt, nil
	}
	if err := p.keep(next); err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// Tick notes what only time brings: runs that are late or missed. It stores what changed; if that fails the next Tick
// tries again.
func (p *Pipeline) Tick(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.state.clone()
	if !next.advance(&p.spec, now) {
		return nil
	}
	return p.keep(next)
}

// keep stores a state and puts it in the place of the one before. Called with mu held.
func (p *Pipeline) keep(next *state) error {
	if err := p.save(next.encode()); err != nil {
		return fmt.Errorf("storing the state of pipeline %q: %w", p.spec.Name, err)
	}
	p.state = *next
	return nil
}

// check refuses what no state could take.
func (e *Event) check(spec *Spec, now time.Time) error {
	switch {
	case !slices.ContainsFunc(spec.Stages, func(s Stage) bool { return s.Name == e.Stage }):
		return fmt.Errorf("%w: %.100q", ErrNoStage, e.Stage)
	case !slices.Contains(Verbs(), e.Verb):
		return fmt.Errorf("%w: %.100q, want one of %v", ErrInvalid, e.Verb, Verbs())
	case !readable(e.Run) || !readable(e.Key):
		return fmt.Errorf("%w: a run or key of other than 1 to %d letters, digits and ._:-", ErrInvalid, maxID)
	case e.Items > maxItems:
		return fmt.Errorf("%w: %d items, want at most %d", ErrInvalid, e.Items, int64(maxItems))
	case e.Verb == Progress && e.Items < 0:
		return fmt.Errorf("%w: progress without items", ErrInvalid)
	case e.Memory < 0:
		return fmt.Errorf("%w: memory of %d bytes", ErrInvalid, e.Memory)
	case e.At.Before(now.Add(-maxPast)) || e.At.After(now.Add(maxAhead)):
		return fmt.Errorf("%w: at %s, want within %v before now and not after", ErrInvalid, e.At.UTC().Format(time.RFC3339), maxPast)
	}
	return nil
}

// readable says that an id is short and of plain characters: it stands on pages and in URLs.
func readable(id string) bool {
	if len(id) > maxID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '-', c == '+':
		default:
			return false
		}
	}
	return true
}
