package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// seen is what the page's own thread has told of a document so far.
type seen struct {
	painted, largest, firstByte, parsed, loaded time.Duration
	until                                       time.Duration // when it told it last
	local                                       time.Time     // the same instant by our clock
	tasks                                       []span
	shifts                                      []shift
	marks                                       map[string]time.Duration
}

// An observation is what observe.js answers, in milliseconds from the start of the navigation.
type observation struct {
	Now, FCP, LCP, TTFB, Parsed, Loaded float64
	Tasks, Shifts                       []float64 // pairs: start and length, instant and score
	Marks                               map[string]float64
}

// add takes note of what came since the last observation.
func (s *seen) add(o *observation, at time.Time) {
	s.painted, s.largest, s.firstByte = millis(o.FCP), millis(o.LCP), millis(o.TTFB)
	s.parsed, s.loaded = millis(o.Parsed), millis(o.Loaded)
	s.until, s.local = millis(o.Now), at
	for i := 0; i+1 < len(o.Tasks); i += 2 {
		start := millis(o.Tasks[i])
		s.tasks = append(s.tasks, span{start, start + millis(o.Tasks[i+1])})
	}
	for i := 0; i+1 < len(o.Shifts); i += 2 {
		s.shifts = append(s.shifts, shift{millis(o.Shifts[i]), o.Shifts[i+1]})
	}
	s.marks = make(map[string]time.Duration, len(o.Marks))
	for name, at := range o.Marks {
		s.marks[name] = millis(at)
	}
}

// visit navigates to the page and watches it until it is interactive and loaded.
func (r *run) visit(ctx context.Context, v *Visit) error {
	if len(r.film.frames) > 0 { // this is the second load
		r.cut()
	}
	r.measuring, r.doc, r.seen, r.response, r.dialogs, r.film = true, document{}, seen{}, Response{}, 0, film{}
	r.began = time.Now()
	if err := r.navigate(ctx, r.page.URL.String()); err != nil {
		return err
	}
	if err := r.watch(ctx); err != nil {
		return err
	}
	if err := r.expect(ctx); err != nil {
		return err
	}
	v.Figures = r.figures()
	return nil
}

// navigate sends the browser to a URL. It waits for the document, and never for its load.
func (r *run) navigate(ctx context.Context, url string) error {
	var nav struct {
		LoaderID, ErrorText string
		IsDownload          bool
	}
	r.doc, r.pending, r.world = document{}, "", ""
	id, err := r.p.post(r.s.id, "Page.navigate", object{"url": url})
	if err != nil {
		return failed(BrowserLost, "%w", err)
	}
	r.wanted[id] = nil
	alive := time.Now() // the browser answers for a page that is still to come
	for r.wanted[id] == nil {
		if err := r.next(ctx, time.Now().Add(heartbeat)); err != nil {
			return err
		}
		if time.Since(alive) >= silence {
			if err := r.browserAnswers(ctx); err != nil {
				return err
			}
			alive = time.Now()
		}
	}
	if err := r.wanted[id].result("Page.navigate", &nav); err != nil {
		return failed(NoResponse, "%w", err)
	}
	delete(r.wanted, id)
	switch {
	case nav.IsDownload:
		return failed(Download, "the answer is a file to keep")
	case nav.ErrorText != "":
		if err := r.next(ctx, time.Now().Add(downloadTold)); err != nil { // a download is told beside an error
			return err
		}
		return netFailure(nav.ErrorText)
	}
	return nil
}

// downloadTold is how long after the error of a navigation its being a download may be told.
const downloadTold = 50 * time.Millisecond

func (r *run) browserAnswers(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, heartbeat/2)
	defer cancel()
	if err := r.p.call(bounded, "Browser.getVersion", nil, nil); err != nil && ctx.Err() == nil {
		return failed(BrowserLost, "it does not answer")
	}
	return nil
}

// watch observes the page until it is interactive and loaded. A page in an endless loop still looks quiet from the
// outside: what counts is what its own thread answers.
func (r *run) watch(ctx context.Context) error {
	for {
		due := time.Now()
		r.beat()
		if err := r.observe(ctx); err != nil {
			return err
		}
		if r.doc.load { // what else an unexpected document does is of no interest
			if err := r.status(); err != nil {
				return err
			}
		}
		q := interactive(r.activity())
		if q.found && r.seen.loaded > 0 && r.doc.load {
			return nil
		}
		if err := r.idle(ctx, r.due(q, due.Add(heartbeat))); err != nil {
			return err
		}
	}
}

// due is when to look again: at the next beat, or before it where the page may be interactive then.
func (r *run) due(q quiet, beat time.Time) time.Time {
	if q.since == never || q.found {
		return beat
	}
	at := r.seen.local.Add(q.since + quietWindow + windowSlack - r.seen.until)
	if at.Before(time.Now()) || at.After(beat) {
		return beat
	}
	return at
}

// observe asks the page what it saw since it was asked last.
func (r *run) observe(ctx context.Context) error {
	marks, err := json.Marshal(r.page.Marks)
	if err != nil || r.page.Marks == nil {
		marks = []byte("[]")
	}
	commands := []command{{method: "Runtime.evaluate", params: r.expression("globalThis.perfwatch?.(" + string(marks) + ")")}}
	loader, world := r.doc.loader, r.world
	if r.doc.start == 0 && world != "" {
		commands = append(commands, command{method: "Performance.getMetrics"})
	}
	replies, err := r.await(ctx, commands)
	if err != nil {
		return err
	}
	if world == "" || r.doc.loader != loader || !r.doc.committed {
		return nil // of a document that is gone
	}
	if len(replies) > 1 {
		r.doc.start = navigationStart(replies[1])
	}
	var e evaluation
	var o *observation
	if replies[0].result("Runtime.evaluate", &e) == nil && e.decode(&o) == nil && o != nil {
		r.seen.add(o, time.Now())
	}
	return nil
}

// navigationStart is when the navigation began, on the browser's clock; 0 if it does not say.
func navigationStart(m *message) float64 {
	var got struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	if m.result("Performance.getMetrics", &got) != nil {
		return 0
	}
	for _, metric := range got.Metrics {
		if metric.Name == "NavigationStart" {
			return metric.Value
		}
	}
	return 0
}

// activity is what the page did until it was observed last.
func (r *run) activity() *activity {
	return &activity{
		tasks: r.seen.tasks, requests: r.requests.spans(r.doc.start), painted: r.seen.painted, parsed: r.seen.parsed,
		until: r.seen.until,
	}
}

// figures are the measures of a page that is interactive.
func (r *run) figures() Figures {
	s := &r.seen
	tti := interactive(r.activity()).interactive
	f := Figures{
		FirstByte: s.firstByte, FirstPaint: s.painted, LargestPaint: s.largest, Parsed: s.parsed, Loaded: s.loaded,
		Interactive: tti, Blocking: blocking(s.tasks, s.painted, tti), Shift: layoutShift(s.shifts),
		Errors: r.errors, Exceptions: r.exceptions, Dialogs: r.dialogs, Marks: s.marks,
	}
	if r.page.Network != (Network{}) { // the page counts from the answer itself, before it was made to wait
		f.FirstByte = max(f.FirstByte, seconds(r.answeredAt-r.doc.start))
	}
	if r.doc.blink > 0 {
		f.BlinkInteractive = seconds(r.doc.blink - r.doc.start)
	}
	r.requests.count(&f)
	return f
}

// since is an instant as the page counts it.
func (r *run) since(at time.Time) time.Duration {
	if r.seen.local.IsZero() {
		return at.Sub(r.began)
	}
	return at.Sub(r.seen.local) + r.seen.until
}

// errSize says that a page is too large.
func errSize(limit int64) error { return fmt.Errorf("over %d bytes over the wire", limit) }
