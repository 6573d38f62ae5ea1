package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// worldName is that of the isolated world in which we observe.
	worldName = "perfwatch"
	// heartbeat is how often the main thread is asked whether it still answers, and what it saw.
	heartbeat = time.Second
	// silence is how long it may leave that unanswered.
	silence = 9 * time.Second
	// windowSlack is what is waited beyond the quiet window, so that what ended with it is known.
	windowSlack = 10 * time.Millisecond
	// maxFrames bounds the frames of other sites that are followed.
	maxFrames = 100
)

//go:embed observe.js
var observeScript string

// object is what commands take.
type object map[string]any

// A document is the one that the page's own frame shows.
type document struct {
	loader, frame, url string
	committed, load    bool
	blink              float64 // Blink's InteractiveTime, on the browser's clock; 0 if there was none
	start              float64 // of the navigation, on the browser's clock; 0 if it is not known yet
}

// A run loads one page in a browser context of its own. One goroutine sends its commands and handles all that it hears.
type run struct {
	p    *process
	page *Page
	s    *session

	context, target string
	world           string // the isolated world of the document; "" if there is none yet
	measuring       bool   // what fails is the page and not a login
	failure         *PageError
	frames          int
	asked           map[string]int // how often a request asked for the password

	wanted map[int64]*message // replies that somebody waits for; nil until they come

	pending    string // loader of the document that is on its way
	doc        document
	response   Response
	answeredAt float64 // when the answer came to the page, on the browser's clock
	requests   requests
	seen       seen
	lines      []Line
	errors     int
	exceptions int
	dialogs    int
	film       film

	began time.Time // of the navigation, by our clock
}

func newRun(p *process, page *Page) *run {
	return &run{
		p: p, page: page, wanted: map[int64]*message{}, asked: map[string]int{}, began: time.Now(),
		requests: requests{byID: map[string]*request{}},
	}
}

// load does it all; asked is when it was asked for. The visit shows what was found, also beside an error.
func (r *run) load(ctx context.Context, asked time.Time) (*Visit, error) {
	inner, cancel := r.bound(ctx)
	defer cancel()
	visit := &Visit{}
	err := r.open(inner)
	if err == nil {
		err = r.login(inner)
	}
	if err == nil {
		visit.Waited = time.Since(asked)
		err = r.visit(inner, visit)
	}
	if err == nil && r.page.Warm {
		warm := &Visit{}
		if err = r.visit(inner, warm); err == nil {
			visit.Warm = &warm.Figures
		}
	}
	err = r.explain(ctx, err)
	r.collect(visit, err)
	if err != nil {
		visit.Figures, visit.Warm = Figures{}, nil
		visit.Evidence.Screenshot = r.screenshot(ctx, err)
		visit.Evidence.Film = r.film.frames
	}
	return visit, err
}

// bound leaves time for the evidence before the deadline.
func (r *run) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, d.Add(-min(evidenceTime, time.Until(d)/10)))
}

// explain makes a *PageError of every error but a cancellation.
func (r *run) explain(ctx context.Context, err error) error {
	var f *PageError
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return r.late()
	case errors.Is(err, errLost):
		return failed(BrowserLost, "%w", err)
	}
	return failed(BrowserLost, "it does not do as it is told: %w", err)
}

// late says what a page that is out of time was waiting for.
func (r *run) late() *PageError {
	q := interactive(r.activity())
	switch {
	case !r.doc.committed:
		return failed(NoResponse, "no document: %w", context.DeadlineExceeded)
	case r.seen.painted == 0:
		return failed(NoPaint, "nothing was painted: %w", context.DeadlineExceeded)
	case !r.doc.load:
		return failed(NoLoad, "%d requests have not ended: %w", len(r.requests.byID), context.DeadlineExceeded)
	case q.found:
		return failed(BrowserLost, "no time to finish: %w", context.DeadlineExceeded)
	}
	return failed(q.busy, "never quiet for %s: %w", quietWindow, context.DeadlineExceeded)
}

// open makes a context with a page in it and prepares it.
func (r *run) open(ctx context.Context) error {
	var made struct{ BrowserContextID, TargetID, SessionID string }
	ask := func(method string, params any) error {
		bounded, cancel := context.WithTimeoutCause(ctx, silence, errLost)
		defer cancel()
		err := r.p.call(bounded, method, params, &made)
		if err != nil && ctx.Err() == nil {
			return failed(BrowserLost, "%w", err)
		}
		return err
	}
	if err := ask("Target.createBrowserContext", object{"disposeOnDetach": true}); err != nil {
		return err
	}
	r.context = made.BrowserContextID
	err := ask("Target.createTarget", object{
		"url": "about:blank", "browserContextId": r.context, "width": r.page.Width, "height": r.page.Height,
	})
	if err != nil {
		return err
	}
	r.target = made.TargetID
	if err := ask("Target.attachToTarget", object{"targetId": r.target, "flatten": true}); err != nil {
		return err
	}
	r.s = r.p.session(made.SessionID)
	return r.prepare(ctx)
}

// post sends a command whose reply nobody waits for. That the browser is gone is found out otherwise.
func (r *run) post(session, method string, params any) { _, _ = r.p.post(session, method, params) }

// ask sends a command of the page and handles all that comes until it is answered.
func (r *run) ask(ctx context.Context, method string, params, result any) error {
	m, err := r.await(ctx, []command{{method: method, params: params}})
	if err != nil {
		return err
	}
	return m[0].result(method, result)
}

// A command is one that the page is told.
type command struct {
	method string
	params any
	older  any // parameters for a browser that refuses these; nil for none
}

// await sends commands at once and handles all that comes until all are answered.
func (r *run) await(ctx context.Context, commands []command) ([]*message, error) {
	ids := make([]int64, 0, len(commands))
	for _, c := range commands {
		id, err := r.p.post(r.s.id, c.method, c.params)
		if err != nil {
			return nil, failed(BrowserLost, "%w", err)
		}
		r.wanted[id] = nil
		ids = append(ids, id)
	}
	until := time.Now().Add(silence)
	for {
		replies := make([]*message, 0, len(ids))
		for _, id := range ids {
			if m := r.wanted[id]; m != nil {
				replies = append(replies, m)
			}
		}
		if len(replies) == len(ids) {
			for _, id := range ids {
				delete(r.wanted, id)
			}
			return replies, nil
		}
		if err := r.next(ctx, until); err != nil {
			return nil, err
		}
		if !time.Now().Before(until) {
			return nil, r.silent(ctx)
		}
	}
}

// next waits until something comes, and handles it, or until an instant.
func (r *run) next(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-r.s.wake:
	case <-timer.C:
		return nil
	case <-r.p.lost:
		return failed(BrowserLost, "%w%s", errLost, r.p.said.hint())
	case <-ctx.Done():
		return ctx.Err()
	}
	list, flooded := r.s.take()
	for _, m := range list {
		r.handle(m)
	}
	if flooded {
		r.fail(failed(NoLoad, "it says more than can be read"))
	}
	if r.failure != nil {
		return r.failure
	}
	return ctx.Err()
}

// idle handles all that comes until an instant.
func (r *run) idle(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		if err := r.next(ctx, until); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) reply(m *message) {
	if _, ok := r.wanted[m.id]; ok {
		r.wanted[m.id] = m
	}
}

// silent says who does not answer: the page, or the whole browser.
func (r *run) silent(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, heartbeat/2)
	defer cancel()
	if err := r.p.call(bounded, "Browser.getVersion", nil, nil); err != nil {
		return failed(BrowserLost, "it does not answer")
	}
	return failed(MainStuck, "it has not answered for %s: %w", silence, context.DeadlineExceeded)
}

// evaluate runs an expression in the isolated world of the page, or in about:blank before there is one.
func (r *run) evaluate(ctx context.Context, expression string, result any) error {
	var reply evaluation
	if err := r.ask(ctx, "Runtime.evaluate", r.expression(expression), &reply); err != nil {
		return err
	}
	return reply.decode(result)
}

func (r *run) expression(text string) object {
	o := object{"expression": text, "returnByValue": true}
	if r.world != "" {
		o["uniqueContextId"] = r.world
	}
	return o
}

// An evaluation is what the page answers to an expression.
type evaluation struct {
	Result           struct{ Value json.RawMessage }
	ExceptionDetails *struct{ Text string }
}

func (e *evaluation) decode(result any) error {
	if e.ExceptionDetails != nil {
		return fmt.Errorf("evaluating: %.200s", e.ExceptionDetails.Text)
	}
	if result == nil || len(e.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(e.Result.Value, result)
}

// close ends the context of the run. It is false if the browser does not do so in time.
func (r *run) close() bool {
	if r.s != nil {
		r.p.leave(r.s)
	}
	if r.context == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	err := r.p.call(ctx, "Target.disposeBrowserContext", object{"browserContextId": r.context}, nil)
	return err == nil
}
