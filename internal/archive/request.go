package archive

import (
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// A Request is one request of a burst that was kept whole. Times are in seconds.
type Request struct {
	Task     string             `json:"task"`
	Endpoint string             `json:"endpoint"`
	Due      time.Time          `json:"due"`
	Start    time.Time          `json:"start"`    // the send
	Response float64            `json:"response"` // from the due instant
	Service  float64            `json:"service"`  // from the send
	TraceID  string             `json:"trace_id,omitempty"`
	Phases   map[string]float64 `json:"phases,omitempty"` // those that happened
	Status   int                `json:"status,omitempty"` // HTTP status code
	Outcome  string             `json:"outcome"`
	Error    string             `json:"error,omitempty"`
}

// requestsOf are those of a summary.
func requestsOf(s *load.Summary, requests []load.Request) []Request {
	if len(requests) == 0 {
		return nil
	}
	kept := make([]Request, 0, len(requests))
	for i := range requests {
		r := &requests[i]
		one := Request{
			Task: s.Leaves[r.Leaf].Task, Endpoint: s.Leaves[r.Leaf].Endpoint, Due: r.Due.UTC(), Start: r.Start.UTC(),
			Response: r.Response.Seconds(), Service: r.Service.Seconds(), TraceID: r.TraceID.String(),
			Status: r.Status, Outcome: r.Outcome.String(), Error: bounded(r.Err),
		}
		for p := range probes.NumPhases {
			if d, ok := r.Phases.Get(p); ok {
				if one.Phases == nil {
					one.Phases = map[string]float64{}
				}
				one.Phases[p.String()] = d.Seconds()
			}
		}
		kept = append(kept, one)
	}
	return kept
}

// bounded cuts a text to what a file may say.
func bounded(text string) string {
	for i := range text {
		if i > maxText-4 { // where a character begins, of at most four bytes
			return text[:i]
		}
	}
	return text
}

// wrong says what in a request cannot be.
func (r *Request) wrong() string {
	if max(len(r.Task), len(r.Endpoint), len(r.TraceID), len(r.Outcome), len(r.Error)) > maxText {
		return "a text too long"
	}
	if len(r.Phases) > int(probes.NumPhases) || !(r.Response >= 0) || !(r.Service >= 0) {
		return "times that cannot be"
	}
	return ""
}

// A Phase is what one phase of an endpoint's requests took. Times are in seconds.
type Phase struct {
	Count uint64  `json:"count"` // of requests in which it happened
	Mean  float64 `json:"mean"`
	Max   float64 `json:"max"`
}

// phasesOf are those that happened, by name.
func phasesOf(l *load.LeafSummary) map[string]Phase {
	var phases map[string]Phase
	for p := range probes.NumPhases {
		of := &l.Phases[p]
		if of.Count == 0 {
			continue
		}
		if phases == nil {
			phases = map[string]Phase{}
		}
		phases[p.String()] = Phase{Count: of.Count, Mean: of.Mean().Seconds(), Max: of.Max.Seconds()}
	}
	return phases
}

// cacheOf is what the responses said of caches, by verdict.
func cacheOf(l *load.LeafSummary) map[string]uint64 {
	var cache map[string]uint64
	for v, n := range l.Cache {
		if n == 0 || probes.CacheVerdict(v).String() == "" { // they said nothing
			continue
		}
		if cache == nil {
			cache = map[string]uint64{}
		}
		cache[probes.CacheVerdict(v).String()] = n
	}
	return cache
}
