package config

import (
	"time"

	promconfig "github.com/prometheus/common/config"
)

// A file is perfwatch.yml as it is written, before defaults and checks.
type file struct {
	Global     globalSection      `yaml:"global"`     // what every probe shares unless it says otherwise
	Bursts     burstsSection      `yaml:"bursts"`     // what holds for all bursts together
	Probes     []probeSection     `yaml:"probes"`     // what is asked, and when
	Redis      []redisSection     `yaml:"redis"`      // Redis servers whose INFO is read
	Postgres   []postgresSection  `yaml:"postgres"`   // PostgreSQL servers whose statistics are read
	PgBouncer  []postgresSection  `yaml:"pgbouncer"`  // poolers whose pools are read
	Host       hostSection        `yaml:"host"`       // the machine that perfwatch runs on; {} reads it
	Processes  []processSection   `yaml:"processes"`  // processes of the platform
	Business   []businessSection  `yaml:"business"`   // business values that the platform keeps
	Browser    browserSection     `yaml:"browser"`    // which browser loads pages
	OnDemand   onDemandSection    `yaml:"on_demand"`  // what may be asked through /probe
	Pipelines  []pipelineSection  `yaml:"pipelines"`  // pipelines that report their stages
	Objectives []objectiveSection `yaml:"objectives"` // targets; rules, dashboards, the report and exit codes come from them
}

// Defaults are not written into the sections: whether the file gives a key is asked of the report.

// A globalSection is what every probe shares unless it says otherwise.
type globalSection struct {
	BaseURL     string                      `yaml:"base_url"`     // what relative URLs resolve against
	Schedule    string                      `yaml:"schedule"`     // cron of 5 or 6 fields, @every 15s (the default), CRON_TZ=
	Timeout     time.Duration               `yaml:"timeout"`      // of a request; default 5s
	UserAgent   string                      `yaml:"user_agent"`   // that is sent; default perfwatch and its version
	HTTPClient  promconfig.HTTPClientConfig `yaml:"http_client"`  // how HTTP is spoken: authentication, TLS, proxies
	ExternalURL string                      `yaml:"external_url"` // where people reach perfwatch; default http://localhost:10095
	GrafanaURL  string                      `yaml:"grafana_url"`  // where people reach Grafana; default http://localhost:3000
}

// A burstsSection holds for all bursts together.
type burstsSection struct {
	AllowHosts    []string          `yaml:"allow_hosts"`    // those that bursts may go to beside loopback and private addresses
	DailyRequests int64             `yaml:"daily_requests"` // requests of all bursts in a day at most
	Blackouts     []blackoutSection `yaml:"blackouts"`      // when no burst begins
}

type blackoutSection struct {
	Start    string        `yaml:"start"`    // a schedule of its beginnings
	Duration time.Duration `yaml:"duration"` // of each
}

// A probeSection has its kind beside what every probe has.
type probeSection struct {
	Name     string        `yaml:"name"`     // stands in labels; unique
	Group    string        `yaml:"group"`    // objectives select by it; default: the kind
	Schedule string        `yaml:"schedule"` // default: the global one
	Timeout  time.Duration `yaml:"timeout"`  // of one run; default: the global one, more for bursts and pages
	Targets  any           `yaml:"targets"`  // the text on_demand, or a list
	FileSD   []string      `yaml:"file_sd"`  // files of targets
	Kinds    `yaml:",inline"`
}

// An onDemandSection says what may be asked through /probe.
type onDemandSection struct {
	Allow       []string `yaml:"allow"`       // networks, addresses, host names, and *.example.org for all below one
	Concurrency int      `yaml:"concurrency"` // runs at once; default 20
}

// A redisSection is one Redis: a server by its URL, which may hold the user and the password, what sentinels watch, or a
// cluster.
type redisSection struct {
	Name         string               `yaml:"name"`          // stands in labels; unique
	URL          string               `yaml:"url"`           // redis://, rediss:// or unix://
	Sentinel     redisSentinelSection `yaml:"sentinel"`      // in the place of url: sentinels that know where the primary is
	Cluster      redisClusterSection  `yaml:"cluster"`       // in the place of url: a cluster, each node of which is read
	Username     string               `yaml:"username"`      // ACL user, who needs +info and +ping
	PasswordFile string               `yaml:"password_file"` // read at each connection, so that it can be rotated
	TLS          promconfig.TLSConfig `yaml:"tls_config"`    // of rediss://, sentinels and clusters; read at each connection
	Interval     time.Duration        `yaml:"interval"`      // between readings; default 1s
	Timeout      time.Duration        `yaml:"timeout"`       // of one reading; default 2s
}

// A redisSentinelSection says which sentinels watch a primary.
type redisSentinelSection struct {
	Master       string   `yaml:"master"`        // the name that the sentinels have for it
	Addresses    []string `yaml:"addresses"`     // HOST:PORT of the sentinels
	Replicas     bool     `yaml:"replicas"`      // read the replicas too, each node with its own series
	Username     string   `yaml:"username"`      // ACL user of the sentinels
	PasswordFile string   `yaml:"password_file"` // of the sentinels; read at each connection
}

// A redisClusterSection says where a cluster can be asked for its nodes.
type redisClusterSection struct {
	Addresses []string `yaml:"addresses"` // HOST:PORT of some nodes
}

// A postgresSection is one PostgreSQL whose statistics are read.
type postgresSection struct {
	Name       string        `yaml:"name"`       // stands in labels; unique
	DSNFile    string        `yaml:"dsn_file"`   // a file with a postgres:// URL
	Interval   time.Duration `yaml:"interval"`   // between readings
	Timeout    time.Duration `yaml:"timeout"`    // of one reading
	Statements int           `yaml:"statements"` // how many statements may have series; 0 for none
}

// A hostSection may be empty, as {}: the section itself is the wish.
type hostSection struct {
	SampleInterval time.Duration `yaml:"sample_interval"` // default 100ms
	Cgroup         string        `yaml:"cgroup"`          // whose limits count where lower: auto (perfwatch's own), off, a path
}

// A browserSection says which browser loads pages.
type browserSection struct {
	ChromiumPath string `yaml:"chromium_path"` // default: one is looked for
	NoSandbox    bool   `yaml:"no_sandbox"`    // as a container without privileges needs
	Concurrency  int    `yaml:"concurrency"`   // pages at once; default 1
}

// A processSection is one process of the platform, found in one of four ways.
type processSection struct {
	Name       string                      `yaml:"name"`        // stands in labels; unique
	Command    string                      `yaml:"cmdline"`     // text in its command line, arguments joined by spaces
	PIDFile    string                      `yaml:"pid_file"`    // file with its number
	Port       int                         `yaml:"port"`        // local TCP port that it listens on
	MetricsURL string                      `yaml:"metrics_url"` // its own page of metrics, on whichever machine
	Children   bool                        `yaml:"children"`    // its descendants count too; default true
	HTTPClient promconfig.HTTPClientConfig `yaml:"http_client"` // for metrics_url
}

// A pipelineSection is a pipeline that reports its own stages.
type pipelineSection struct {
	Name       string         `yaml:"name"`        // stands in labels; unique
	Schedule   string         `yaml:"schedule"`    // when a run must have started
	Grace      time.Duration  `yaml:"grace"`       // how late it may start
	Budget     time.Duration  `yaml:"budget"`      // of a whole run
	StuckAfter time.Duration  `yaml:"stuck_after"` // a stage that reports nothing for so long is stuck
	Items      int64          `yaml:"items"`       // of a whole run, to predict its end
	Stages     []stageSection `yaml:"stages"`      // in their order
}

// A stageSection is one stage of a pipeline.
type stageSection struct {
	Name   string        `yaml:"name"`   // stands in labels; unique in its pipeline
	Budget time.Duration `yaml:"budget"` // of the stage
}

// Thresholds stay text until their measure, and so their unit, is known.
type objectiveSection struct {
	Name     string        `yaml:"name"`         // makes the name of its alerts; unique
	Title    string        `yaml:"title"`        // for people
	Measure  string        `yaml:"measure"`      // what it is about
	Quantile float64       `yaml:"quantile"`     // of latency and load_latency, between 0 and 1
	Group    string        `yaml:"group"`        // only probes of a group
	Probe    string        `yaml:"probe"`        // only one probe
	Redis    string        `yaml:"redis"`        // only one Redis
	Pipeline string        `yaml:"pipeline"`     // only one pipeline
	Query    string        `yaml:"query"`        // of promql: what gives its value
	Unit     string        `yaml:"unit"`         // of promql: what its value and thresholds are counted in
	Better   string        `yaml:"better"`       // of promql: lower, the default, or higher
	Window   time.Duration `yaml:"window"`       // over which it is judged; default: the shortest that can reach its sample floor
	Budget   time.Duration `yaml:"error_budget"` // for which what the target allows to be bad must last; error_ratio: 30d
	Target   string        `yaml:"target"`       // the objective is missed beyond it
	Warning  string        `yaml:"warning"`      // somebody should look
	Critical string        `yaml:"critical"`     // somebody is paged
}
