package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A Step is a request of a journey, or one that each user of a burst sends once, before its first task. The latter stands
// in no figure of the burst.
type Step struct {
	Name    string             `yaml:"name"`
	HTTP    *probes.HTTP       `yaml:"http"`
	Capture map[string]Capture `yaml:"capture"` // by the name that templates use
}

const (
	maxSteps    = 20
	maxCaptures = 50 // of all steps
)

// A setupStep is a Step ready to run.
type setupStep struct {
	name string
	message
}

// sequence compiles steps. A template of one may name what an earlier one captured.
func (v *validator) sequence(field string, given []Step, most int) (steps []setupStep) {
	if len(given) > most {
		v.wrong(field, len(given), "at most %d steps", most)
		return nil
	}
	names := map[string]bool{}
	for i := range given {
		step := &given[i]
		at := fmt.Sprintf("%s[%d]", field, i)
		v.name(&Task{Name: step.Name}, at, names)
		if step.HTTP == nil {
			v.wrong(at+".http", nil, "a request")
			continue
		}
		r := v.message(at+".http", step.HTTP, nil)
		r.catchers = v.catchers(at, step.Capture, v.newSlot)
		steps = append(steps, setupStep{step.Name, r})
	}
	return steps
}

// newSlot makes the place of a value that a step captures. A later step may capture it again.
func (v *validator) newSlot(field, name string) (int, bool) {
	if slot, ok := v.scope.captured[name]; ok {
		return slot, true
	}
	v.templateName(field, name)
	slot := len(v.scope.captured)
	if slot == maxCaptures {
		v.wrong(field, name, "at most %d captured values", maxCaptures)
		return 0, false
	}
	v.scope.captured[name] = slot
	return slot, true
}

// knownSlot is the place of a value that a task captures. Tasks come in any order, so that one which a step did not
// capture first might not be there when it is needed.
func (v *validator) knownSlot(field, name string) (int, bool) {
	slot, ok := v.scope.captured[name]
	if !ok {
		v.wrong(field, name, "the name of a value that a step of setup captures first")
	}
	return slot, ok
}

// templateName checks a name that templates use.
func (v *validator) templateName(field, name string) {
	_, feed := v.scope.columns[name]
	_, variable := v.scope.variables[name]
	switch {
	case !templateName.MatchString(name) || reserved(name):
		v.wrong(field, name, "a name of letters, digits and _ that is not user, int, vector, matrix, uuid or env")
	case feed || variable:
		v.wrong(field, name, "a name that nothing else of the burst has")
	}
}

// begin runs the setup of a user. Its error names the step and the outcome; what was sent and captured is secret.
func (u *user) begin(ctx context.Context) error {
	b := u.burst
	for i := range b.plan.setup {
		step := &b.plan.setup[i]
		draft, err := u.pen.draft(&step.message)
		if err != nil {
			return fmt.Errorf("step %q: %w", step.name, err)
		}
		s := u.session.take(ctx, min(b.timeout, time.Until(b.hardEnd)), step.prober, draft, time.Time{})
		u.count.requests.Add(1)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.Outcome != probes.OK {
			return fmt.Errorf("step %q: %w", step.name, stepError(&s))
		}
	}
	return nil
}

// stepError says how a step went without what it sent: the error of a request names its URL, which templates filled in.
func stepError(s *probes.Sample) error {
	var status *probes.StatusError
	switch {
	case errors.As(s.Err, &status):
		return status
	case s.Outcome == probes.InvalidResponse && strings.Contains(s.Err.Error(), "capturing"):
		return errors.New(s.Err.Error()[strings.Index(s.Err.Error(), "capturing"):])
	}
	return errors.New(s.Outcome.String())
}

// enough is how many users may fail to begin before a burst is given up, if none has begun.
const enough = 5

// unable notes a user who could not begin. A burst that half of its users cannot join, or none of the first five, ends.
func (b *burst) unable(err error) {
	b.crew.mu.Lock()
	defer b.crew.mu.Unlock()
	b.crew.unable++
	if b.plan.rate > 0 {
		b.crew.lost++ // the request that it was hired for
	}
	b.crew.why = err
	n := b.crew.unable
	if 2*n > b.plan.users || n >= enough && b.crew.begun == 0 {
		b.stop(abort(BySetup, "%d users could not begin: %s", n, err))
	}
}

// able notes a user who has begun.
func (b *burst) able() {
	b.crew.mu.Lock()
	defer b.crew.mu.Unlock()
	b.crew.begun++
}
