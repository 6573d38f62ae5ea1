package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// stepPause is how often a page is asked whether what a step waits for is there.
const stepPause = 50 * time.Millisecond

// login goes through the steps before the page, whose cache it leaves empty.
func (r *run) login(ctx context.Context) error {
	for i, s := range r.page.Login {
		if err := r.step(ctx, &s); err != nil {
			return fmt.Errorf("login step %d: %w", i+1, err)
		}
	}
	if len(r.page.Login) == 0 {
		return nil
	}
	return r.ask(ctx, "Network.clearBrowserCache", nil, nil)
}

func (r *run) step(ctx context.Context, s *Step) error {
	switch {
	case s.URL != nil:
		if err := r.navigate(ctx, s.URL.String()); err != nil {
			return err
		}
		return r.until(ctx, "load", func() (bool, error) { return r.doc.load, nil })
	case s.Click != "":
		return r.act(ctx, s.Click, `e.click()`)
	case s.Fill != "":
		value, err := json.Marshal(s.Value)
		if err != nil {
			return err
		}
		// Frameworks put a setter of their own on the field, which the one of its prototype goes past.
		return r.act(ctx, s.Fill, `e.focus();
			Object.getOwnPropertyDescriptor(Object.getPrototypeOf(e), 'value').set.call(e, `+string(value)+`);
			for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, { bubbles: true }))`)
	}
	return r.act(ctx, s.WaitFor, `true`)
}

// act waits for an element and does something with it, named e. What a click before it set off may replace the document
// at any instant, and the browser then refuses the script, mostly before it tells of the new document. So a refusal is not
// the end of the step; its deadline is.
func (r *run) act(ctx context.Context, selector, action string) error {
	quoted, err := json.Marshal(selector)
	if err != nil {
		return err
	}
	script := fmt.Sprintf(`(() => { const e = document.querySelector(%s); if (!e) return false; %s; return true })()`,
		quoted, action)
	var refused error
	err = r.until(ctx, fmt.Sprintf("element %q", selector), func() (done bool, err error) {
		if r.world == "" {
			return false, nil // between two documents
		}
		replies, err := r.await(ctx, []command{{method: "Runtime.evaluate", params: r.expression(script)}})
		if err != nil {
			return false, err
		}
		var e evaluation
		if refused = replies[0].result("Runtime.evaluate", &e); refused != nil {
			return false, nil
		}
		err = e.decode(&done)
		return done, err
	})
	if err != nil && refused != nil && ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", err, refused)
	}
	return err
}

// until asks again and again.
func (r *run) until(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if !ok && err == nil {
			err = r.idle(ctx, time.Now().Add(stepPause))
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(*PageError)):
			return failed(Expectation, "no %s: %w", what, err)
		case ok || err != nil:
			return err
		}
	}
}

// warmUp has a new browser load something once, which is slower than what follows.
func warmUp(ctx context.Context, p *process) error {
	var v struct{ Product, UserAgent string }
	if err := p.call(ctx, "Browser.getVersion", nil, &v); err != nil {
		return err
	}
	p.version, p.agent = v.Product, v.UserAgent
	r := newRun(p, &Page{})
	defer r.close()
	ctx, cancel := context.WithTimeout(ctx, launchLimit)
	defer cancel()
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.navigate(ctx, `data:text/html,<title>x</title><p>x</p><script>document.title</script>`); err != nil {
		return err
	}
	return r.until(ctx, "load", func() (bool, error) { return r.doc.load, nil })
}
