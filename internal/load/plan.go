package load

import (
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// DefaultRequestTimeout bounds a request of a plan that says nothing else.
const DefaultRequestTimeout = 5 * time.Second

// A Plan is a burst ready to run. Run does not change it, and nobody else may while a burst of it runs.
type Plan struct {
	Name   string
	Leaves []Leaf // in the order of the tree

	// RequestTimeout bounds each request from its send. In the open model it also bounds how late a request is still
	// sent. Spec.Plan sets DefaultRequestTimeout; the caller may set another before the first burst.
	RequestTimeout time.Duration
	// Seed of the random draws; 0 draws a new one for every burst. The Summary says which it was.
	Seed uint64
	// Reserve takes up to n requests from what all bursts may send in a day, and says how many it got. It is called from
	// one goroutine a burst, well before the requests are sent. Nil means no such budget.
	Reserve func(n uint64) (uint64, error)
	// Precise has the open model wait by timers of the kernel's own, which are late by microseconds.
	Precise bool
	// Live is told how the burst is going. Nil is nobody.
	Live *Live
	// Reduced says that the plan is smaller than it was written, so that its bursts compare with nothing.
	Reduced bool

	abort      Abort
	users      int // of the closed model, or the most of the open one
	rampUp     float64
	duration   time.Duration
	limit      time.Duration // of all runs together
	think      ThinkTime
	iterations int // between the users, or 0
	perUser    int // iterations of each user, or 0
	maxRate    float64
	peak       float64 // requests a second that it can reach
	rate       float64 // of the open model, at its highest; 0 in the closed
	pacer      Pacer   // of the open model

	items        Items
	variables    []string // of the matrix
	combinations [][]int  // of their values, for each run
	values       []int    // in the run that this plan is of
	search       *Search  // nil if the plan is no search

	regions []region
	nodes   []node
	data    []feeder
	setup   []setupStep

	captures int // values that a user keeps

	permit probes.Permit // of the hosts; nil permits all

	open  func() (session, error) // for each user; tests put one of their own here
	usage func() usage            // of this process; tests put one of their own here
}

// A Leaf is one request of the task tree.
type Leaf struct {
	Task     string  // the top of the tree above it; the leaf itself if it stands at the top
	Endpoint string  // its own name
	Share    float64 // of all requests, 0 to 1
	Prober   *probes.HTTPProber
	message  message
}

// Exact says whether each leaf has its share of the requests of any burst to within one of them. With sticky groups the
// shares are those of a burst without end: users who are still in a group when theirs ends leave them off.
func (p *Plan) Exact() bool { return len(p.regions) == 1 }

// Asked is how many requests the iterations of a burst come to, in all its runs; 0 if it has none and lasts for its
// duration.
func (p *Plan) Asked() uint64 {
	each := uint64(p.iterations) + uint64(p.perUser)*uint64(p.users)
	return each * uint64(max(1, len(p.combinations)))
}

// Users is how many users run at once at most.
func (p *Plan) Users() int { return p.users }

// Hosts are the hosts and ports that a burst sends to, sorted, each once.
func (p *Plan) Hosts() []string {
	hosts := make([]string, len(p.Leaves))
	for i, l := range p.Leaves {
		hosts[i] = l.Prober.Host()
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// MaxDuration is the hard end of one run of a burst: its duration and the timeout of the last request sent. A run that
// is canceled ends sooner, none ends later.
func (p *Plan) MaxDuration() time.Duration { return p.duration + p.timeout() }

func (p *Plan) timeout() time.Duration {
	if p.RequestTimeout <= 0 {
		return DefaultRequestTimeout
	}
	return p.RequestTimeout
}

// Plan validates the spec and builds what runs it. Its error joins a *probes.FieldError for every mistake.
func (s *Spec) Plan(name string, env probes.Env) (*Plan, error) {
	v := newValidator(env)
	v.writes, v.opened = s.Writes, s.open()
	v.model(s)
	v.matrix(s)
	data := v.feeders(s.Data)
	setup := v.sequence("setup", s.Setup, maxSteps)
	v.common(s.Headers)
	v.tree(s.Tasks)
	if err := v.err(); err != nil {
		return nil, err
	}
	p := &Plan{
		Name: name, Leaves: v.leaves, RequestTimeout: DefaultRequestTimeout, Seed: uint64(s.Seed),
		users: s.Users, rampUp: s.RampUp, duration: s.span(), limit: s.Limit(), think: s.ThinkTime,
		iterations: s.Iterations, perUser: s.IterationsPerUser, maxRate: s.MaxRate,
		items: s.Items, variables: s.variables(), combinations: s.combinations(), search: s.FindCapacity,
		regions: v.regions, nodes: v.nodes, data: data, setup: setup, captures: len(v.scope.captured),
		open: func() (session, error) { return openSession(env) }, usage: readUsage, permit: env.Permit, abort: s.Abort,
	}
	p.peak, _ = s.PeakThroughput()
	if s.open() {
		p.users, p.rate, p.pacer = s.MaxUsers, s.highest(), s.pacer()
	}
	return p, nil
}
