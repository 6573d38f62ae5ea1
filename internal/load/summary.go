package load

import (
	"context"
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

func (b *burst) summary(ctx context.Context) *Summary {
	s := &Summary{
		Probe: b.plan.Name, Seed: b.seed, Start: b.start, End: time.Now(), Result: Completed,
		UsersPeak: b.crew.most, InFlightPeak: int(b.crew.mostSent.Load()),
		Dropped: b.dropped, Late: b.tally.late, Asked: b.plan.Asked(), Reduced: b.plan.Reduced,
		Lag: b.tally.lag, Leaves: b.tally.leaves, Slowest: b.tally.slowest.kept, Failed: b.tally.failed.kept,
	}
	s.Fairness = b.plan.fairness(s)
	if ctx.Err() != nil {
		why := context.Cause(ctx)
		s.Result, s.Reason, s.Cause = Aborted, why.Error(), causeOf(why)
	} else if n := b.crew.unable; n > 0 {
		s.Result, s.Reason = Invalid, fmt.Sprintf("%d users could not begin: %s", n, b.crew.why)
	} else if reason, doubts := b.evidence(s).reason(); reason != "" {
		s.Result, s.Reason, s.Doubts = Invalid, reason, doubts
	}
	return s
}

// Valid says whether the burst's figures may be compared with a target or with another burst's. Those of a search may
// not: they are of many rates.
func (s *Summary) Valid() bool { return s.Sound() && s.Capacity == nil }

// Sound says whether the burst ran to its end as it was written, and its figures are believed.
func (s *Summary) Sound() bool { return s.Result == Completed && !s.Reduced }

// Duration is from the start to the end of the last request.
func (s *Summary) Duration() time.Duration { return s.End.Sub(s.Start) }

// Requests is how many requests there were, without canceled ones.
func (s *Summary) Requests() uint64 { return s.sum((*LeafSummary).Requests) }

// Failures is how many requests had an outcome other than ok and canceled.
func (s *Summary) Failures() uint64 { return s.sum((*LeafSummary).Failures) }

// ErrorRatio is Failures over Requests; 0 without requests.
func (s *Summary) ErrorRatio() float64 { return ratio(s.Failures(), s.Requests()) }

// Throughput is the requests that succeeded a second, over the whole Duration, the wait for the last answer included. A
// platform that fails fast has none.
func (s *Summary) Throughput() float64 {
	if s.Duration() <= 0 {
		return 0
	}
	return float64(s.Requests()-s.Failures()) / s.Duration().Seconds()
}

func (s *Summary) sum(of func(*LeafSummary) uint64) (n uint64) {
	for i := range s.Leaves {
		n += of(&s.Leaves[i])
	}
	return n
}

// All merges the leaves into one, whose Task and Endpoint are empty. It adds up every count there is: call it once and
// keep it.
func (s *Summary) All() LeafSummary {
	all := LeafSummary{Response: newHistogram(), Service: newHistogram()}
	for i := range s.Leaves {
		all.merge(&s.Leaves[i])
	}
	return all
}

// ByEndpoint merges the leaves of one endpoint, in the order of the tree: a request may stand under several tasks. Their
// Task is empty.
func (s *Summary) ByEndpoint() []LeafSummary {
	var merged []LeafSummary
	at := map[string]int{}
	for i := range s.Leaves {
		l := &s.Leaves[i]
		k, ok := at[l.Endpoint]
		if !ok {
			k = len(merged)
			at[l.Endpoint] = k
			merged = append(merged, LeafSummary{Endpoint: l.Endpoint, Response: newHistogram(), Service: newHistogram()})
		}
		merged[k].merge(l)
	}
	return merged
}

func (l *LeafSummary) merge(other *LeafSummary) {
	for o, n := range other.Outcomes {
		l.Outcomes[o] += n
	}
	l.Bytes += other.Bytes
	for v, n := range other.Cache {
		l.Cache[v] += n
	}
	l.Response.Merge(other.Response)
	if l.Service != l.Response {
		l.Service.Merge(other.Service)
	}
	for p := range other.Phases {
		l.Phases[p].add(other.Phases[p])
	}
}

// Requests is how many requests there were, without canceled ones.
func (l *LeafSummary) Requests() (n uint64) {
	for o, count := range l.Outcomes {
		if probes.Outcome(o) != probes.Canceled {
			n += count
		}
	}
	return n
}

// Failures is how many requests had an outcome other than ok and canceled.
func (l *LeafSummary) Failures() uint64 { return l.Requests() - l.Outcomes[probes.OK] }

// CacheHits is how many responses said that a cache had the answer, of those that said so or that none had.
func (l *LeafSummary) CacheHits() (hits, of uint64) {
	hits = l.Cache[probes.CacheHit]
	return hits, hits + l.Cache[probes.CacheMiss]
}

// ErrorRatio is Failures over Requests; 0 without requests.
func (l *LeafSummary) ErrorRatio() float64 { return ratio(l.Failures(), l.Requests()) }

// Quantile is the response time in seconds that a part q of the requests, from 0 to 1, stayed within; 0 without requests.
func (l *LeafSummary) Quantile(q float64) float64 {
	return seconds(l.Response.ValueAtQuantile(q * 100))
}

// Min is the shortest response time in seconds; 0 without requests.
func (l *LeafSummary) Min() float64 { return seconds(l.Response.Min()) }

// Mean is the mean response time in seconds; 0 without requests.
func (l *LeafSummary) Mean() float64 { return l.Response.Mean() / 1e6 }

// Max is the longest response time in seconds; 0 without requests.
func (l *LeafSummary) Max() float64 { return seconds(l.Response.Max()) }

func seconds(us int64) float64 { return float64(us) / 1e6 }

func ratio(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
