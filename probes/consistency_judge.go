package probes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/itchyny/gojq"
)

// A view is what one worker said.
type view struct {
	sample  Sample
	values  []any   // what compare gave
	version float64 // seconds since 1970
}

// A judgement is a result with what its explanation needs: indices of workers.
type judgement struct {
	ConsistencyResult
	most   int // one of those that agree, if any worker answered
	oldest int // the one whose version is the oldest
}

// look takes out of an answer what is compared, and its version if there is to be one.
func (p *consistencyProber) look(ctx context.Context, body []byte) (values []any, version float64, err error) {
	var doc any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids and instants in nanoseconds do not fit into a float
	if err = d.Decode(&doc); err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more after the value")
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: parsing body as JSON: %w", ErrInvalidResponse, err)
	}
	if values, err = p.compare.project(ctx, doc); err != nil {
		return nil, 0, err
	}
	if text, err := gojq.Marshal(values); err != nil || len(text) > maxCompared {
		return nil, 0, fmt.Errorf("%w: %q gave more than %s", ErrBodyTooLarge, p.compare.query, ByteSize(maxCompared))
	}
	if p.version.code == nil {
		return values, 0, nil
	}
	versions, err := p.version.project(ctx, doc)
	if err == nil && len(versions) > 1 {
		err = fmt.Errorf("%q gave %d values, want one", p.version.query, len(versions))
	}
	if err == nil {
		version, err = p.version.instant(versions[0])
	}
	return values, version, err
}

// project runs the query on a value of JSON. Nothing, null and more than a thousand values are errors: workers that
// agree on them agree on nothing.
func (e *expectation) project(ctx context.Context, doc any) (values []any, err error) {
	limited, cancel := context.WithTimeout(ctx, maxQueryTime)
	defer cancel()
	for results := e.code.RunWithContext(limited, doc); ; {
		v, ok := results.Next()
		if !ok && len(values) > 0 {
			return values, nil
		}
		if err, failed := v.(error); failed {
			return nil, e.queryFailed(ctx, err)
		}
		if v == nil {
			return nil, fmt.Errorf("%q gave %s", e.query, verdict(v, ok))
		}
		if values = append(values, v); len(values) > maxResults {
			return nil, fmt.Errorf("%q gave more than %d values", e.query, maxResults)
		}
	}
}

// maxInstant is the year 5138 in seconds. What is above is milliseconds, for any instant after 1973.
const maxInstant = 1e11

// instant reads a version: seconds since 1970, or RFC 3339.
func (e *expectation) instant(v any) (float64, error) {
	const want = "seconds since 1970 or RFC 3339"
	if text, ok := v.(string); ok {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return 0, fmt.Errorf("version %s, want %s", e.excerpt([]any{v}, new(masks)), want)
		}
		return float64(t.Unix()) + float64(t.Nanosecond())/1e9, nil
	}
	if seconds, ok := gojq.ToFloat64(v); ok && math.Abs(seconds) < maxInstant {
		return seconds, nil
	}
	return 0, fmt.Errorf("version %s, want %s", e.excerpt([]any{v}, new(masks)), want)
}

// judge finds the largest set of workers that say the same. Of two that are as large it takes the one with the newer
// version, or else the one that has the first worker of the list: somebody has to be named.
func (p *consistencyProber) judge(views []view) judgement {
	j := judgement{ConsistencyResult: ConsistencyResult{Workers: make([]WorkerAnswer, len(views))}}
	var answered []int
	like := make([]int, len(views)) // the first worker that says the same
	size := make([]int, len(views)) // of the set that a worker is the first of
	for i := range views {
		j.Workers[i] = WorkerAnswer{p.names[i], WorkerFailed}
		if views[i].sample.Err == nil {
			answered = append(answered, i)
			like[i] = firstLike(views[:i+1])
			size[like[i]]++
		}
	}
	if len(answered) == 0 {
		return j
	}
	byVersion := func(a, b int) int { return cmp.Compare(views[a].version, views[b].version) }
	j.most = slices.MaxFunc(answered, func(a, b int) int {
		return cmp.Or(cmp.Compare(size[like[a]], size[like[b]]), byVersion(a, b))
	})
	j.Answered, j.Agreeing = len(answered), size[like[j.most]]
	for _, i := range answered {
		j.Workers[i].Verdict = WorkerDisagreed
		if like[i] == like[j.most] {
			j.Workers[i].Verdict = WorkerAgreed
		}
	}
	j.oldest = slices.MinFunc(answered, byVersion)
	if p.version.code != nil && len(answered) > 1 {
		j.Comparable = true
		j.Staleness = views[slices.MaxFunc(answered, byVersion)].version - views[j.oldest].version
	}
	return j
}

// firstLike is the first that says the same as the last.
func firstLike(views []view) int {
	last := len(views) - 1
	for i := range last {
		if views[i].sample.Err == nil && gojq.Compare(views[i].values, views[last].values) == 0 {
			return i
		}
	}
	return last
}

// maxExcerpt is how much of a value an error shows, in bytes.
const maxExcerpt = 60

// excerpt is the beginning of what a worker said.
func (p *consistencyProber) excerpt(i int, views []view) string {
	return p.compare.excerpt(views[i].values, p.workers[i].masks)
}

// excerpt is the beginning of what the query gave, masked as evidence is. Of a query for a secret it shows nothing.
func (e *expectation) excerpt(values []any, m *masks) string {
	if secretWord.MatchString(e.query) {
		return hidden
	}
	var v any = values
	if len(values) == 1 {
		v = values[0]
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return ""
	}
	first := slices.Clone(text[:min(len(text), maxEvidenceBody)])
	shown := printable(m.text(maskFields(first), len(text) > len(first)), maxEvidenceBody)
	if len(shown) <= maxExcerpt && len(text) == len(first) {
		return shown
	}
	return printable([]byte(shown), maxExcerpt) + "…"
}
