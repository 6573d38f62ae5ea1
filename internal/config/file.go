package config

import (
	"time"

	promconfig "github.com/prometheus/common/config"
)

// A file is perfwatch.yml as it is written, before defaults and checks.
type file struct {
	Global     globalSection      `yaml:"global"`
	Bursts     burstsSection      `yaml:"bursts"`
	Probes     []probeSection     `yaml:"probes"`
	Redis      []redisSection     `yaml:"redis"`
	Postgres   []postgresSection  `yaml:"postgres"`
	Host       hostSection        `yaml:"host"`
	Processes  []processSection   `yaml:"processes"`
	Business   []businessSection  `yaml:"business"`
	Browser    browserSection     `yaml:"browser"`
	OnDemand   onDemandSection    `yaml:"on_demand"`
	Pipelines  []pipelineSection  `yaml:"pipelines"`
	Objectives []objectiveSection `yaml:"objectives"`
}

// Defaults are not written into the sections: whether the file gives a key is asked of the report.
type globalSection struct {
	BaseURL     string                      `yaml:"base_url"`
	Schedule    string                      `yaml:"schedule"`
	Timeout     time.Duration               `yaml:"timeout"`
	UserAgent   string                      `yaml:"user_agent"`
	HTTPClient  promconfig.HTTPClientConfig `yaml:"http_client"`
	ExternalURL string                      `yaml:"external_url"`
	GrafanaURL  string                      `yaml:"grafana_url"`
}

// A burstsSection holds for all bursts together.
type burstsSection struct {
	AllowHosts    []string          `yaml:"allow_hosts"`
	DailyRequests int64             `yaml:"daily_requests"`
	Blackouts     []blackoutSection `yaml:"blackouts"`
}

type blackoutSection struct {
	Start    string        `yaml:"start"`
	Duration time.Duration `yaml:"duration"`
}

// A probeSection has its kind beside what every probe has.
type probeSection struct {
	Name     string        `yaml:"name"`
	Group    string        `yaml:"group"`
	Schedule string        `yaml:"schedule"`
	Timeout  time.Duration `yaml:"timeout"`
	Targets  any           `yaml:"targets"` // the text on_demand, or a list
	FileSD   []string      `yaml:"file_sd"` // files of targets
	Kinds    `yaml:",inline"`
}

// An onDemandSection says what may be asked through /probe.
type onDemandSection struct {
	Allow       []string `yaml:"allow"`
	Concurrency int      `yaml:"concurrency"`
}

// A redisSection is one Redis; its URL may hold the user and the password.
type redisSection struct {
	Name         string `yaml:"name"`
	URL          string `yaml:"url"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// A postgresSection is one PostgreSQL whose statistics are read.
type postgresSection struct {
	Name       string        `yaml:"name"`
	DSNFile    string        `yaml:"dsn_file"`
	Interval   time.Duration `yaml:"interval"`
	Timeout    time.Duration `yaml:"timeout"`
	Statements int           `yaml:"statements"`
}

// A hostSection may be empty, as {}: the section itself is the wish.
type hostSection struct {
	SampleInterval time.Duration `yaml:"sample_interval"`
}

// A browserSection says which browser loads pages.
type browserSection struct {
	ChromiumPath string `yaml:"chromium_path"`
	NoSandbox    bool   `yaml:"no_sandbox"`
	Concurrency  int    `yaml:"concurrency"`
}

// A processSection is one process of the platform, found in one of four ways.
type processSection struct {
	Name       string                      `yaml:"name"`
	Command    string                      `yaml:"cmdline"`
	PIDFile    string                      `yaml:"pid_file"`
	Port       int                         `yaml:"port"`
	MetricsURL string                      `yaml:"metrics_url"`
	Children   bool                        `yaml:"children"`
	HTTPClient promconfig.HTTPClientConfig `yaml:"http_client"`
}

// A pipelineSection is a pipeline that reports its own stages.
type pipelineSection struct {
	Name       string         `yaml:"name"`
	Schedule   string         `yaml:"schedule"`
	Grace      time.Duration  `yaml:"grace"`
	Budget     time.Duration  `yaml:"budget"`
	StuckAfter time.Duration  `yaml:"stuck_after"`
	Items      int64          `yaml:"items"`
	Stages     []stageSection `yaml:"stages"`
}

// A stageSection is one stage of a pipeline.
type stageSection struct {
	Name   string        `yaml:"name"`
	Budget time.Duration `yaml:"budget"`
}

// Thresholds stay text until their measure, and so their unit, is known.
type objectiveSection struct {
	Name     string        `yaml:"name"`
	Title    string        `yaml:"title"`
	Measure  string        `yaml:"measure"`
	Quantile float64       `yaml:"quantile"`
	Group    string        `yaml:"group"`
	Probe    string        `yaml:"probe"`
	Redis    string        `yaml:"redis"`
	Pipeline string        `yaml:"pipeline"`
	Window   time.Duration `yaml:"window"`
	Target   string        `yaml:"target"`
	Warning  string        `yaml:"warning"`
	Critical string        `yaml:"critical"`
}
