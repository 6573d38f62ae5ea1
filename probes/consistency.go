package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a consistency probe may ask, and what it takes of each answer, in bytes.
const (
	minWorkers, maxWorkers  = 2, 32 // each is a label value
	defaultWorkerBody       = ByteSize(1 << 20)
	maxWorkerBody           = ByteSize(10 << 20)
	maxCompared, maxResults = 64 << 10, 1000 // of what compare gives
	maxStaleness            = 24 * time.Hour
)

// Consistency asks several workers the same at the same time and compares what they say.
type Consistency struct {
	URLs            []string          `yaml:"urls"`             // one a worker; absolute, or relative to global.base_url
	Headers         map[string]string `yaml:"headers"`          // sent as written; values are secrets
	Compare         string            `yaml:"compare"`          // gojq; what must agree; default "."
	Version         string            `yaml:"version"`          // gojq; when the answer is of: seconds since 1970, or RFC 3339
	MaxStaleness    time.Duration     `yaml:"max_staleness"`    // between the newest and the oldest version; default: any
	MaxBody         ByteSize          `yaml:"max_body"`         // of each answer, after decompression; default 1MiB
	FreshConnection bool              `yaml:"fresh_connection"` // dial anew for every run: a balancer may lead elsewhere
}

// ConsistencyResult is what a run of the kind consistency found out.
type ConsistencyResult struct {
	Workers    []WorkerAnswer // in the order of the configuration
	Answered   int            // workers whose answer could be compared
	Agreeing   int            // the largest number of workers that say the same
	Staleness  float64        // seconds between the newest and the oldest version
	Comparable bool           // two versions at least were told, so that there is a Staleness
}

// Mismatch reports whether workers contradict each other.
func (r *ConsistencyResult) Mismatch() bool { return r.Agreeing < r.Answered }

// A WorkerAnswer is how one worker did.
type WorkerAnswer struct {
	Name    string // as in Workers of the prober
	Verdict WorkerVerdict
}

// A WorkerVerdict says how the answer of a worker stands to those of the others.
type WorkerVerdict uint8

// Every verdict there is.
const (
	WorkerAgreed    WorkerVerdict = iota // it is of the largest set that say the same
	WorkerDisagreed                      // it is not
	WorkerFailed                         // it gave no answer that could be compared
	NumWorkerVerdicts
)

// String is the verdict as it stands in the label "result".
func (v WorkerVerdict) String() string {
	return [NumWorkerVerdicts]string{"agreed", "disagreed", "failed"}[v]
}

// Kind implements Spec.
func (*Consistency) Kind() string { return "consistency" }

// Prober implements Spec.
func (c *Consistency) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &consistencyProber{
		compare: ms.query("compare", cmp.Or(c.Compare, ".")), version: ms.query("version", c.Version), staleness: c.MaxStaleness,
	}
	if n := len(c.URLs); n < minWorkers || n > maxWorkers {
		ms.add("urls", given(n), fmt.Sprintf("%d to %d URLs, one a worker", minWorkers, maxWorkers))
	}
	switch s := c.MaxStaleness; {
	case s < 0, s > maxStaleness:
		ms.add("max_staleness", s, "a duration up to 24h")
	case s > 0 && c.Version == "":
		ms.add("max_staleness", s, "it beside version, which says when an answer is of")
	}
	if c.MaxBody < 0 || c.MaxBody > maxWorkerBody {
		ms.add("max_body", c.MaxBody, "a size up to "+maxWorkerBody.String())
	}
	for i := range c.URLs[:min(len(c.URLs), maxWorkers)] {
		w, err := c.worker(i).HTTPProber(env)
		ms.ofWorker(i, err)
		p.workers = append(p.workers, w)
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	p.names = workerNames(p.workers)
	return p, nil
}

// worker is the request of one worker.
func (c *Consistency) worker(i int) *HTTP {
	return &HTTP{
		URL: c.URLs[i], Headers: c.Headers, FreshConnection: c.FreshConnection,
		Expect: Expect{MaxBody: max(cmp.Or(c.MaxBody, defaultWorkerBody), 1)}, // what is wrong with it is told once
	}
}

// ofWorker takes over what is wrong with one worker's request; what all have in common, from the first only.
func (ms *mistakes) ofWorker(i int, err error) {
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		if field := new(FieldError); errors.As(err, &field) && field.Field == "url" {
			ms.add(fmt.Sprintf("urls[%d]", i), field.Value, field.Want)
		} else if i == 0 {
			*ms = append(*ms, err)
		}
	}
}

// query compiles an optional gojq query of a field.
func (ms *mistakes) query(field, text string) expectation {
	x := expectation{query: text}
	if text == "" {
		return x
	}
	var err error
	if x.code, err = compileQuery(text); err != nil {
		ms.add(field, text, "a gojq query: "+err.Error())
	}
	return x
}

// workerNames are the hosts of the workers; where some share theirs, with their place in the list, from 1.
func workerNames(workers []*HTTPProber) []string {
	hosts := map[string]int{}
	for _, w := range workers {
		hosts[w.Host()]++
	}
	names := make([]string, 0, len(workers))
	for i, w := range workers {
		name := w.Host()
		if hosts[name] > 1 {
			name += "#" + strconv.Itoa(i+1)
		}
		names = append(names, name)
	}
	return names
}

// A consistencyProber keeps a connection to each worker unless the spec asks for fresh ones. A run has no phases: it is as
// long as the slowest worker takes, without the time that comparing takes, and has that worker's trace.
type consistencyProber struct {
	workers          []*HTTPProber
	names            []string
	compare, version expectation // a version without code is not asked for
	staleness        time.Duration
}

// Workers are the names of the workers, as they stand in labels.
func (p *consistencyProber) Workers() []string { return p.names }

// Probe implements Prober. Its error is that of the first worker that failed, whatever the others say.
func (p *consistencyProber) Probe(ctx context.Context) (res Result, err error) {
	views := make([]view, len(p.workers))
	var all sync.WaitGroup
	var turn sync.Mutex // one answer at a time is parsed, so that many large ones cost the memory of one
	for i := range p.workers {
		all.Go(func() { views[i] = p.ask(ctx, &turn, i) })
	}
	all.Wait()
	for i := range views {
		s := &views[i].sample
		if end := s.Start.Add(s.Duration); end.After(res.ended) {
			res.ended, res.TraceID = end, s.TraceID
		}
		if c := s.CertNotAfter; !c.IsZero() && (res.CertNotAfter.IsZero() || c.Before(res.CertNotAfter)) {
			res.CertNotAfter = c
		}
	}
	j := p.judge(views)
	res.Consistency = &j.ConsistencyResult
	return res, p.explain(views, j)
}

// ask asks one worker and looks at its answer.
func (p *consistencyProber) ask(ctx context.Context, turn *sync.Mutex, i int) (v view) {
	read := func(ctx context.Context, a Answer) (err error) {
		turn.Lock()
		defer turn.Unlock()
		v.values, v.version, err = p.look(ctx, a.Body)
		return err
	}
	v.sample = sampled(time.Now(), func() (Result, error) { return p.workers[i].fill(ctx, &Draft{Read: read}) })
	return v
}

// explain says which worker failed and which says something else than most.
func (p *consistencyProber) explain(views []view, j judgement) error {
	var failed error
	var text []string
	for i := range views {
		switch err := views[i].sample.Err; {
		case err != nil:
			if failed == nil {
				failed = err
			}
			text = append(text, fmt.Sprintf("worker %s: %v", p.names[i], err))
		case j.Workers[i].Verdict == WorkerDisagreed:
			text = append(text, fmt.Sprintf("worker %s says %s, %d of %d say %s",
				p.names[i], p.excerpt(i, views), j.Agreeing, j.Answered, p.excerpt(j.most, views)))
		}
	}
	late := time.Duration(j.Staleness * float64(time.Second))
	if p.staleness > 0 && late > p.staleness {
		text = append(text, fmt.Sprintf("worker %s is %v behind, want %v at most", p.names[j.oldest], late, p.staleness))
	}
	switch {
	case len(text) == 0:
		return nil
	case failed == nil:
		failed = ErrInvalidResponse
	}
	return shorten(&shortError{strings.Join(text, "; "), failed})
}

// Close closes the connections.
func (p *consistencyProber) Close() {
	for _, w := range p.workers {
		w.Close()
	}
}
