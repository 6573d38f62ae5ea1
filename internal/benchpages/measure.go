package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/truth"
)

const (
	// quietWindow is what a page has to be quiet for before it is believed to be interactive.
	quietWindow = 5 * time.Second
	// limit is what a load may take, and restless that of a page that never becomes interactive.
	limit, restless = 40 * time.Second, 10 * time.Second
)

// A result has the loads of one page.
type result struct {
	page  truth.Page
	loads []load
	// unresolved counts the loads that ended without a time to interactive, because the processor was never quiet.
	unresolved int
}

// A load is one of them.
type load struct {
	browser.Figures
	truth truth.Truth
	took  time.Duration
}

// cost is what a load took beside the page's own time and the quiet window, which its load may outlast: a context that is
// made, prepared and closed. Of what is loaded one after the other, each waits for the context of the one before to close.
func (l *load) cost() time.Duration { return l.took - max(l.Interactive+quietWindow, l.Loaded) }

// measure loads each page so many times, one after the other.
func measure(ctx context.Context, b *browser.Browser, base string, rounds int) ([]*result, error) {
	pages := truth.Pages()
	all := make([]*result, 0, len(pages))
	for _, page := range pages {
		all = append(all, &result{page: page})
	}
	if _, err := visit(ctx, b, base, &all[0].page); err != nil { // which starts the browser
		return nil, err
	}
	for range rounds {
		for _, r := range all {
			l, err := visit(ctx, b, base, &r.page)
			var f *browser.PageError
			switch {
			case err == nil:
				r.loads = append(r.loads, *l)
			case errors.As(err, &f) && f.Reason == browser.CPUBusy && !r.page.Quiet:
				r.unresolved++
			default:
				return nil, fmt.Errorf("page %q: %w", r.page.Name, err)
			}
		}
	}
	return all, nil
}

// visit loads a page once.
func visit(ctx context.Context, b *browser.Browser, base string, page *truth.Page) (*load, error) {
	u, err := url.Parse(base + "/" + page.Name)
	if err != nil {
		return nil, err
	}
	within := limit
	if !page.Quiet {
		within = restless
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	start := time.Now()
	v, err := b.Load(ctx, &browser.Page{URL: u, Width: truth.Width, Height: truth.Height, Scale: 1, Marks: page.Marks})
	if err != nil {
		return nil, err
	}
	l := &load{Figures: v.Figures, truth: page.Truth(v.Marks), took: time.Since(start)}
	if len(v.Marks) != len(page.Marks) {
		return nil, fmt.Errorf("it set %d marks, want %d", len(v.Marks), len(page.Marks))
	}
	return l, nil
}

// off are the errors of a figure whose truth is known, in milliseconds.
func (r *result) off(figure, right func(*load) time.Duration) (list []float64) {
	for i := range r.loads {
		if want := right(&r.loads[i]); want > 0 {
			list = append(list, millis(figure(&r.loads[i])-want))
		}
	}
	return list
}

// each is a figure of every load, in milliseconds.
func (r *result) each(figure func(*load) time.Duration) (list []float64) {
	for i := range r.loads {
		list = append(list, millis(figure(&r.loads[i])))
	}
	return list
}

// shiftOff is the largest error of the layout shift.
func (r *result) shiftOff() (worst float64) {
	for i := range r.loads {
		worst = max(worst, math.Abs(r.loads[i].Shift-r.loads[i].truth.Shift))
	}
	return worst
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
