// Package browser loads pages in a real Chromium and says how fast they were. It keeps one browser alive behind the
// DevTools protocol, loads each page in a fresh context, and computes the measures from what the page and the network did.
// It knows nothing of probes, schedules or metrics.
package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// A browser is replaced after so many runs or hours, or when it takes so much memory: they grow.
	maxRuns   = 500
	maxAge    = 12 * time.Hour
	maxMemory = 600 << 20
	// memoryEvery is after how many runs the memory is read, which takes some 20 ms.
	memoryEvery = 10
	// The pause after a browser that died or did not start, doubled each time.
	minPause, maxPause = time.Second, time.Minute
	// longestWait is how long a run waits for the end of a pause.
	longestWait = 5 * time.Second
	// closeLimit is how long the context of a run may take to close.
	closeLimit = 5 * time.Second
)

// Settings say which browser to start and how.
type Settings struct {
	Path        string // "" looks on the PATH
	NoSandbox   bool
	Concurrency int // runs at once; 0 is 1. More than half of the processors make one another slow and are not taken.
}

// A Browser loads pages. It starts a browser when the first page is to be loaded and replaces it now and then.
type Browser struct {
	settings Settings
	log      *slog.Logger
	slots    chan struct{}
	launcher chan struct{}  // held by the run that starts a browser; the others wait for it no longer than they have
	ending   sync.WaitGroup // what closes contexts and ends browsers

	mu      sync.Mutex
	current *process // nil before the first and between two
	users   map[*process]int
	launch  time.Time // not before
	pause   time.Duration
	why     error // of the pause; nil after a run that was good
	closed  bool
	stats   Stats // without what is beside it
	ends    map[Ending]int64
}

// New makes a Browser and removes what others that were killed have left behind. It starts nothing.
func New(s Settings, log *slog.Logger) *Browser {
	sweep(os.TempDir())
	most := max(1, runtime.NumCPU()/2)
	return &Browser{
		settings: s, log: log, slots: make(chan struct{}, min(max(1, s.Concurrency), most)), launcher: make(chan struct{}, 1),
		users: map[*process]int{}, ends: map[Ending]int64{},
	}
}

// Close ends the browser and whatever runs in it, and waits for that.
func (b *Browser) Close() {
	b.mu.Lock()
	b.closed = true
	all := make([]*process, 0, len(b.users))
	for p := range b.users {
		all = append(all, p)
	}
	b.users, b.current = map[*process]int{}, nil
	b.mu.Unlock()
	for _, p := range all {
		p.kill()
	}
	b.ending.Wait()
}

// Load loads a page within the deadline of ctx and measures it. Its error is a *PageError, or that of a ctx that was
// canceled. What the visit shows beside its figures is valid with an error too.
func (b *Browser) Load(ctx context.Context, page *Page) (*Visit, error) {
	asked := time.Now()
	if err := b.enter(ctx); err != nil {
		return &Visit{}, err
	}
	p, err := b.acquire(ctx)
	if err != nil {
		<-b.slots
		return &Visit{}, err
	}
	r := newRun(p, page)
	visit, err := r.load(ctx, asked)
	var f *PageError
	errors.As(err, &f)
	b.ending.Go(func() {
		defer func() { <-b.slots }()
		b.end(r, f)
	})
	if err != nil && b.ended() {
		return visit, context.Canceled
	}
	return visit, err
}

// end closes the context of a run that failed, or not if f is nil, and says what that means for its browser.
func (b *Browser) end(r *run, f *PageError) {
	end := endOf(f)
	if !r.close() {
		end = Lost
	}
	b.release(r.p, end, f == nil)
}

func (b *Browser) ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// enter waits for a slot, half of the time that a run has at most: with less a page would be told off for our queue.
func (b *Browser) enter(ctx context.Context) error {
	patience := time.Hour
	if d, ok := ctx.Deadline(); ok {
		patience = time.Until(d) / 2
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return failed(LaunchFailed, "other pages take the browser: spread their schedules, or raise browser.concurrency")
	}
}

// acquire is the browser of a run; it starts one if there is none.
func (b *Browser) acquire(ctx context.Context) (*process, error) {
	select {
	case b.launcher <- struct{}{}:
		defer func() { <-b.launcher }()
	case <-ctx.Done():
		return nil, waited(ctx)
	}
	if p, err := b.use(); p != nil || err != nil {
		return p, err
	}
	if err := b.rest(ctx); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return b.use()
}

// waited is the error of a run whose time passed before it had a browser.
func waited(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return failed(LaunchFailed, "no browser in time: %w", ctx.Err())
	}
	return ctx.Err()
}

// use counts a run of the browser that there is; nil if there is none. After Close nothing runs any more.
func (b *Browser) use() (*process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, context.Canceled
	}
	if b.current != nil {
		b.users[b.current]++
		b.current.runs++
	}
	return b.current, nil
}

// rest waits for the end of a pause; it does not wait for long.
func (b *Browser) rest(ctx context.Context) error {
	b.mu.Lock()
	left, why := time.Until(b.launch), b.why
	b.mu.Unlock()
	if left > longestWait {
		return failed(LaunchFailed, "next try in %s: %w", left.Round(time.Second), why)
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return waited(ctx)
	}
}

// start launches a browser and warms it.
func (b *Browser) start(ctx context.Context) error {
	p, err := start(ctx, &b.settings)
	if err == nil {
		if err = warmUp(ctx, p); err != nil {
			p.kill()
			err = fmt.Errorf("warming up: %w", err)
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.stats.Failures++
		if b.why == nil {
			b.log.Warn("no browser for pages", "err", err)
		}
		b.rested(err)
		return failed(LaunchFailed, "%w", err)
	}
	if b.closed {
		p.kill()
		return context.Canceled
	}
	b.log.Info("browser started", "path", p.path, "version", p.version, "pid", p.pid)
	b.stats.Launches++
	b.current, b.users[p] = p, 0
	return nil
}

// rested begins the next pause.
func (b *Browser) rested(why error) {
	b.why = why
	b.pause = min(max(2*b.pause, minPause), maxPause)
	b.launch = time.Now().Add(b.pause)
}

// release ends the use of a browser, and the browser itself where a run was its last one or it has done enough.
func (b *Browser) release(p *process, end Ending, good bool) {
	b.mu.Lock()
	runs := p.runs
	b.mu.Unlock()
	if end == "" {
		end = p.enough(runs)
	}
	b.mu.Lock()
	if _, known := b.users[p]; !known { // Close has ended it
		b.mu.Unlock()
		return
	}
	b.users[p]--
	b.stats.Memory = p.taken.Load()
	if good {
		b.pause, b.why = 0, nil
	}
	if b.current == p && end != "" {
		b.current, b.stats.Memory = nil, 0
		if end == Lost {
			b.rested(errLost)
		}
		b.ends[end]++
		b.log.Info("browser ends", "pid", p.pid, "reason", string(end), "runs", runs, "bytes", p.taken.Load())
	}
	last := b.current != p && b.users[p] == 0
	if last {
		delete(b.users, p)
	}
	b.mu.Unlock()
	if last {
		p.kill()
	}
}
