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

	users    int // of the closed model, or the most of the open one
	rampUp   float64
	duration time.Duration
	think    ThinkTime
	rate     float64 // above 0 in the open model

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

// MaxDuration is the hard end of a burst: its duration and the timeout of the last request sent. A burst that is
// canceled ends sooner, none ends later.
func (p *Plan) MaxDuration() time.Duration { return p.duration + p.timeout() }

func (p *Plan) timeout() time.Duration {
	if p.RequestTimeout <= 0 {
		return DefaultRequestTimeout
	}
	return p.RequestTimeout
}

// Plan validates the spec and builds what runs it. Its error joins a *probes.FieldError for every mistake.
func (s *Spec) Plan(name string, env probes.Env) (*Plan, error) {
	v := &validator{env: env, endpoints: map[string]bool{}}
	v.model(s)
	v.tasks(s.Tasks, "tasks", "", 1, 1)
	if err := v.err(); err != nil {
		return nil, err
	}
	p := &Plan{
		Name: name, Leaves: v.leaves, RequestTimeout: DefaultRequestTimeout,
		users: s.Users, rampUp: s.RampUp, duration: s.Duration, think: s.ThinkTime, rate: s.Rate,
		open: func() (session, error) { return openSession(env) }, usage: readUsage, permit: env.Permit,
	}
	if s.Rate > 0 {
		p.users = s.MaxUsers
	}
	return p, nil
}
