package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxFigures bounds what one answer may hold, whatever has series.
const maxFigures = 1000

// A BusinessSpec says when a business value is read, and for how long it holds.
type BusinessSpec struct {
	Name      string
	Label     string                          // whose values tell the figures apart; "" for one figure
	MaxValues int                             // of the label that have series
	Timeout   time.Duration                   // of one reading
	MaxAge    time.Duration                   // past which a value is absent
	Next      func(after time.Time) time.Time // when it is due next; zero for never
}

// A businessFigure is one number, with the value of the label or "".
type businessFigure struct {
	label string
	v     float64
}

// A FigureSource is where a business value comes from. It is made by RedisFigures, SQLFigures or JSONFigures.
type FigureSource struct {
	read  func(ctx context.Context, label string) ([]businessFigure, error)
	close func()
}

// Business reads one business value on a schedule of its own, beside the scrapes, which get what was read last.
type Business struct {
	descs
	poller
	spec   BusinessSpec
	source FigureSource

	seats   seats              // guarded by mu, as all below
	figures map[string]float64 // by value of the label, those that have a seat; of the last good reading
	leftOut int                // how many of it had none
	read    time.Time          // when the last good reading began; zero before
}

// NewBusiness makes a collector of a business value. It is for the caller to register and to Run.
func NewBusiness(spec BusinessSpec, source FigureSource, log *slog.Logger) *Business {
	return &Business{
		descs:  newDescs(businessFamilies(), prometheus.Labels{"name": spec.Name}),
		poller: newPoller("business/"+spec.Name, spec.Timeout, log),
		spec:   spec, source: source,
		seats: newSeats(spec.MaxValues),
	}
}

// Run reads at once, and then when it is due until ctx is done, and closes the connection.
func (b *Business) Run(ctx context.Context) {
	defer b.source.close()
	for {
		b.pull(ctx)
		due := b.spec.Next(time.Now())
		if due.IsZero() {
			<-ctx.Done()
			return
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// pull reads once.
func (b *Business) pull(ctx context.Context) {
	b.poller.pull(ctx, func(ctx context.Context) (func(), error) {
		start := time.Now()
		figures, err := b.source.read(ctx, b.spec.Label)
		if err == nil {
			err = checkFigures(figures)
		}
		if err != nil {
			return nil, err
		}
		return func() { b.keep(start, figures) }, nil
	})
}

// checkFigures refuses an answer of which no honest series can be made.
func checkFigures(figures []businessFigure) error {
	if len(figures) > maxFigures {
		return fmt.Errorf("reading figures: %d, want at most %d", len(figures), maxFigures)
	}
	seen := make(map[string]bool, len(figures))
	for i := range figures {
		f := &figures[i]
		f.label = infoLabel(f.label)
		if seen[f.label] {
			return fmt.Errorf("reading figures: %q stands twice among them", f.label)
		}
		seen[f.label] = true
	}
	return nil
}

// keep takes over the figures of a good reading. The first to come get the seats that are free.
func (b *Business) keep(at time.Time, figures []businessFigure) {
	b.seats.free(at)
	b.read, b.leftOut = at, 0
	b.figures = make(map[string]float64, min(len(figures), b.spec.MaxValues))
	for _, f := range figures {
		if b.seats.take(at, f.label) {
			b.figures[f.label] = f.v
		} else {
			b.leftOut++
		}
	}
}

// Describe implements prometheus.Collector.
func (b *Business) Describe(ch chan<- *prometheus.Desc) {
	b.descs.Describe(ch)
	b.scrape.Describe(ch)
}

// Collect implements prometheus.Collector.
func (b *Business) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scrape.collect(ch)
	if b.read.IsZero() {
		return
	}
	age := time.Since(b.read)
	b.gauge(ch, businessAge, age.Seconds())
	if age > b.spec.MaxAge {
		return
	}
	b.gauge(ch, businessLeftOut, float64(b.leftOut))
	for label, v := range b.figures {
		b.gauge(ch, businessValue, v, label)
	}
}

// errNoLabel is told of an answer of several figures where one was asked for.
var errNoLabel = errors.New("want one number; a label would tell several apart")
