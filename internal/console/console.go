// Package console shows on a terminal how a run goes: a bar and a line for each probe that is at work. Where there is no
// terminal it writes plain lines, few enough for a log.
package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/oneshot"
)

const (
	refresh = 250 * time.Millisecond // of the bars
	logged  = 10 * time.Second       // between the plain lines of one probe
	maxBars = 20                     // at once; of more probes only lines at their end are shown
	whole   = 1000                   // of a bar
)

// A layout is how many characters a line has for what.
type layout struct {
	name, bar int
	short     bool // the figures say no more than they must
}

// narrow is a terminal that has no room for the wide layout.
const narrow = 120

func wide() layout { return layout{name: 28, bar: 20} }

// layoutFor is what fits into so many columns; 80 are enough for all there is to say.
func layoutFor(columns int) layout {
	if columns < narrow {
		return layout{name: 12, bar: 5, short: true}
	}
	return wide()
}

// A Console shows progress until it is closed. It implements oneshot.Progress.
type Console struct {
	out    io.Writer
	quiet  bool
	bars   *mpb.Progress // nil where there is no terminal
	layout layout

	mu     sync.Mutex
	active map[string]chan struct{} // closed when the probe has ended
	work   sync.WaitGroup
}

// New makes a console on a writer, which it takes for a terminal if it is one. A quiet one shows nothing.
func New(out io.Writer, quiet bool) *Console {
	c := &Console{out: out, quiet: quiet, layout: wide(), active: map[string]chan struct{}{}}
	f, ok := out.(*os.File)
	if !ok || quiet {
		return c
	}
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil { // it is a terminal
		c.layout = layoutFor(columns)
		c.bars = mpb.New(mpb.WithOutput(f), mpb.WithRefreshRate(refresh), mpb.WithWidth(c.layout.bar))
	}
	return c
}

// Close ends the display.
func (c *Console) Close() {
	c.work.Wait()
	if c.bars != nil {
		c.bars.Wait()
	}
}

// Begin implements oneshot.Progress.
func (c *Console) Begin(name string, now func() oneshot.State) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	c.active[name] = done
	if c.bars != nil && len(c.active) <= maxBars {
		bar := c.bar(name, now)
		c.work.Go(func() { drive(bar, now, done) })
		return
	}
	if c.bars == nil {
		c.work.Go(func() { c.log(name, now, done) })
	}
}

// End implements oneshot.Progress.
func (c *Console) End(name string, last oneshot.State) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	close(c.active[name])
	delete(c.active, name)
	c.mu.Unlock()
	if c.bars != nil {
		_, _ = fmt.Fprintln(c.bars, c.layout.line(name, last)) // above the bars; a display that has ended shows no more
		return
	}
	c.print(c.layout.line(name, last))
}

func (c *Console) print(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.out, line)
}

func (c *Console) bar(name string, now func() oneshot.State) *mpb.Bar {
	return c.bars.New(whole, mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░"),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(c.layout.fit(name)+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + c.layout.figures(now()) })))
}

// drive moves a bar until its probe has ended.
func drive(bar *mpb.Bar, now func() oneshot.State, done <-chan struct{}) {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			bar.SetCurrent(int64(whole * min(0.999, max(0, now().Done))))
		case <-done:
			bar.SetTotal(-1, true)
			return
		}
	}
}

// log writes a line now and then until the probe has ended.
func (c *Console) log(name string, now func() oneshot.State, done <-chan struct{}) {
	ticker := time.NewTicker(logged)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.print(c.layout.line(name, now()))
		case <-done:
			return
		}
	}
}

// line is a probe and its figures.
func (l layout) line(name string, s oneshot.State) string { return l.fit(name) + "  " + l.figures(s) }

// fit makes a name as long as every other.
func (l layout) fit(name string) string {
	r := []rune(name)
	if len(r) > l.name {
		return string(r[:l.name-1]) + "…"
	}
	return name + strings.Repeat(" ", l.name-len(r))
}

// figures are users, requests a second, p95, errors, and the time left.
func (l layout) figures(s oneshot.State) string {
	var parts []string
	if s.WithUsers && (s.Word == "" || !l.short) { // in the end its requests take their place
		parts = append(parts, fmt.Sprintf("%4d users", s.Users))
	}
	errors := "no errors"
	if s.Failures > 0 {
		errors = objective.Ratio.Format(float64(s.Failures)/float64(s.Requests)) + " errors"
	}
	parts = append(parts, fmt.Sprintf("%6.1f req/s", s.Rate), "p95 "+p95(s.P95), errors)
	switch {
	case s.Word != "":
		parts = append(parts, fmt.Sprintf("%d requests", s.Requests), s.Word)
	case s.Left > 0 && l.short:
		parts = append(parts, s.Left.Round(time.Second).String()+" left")
	case s.Left > 0:
		parts = append(parts, "at most "+s.Left.Round(time.Second).String()+" left")
	}
	if l.short {
		return strings.Join(parts, " ")
	}
	return strings.Join(parts, "  ")
}

func p95(seconds float64) string {
	if seconds <= 0 {
		return "–"
	}
	return objective.Seconds.Format(seconds)
}
