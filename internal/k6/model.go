package k6

import (
	"math"
	"reflect"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/load"
)

// options are those of k6.
type options struct {
	Scenarios    map[string]executor    `json:"scenarios"`
	Thresholds   map[string][]threshold `json:"thresholds"`
	UserAgent    string                 `json:"userAgent"`
	KeepCookies  bool                   `json:"noCookiesReset"`
	DiscardBody  bool                   `json:"discardResponseBodies"`
	Trends       []string               `json:"summaryTrendStats"`
	RPS          int                    `json:"rps,omitempty"`
	NoReuse      bool                   `json:"noConnectionReuse,omitempty"`
	SkipVerifing bool                   `json:"insecureSkipTLSVerify,omitempty"`
}

// An executor is the model of a burst in k6.
type executor struct {
	Executor     string  `json:"executor"`
	VUs          int     `json:"vus,omitempty"`
	StartVUs     int     `json:"startVUs,omitempty"`
	Iterations   int     `json:"iterations,omitempty"`
	Rate         *int64  `json:"rate,omitempty"`
	StartRate    *int64  `json:"startRate,omitempty"`
	TimeUnit     string  `json:"timeUnit,omitempty"`
	Stages       []stage `json:"stages,omitempty"`
	Duration     string  `json:"duration,omitempty"`
	MaxDuration  string  `json:"maxDuration,omitempty"`
	Preallocated int     `json:"preAllocatedVUs,omitempty"`
	MaxVUs       int     `json:"maxVUs,omitempty"`
	GracefulStop string  `json:"gracefulStop"`
	GracefulRamp string  `json:"gracefulRampDown,omitempty"`
}

type stage struct {
	Duration string `json:"duration"`
	Target   int64  `json:"target"`
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// options says how many users or requests there are, and sets the stagger of the scenario where its executor has none.
func (x *exporter) options(s *scenario) options {
	e := x.closed(s)
	if stages := x.spec.OpenStages(); stages != nil {
		e = x.open(stages)
	}
	e.GracefulStop = x.timeout.String() // what is sent last has its time
	o := options{
		Scenarios: map[string]executor{x.probe: e}, Thresholds: map[string][]threshold{},
		UserAgent: x.env.UserAgent, KeepCookies: true, DiscardBody: true, SkipVerifing: x.insecure,
		Trends: []string{"avg", "min", "med", "p(95)", "p(99)", "max", "count"},
	}
	if x.spec.MaxRate > 0 {
		o.RPS = x.ceiling()
	}
	switch {
	case x.fresh == len(x.plan.Leaves)+len(x.spec.Setup):
		o.NoReuse = true
	case x.fresh > 0:
		x.refuse("load", "fresh_connection of some requests only: k6 keeps all connections or none")
	}
	return o
}

// closed is the model of users who wait for their answers.
func (x *exporter) closed(s *scenario) executor {
	l := x.spec
	if l.RampUp > 0 {
		s.Stagger = 1000 / l.RampUp
	}
	switch limit := l.Limit().String(); {
	case l.Iterations > 0:
		if l.RampUp > 0 {
			x.note("load.ramp_up", "each user of k6 sends one iteration at least, so that the run lasts until all have started")
		}
		return executor{Executor: "shared-iterations", VUs: l.Users, Iterations: l.Iterations, MaxDuration: limit}
	case l.IterationsPerUser > 0:
		return executor{Executor: "per-vu-iterations", VUs: l.Users, Iterations: l.IterationsPerUser, MaxDuration: limit}
	case l.RampUp == 0 || l.PeakUsers() == 1:
		return executor{Executor: "constant-vus", VUs: l.Users, Duration: limit}
	}
	// User i starts at i/ramp_up, the first one at once.
	s.Stagger = 0
	peak := l.PeakUsers()
	ramp := time.Duration(float64(peak-1) / l.RampUp * float64(time.Second)).Round(time.Millisecond)
	return executor{Executor: "ramping-vus", StartVUs: 1, GracefulRamp: "0s", Stages: []stage{
		{ramp.String(), int64(peak)}, {(l.Limit() - ramp).String(), int64(peak)},
	}}
}

// open is the model of requests that are due whatever the target does. All users are there from the start: one that k6
// makes when it is needed is late.
func (x *exporter) open(stages []load.Stage) executor {
	unit := unitOf(append([]load.Stage{{Rate: x.spec.Rate}}, stages...))
	count := func(rate float64) int64 { return int64(math.Round(rate * unit.Seconds())) }
	users := x.spec.MaxUsers
	e := executor{Executor: "ramping-arrival-rate", TimeUnit: unit.String(), Preallocated: users, MaxVUs: users}
	if x.spec.Stages == nil {
		e.Executor, e.Duration, e.Rate = "constant-arrival-rate", x.spec.Limit().String(), new(int64)
		*e.Rate = count(x.spec.Rate)
		return e
	}
	e.StartRate = new(int64)
	*e.StartRate = count(x.spec.Rate)
	for _, s := range stages {
		e.Stages = append(e.Stages, stage{s.Duration.String(), count(s.Rate)})
	}
	return e
}

// unitOf is the time in which every rate is a whole number of requests, as k6 wants them. A rate that is one in no
// million seconds is off by less than a millionth of a request a second.
func unitOf(stages []load.Stage) time.Duration {
	unit := time.Second
	for ; unit < 1_000_000*time.Second; unit *= 10 {
		fits := true
		for _, s := range stages {
			n := s.Rate * unit.Seconds()
			fits = fits && math.Abs(n-math.Round(n)) < 1e-9*max(1, n)
		}
		if fits {
			break
		}
	}
	return unit
}

// ceiling is the part of max_rate that each k6 has.
func (x *exporter) ceiling() int {
	each := math.Floor(x.spec.MaxRate / float64(x.parallelism))
	if each < 1 {
		x.refuse("load.max_rate", "%g a second, want at least 1 for each of %d k6", x.spec.MaxRate, x.parallelism)
	}
	if each*float64(x.parallelism) != x.spec.MaxRate {
		x.note("load.max_rate", "%g a second for each k6, whose limit is a whole number", each)
	}
	if len(x.spec.Setup) > 0 {
		x.note("load.max_rate", "k6 counts the requests of setup too")
	}
	return int(each)
}

// client carries over what can be of the configuration of all requests.
func (x *exporter) client(c promconfig.HTTPClientConfig) {
	x.follow = true
	if reflect.ValueOf(c).IsZero() {
		return
	}
	x.follow, x.insecure = c.FollowRedirects, c.TLSConfig.InsecureSkipVerify
	rest := c
	if c.Authorization != nil || c.BasicAuth != nil || c.BearerToken != "" || c.BearerTokenFile != "" {
		x.authorized = true
		rest.Authorization, rest.BasicAuth, rest.BearerToken, rest.BearerTokenFile = nil, nil, "", ""
	}
	rest.FollowRedirects, rest.TLSConfig.InsecureSkipVerify = true, false
	if !reflect.DeepEqual(rest, promconfig.DefaultHTTPClientConfig) {
		x.refuse("global.http_client",
			"of it only basic_auth, authorization, follow_redirects and tls_config.insecure_skip_verify can be carried over")
	}
}

// remarks notes what is other in k6 whatever the burst is.
func (x *exporter) remarks() {
	a := x.spec.Abort
	judged := []string{"error_ratio"}
	if a.LatencyP95 > 0 {
		judged = append(judged, "latency_p95")
	}
	x.note("load.abort", "k6 judges %s over the whole run, not over its last 5 s", strings.Join(judged, " and "))
	if w := x.spec.Watch; w.Host || len(w.Processes)+len(w.Redis) > 0 {
		x.note("load.watch", "k6 looks at no process, Redis or host")
	}
	if x.spec.Seed != 0 {
		x.note("load.seed", "k6 draws from a seed of its own")
	}
	if len(x.needed) > 0 {
		x.note("environment", "the script needs %s", strings.Join(sortedKeys(x.needed), ", "))
	}
	x.note("bursts", "k6 keeps no budget, blackout or list of hosts, and asks nobody before it begins")
}
