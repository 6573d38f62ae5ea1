// Package config reads perfwatch.yml. It knows the file's shape and defaults, checks what no section can check alone,
// and reports every mistake at once with its line, path, value and what is allowed.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"time"

	"github.com/davecgh/go-spew/spew"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/probes"
)

// Config is a whole configuration, with defaults filled in and everything validated.
type Config struct {
	Global     Global
	Bursts     Bursts
	Probes     []Probe
	OnDemand   OnDemand
	Redis      []Redis
	Postgres   []Postgres
	PgBouncer  []Postgres // the consoles of poolers; without Statements
	Host       Host
	Processes  []Process
	Business   []Business
	Browser    Browser
	Pipelines  []pipeline.Spec
	Objectives []objective.Objective // windows chosen
	Dir        string                // where relative paths of the file start
	Hash       string                // hex SHA-256 of the file, first 16 digits
	Warnings   []Mistake             // what is accepted but will not work as hoped

	Discovered  []Discovered // the files of targets that were read, in the order of the probes
	TargetFiles []string     // the patterns of those files

	path string // of the file, for Rediscover
	text []byte // that was read; nil without TargetFiles
}

// Global holds what every probe shares unless it says otherwise.
type Global struct {
	BaseURL     *url.URL // nil if not set
	Schedule    string   // default "@every 15s"
	Timeout     time.Duration
	UserAgent   string
	HTTPClient  promconfig.HTTPClientConfig
	ExternalURL string // where people reach perfwatch; stands in runbook_url; default http://localhost:10095
	GrafanaURL  string // where people reach Grafana; stands in dashboard_url; default http://localhost:3000
}

// Bursts is what holds for all bursts together.
type Bursts struct {
	AllowHosts []string // those that may be asked though they are neither loopback nor private
	Rules      guard.Rules
}

// A Probe is one entry under probes, or one of the targets of such an entry. Exactly one of its kinds is set.
type Probe struct {
	Name     string // of a target: the name of the entry, a slash, the target
	Group    string // default: the kind
	Schedule string
	Timeout  time.Duration
	Labels   map[string]string // what is told of a target beside its name; "target" is the target itself
	Kinds
}

// Env is what the configuration gives to every probe.
func (c *Config) Env() probes.Env {
	return probes.Env{BaseURL: c.Global.BaseURL, UserAgent: c.Global.userAgent(), HTTP: c.Global.HTTPClient, Dir: c.Dir}
}

// BurstEnv is Env for bursts, which may not go everywhere.
func (c *Config) BurstEnv() probes.Env {
	env := c.Env()
	env.Permit = load.Permit(c.Bursts.AllowHosts)
	return env
}

// zeroFields are the fields that are not set, as they are dumped. They have no part in a hash, so that a field that is new
// in a release does not make all bursts of before another load.
var zeroFields = regexp.MustCompile(`(?m)^ *\w+: \([^\n]*\) (0|false|""|<nil>),?\n`)

// BurstHash tells bursts that may be compared from others: it changes with everything that shapes the load, and with
// nothing else in the file, its seed included: chance alone differs between two seeds. It is 16 hex digits of a SHA-256.
func (c *Config) BurstHash(s *load.Spec) string {
	base := ""
	if c.Global.BaseURL != nil {
		base = c.Global.BaseURL.String()
	}
	printer := spew.ConfigState{
		Indent: " ", DisablePointerAddresses: true, DisableCapacities: true, DisableMethods: true, SortKeys: true,
	}
	shape := *s
	shape.Seed = 0
	text := zeroFields.ReplaceAll([]byte(printer.Sdump(base, c.Global.UserAgent, c.Global.Timeout, &shape)), nil)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:16]
}

// Redis is one Redis whose INFO is read. One of URL, Sentinel and Cluster is set.
type Redis struct {
	Name         string
	URL          string                // redis://, rediss:// or unix://, without the password
	Sentinel     *RedisSentinel        // nil without
	Cluster      []string              // HOST:PORT of some nodes of a cluster
	Username     string                // ACL user; "" for the default user
	PasswordFile string                // read at each connection, so that it can be rotated
	Password     promconfig.Secret     // from the URL; masked wherever it is printed
	TLS          *promconfig.TLSConfig // nil without, or for the defaults of rediss://
	Interval     time.Duration
	Timeout      time.Duration // of one reading
}

// RedisSentinel says which sentinels watch a primary.
type RedisSentinel struct {
	Master       string
	Addresses    []string // HOST:PORT
	Username     string
	PasswordFile string
	Replicas     bool // the replicas are read too
}

// Postgres is one PostgreSQL whose statistics are read.
type Postgres struct {
	Name       string
	DSNFile    string // as written: a relative path starts at Config.Dir
	Interval   time.Duration
	Timeout    time.Duration // of one reading
	Statements int           // how many may have series
}

// Host says how the machine is sampled.
type Host struct {
	Enabled        bool          // false if the section is left out
	SampleInterval time.Duration // default 100ms
	Cgroup         string        // whose limits count where they are lower than the machine: auto, off, or a path
}

// Browser says which browser loads pages, and how many at once.
type Browser struct {
	ChromiumPath string // "" looks for one
	NoSandbox    bool
	Concurrency  int // default 1
}

// A Process is one process of the platform. Exactly one of what finds it is set.
type Process struct {
	Name       string
	Command    string // stands in its command line, arguments joined by spaces
	PIDFile    string
	Port       int                         // local TCP port that it listens on
	Children   bool                        // its descendants count too; default true
	MetricsURL string                      // its own page of metrics
	HTTPClient promconfig.HTTPClientConfig // for MetricsURL; not the global one, whose secrets are for the platform's API
}

// Load reads and validates a configuration file of at most 4 MiB. Its error is Mistakes, each with the path as its File,
// or says why the file could not be read. The warnings have their File too.
func Load(path string) (*Config, error) { return LoadAfter(path, nil) }

// LoadAfter is Load in the place of an earlier configuration, whose targets stay where a file of targets cannot be read
// any more; nil is none.
func LoadAfter(path string, earlier *Config) (*Config, error) {
	cfg, err := loadAll(path, earlier)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// LoadElsewhere is Load on a machine that does not run the configuration, as in a pipeline that checks it or renders its
// rules: the files and the variables of the environment that this machine lacks become warnings. What needs them cannot
// be built from what it returns.
func LoadElsewhere(path string) (*Config, error) {
	cfg, err := loadAll(path, nil)
	var mistakes Mistakes
	if cfg != nil && errors.As(err, &mistakes) {
		cfg.Warnings = append(mistakes, cfg.Warnings...)
		return cfg, nil
	}
	return cfg, err
}

// loadAll returns a Config beside mistakes too, if they are only of what this machine lacks.
func loadAll(path string, earlier *Config) (*Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	return parseAll(path, text, earlier)
}

// Rediscover reads the files of targets of an earlier configuration again. The configuration is the text that was read
// then, whatever became of its file. Its error is that of Load.
func Rediscover(earlier *Config) (*Config, error) {
	if len(earlier.TargetFiles) == 0 {
		return earlier, nil
	}
	cfg, err := parseAll(earlier.path, earlier.text, earlier)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// parseAll is loadAll of a text that was read from a path.
func parseAll(path string, text []byte, earlier *Config) (*Config, error) {
	cfg, err := parse(text, filepath.Dir(path), earlier)
	var mistakes Mistakes
	if errors.As(err, &mistakes) {
		err = mistakes.in(path)
	}
	if cfg != nil {
		cfg.Warnings = Mistakes(cfg.Warnings).in(path)
		if cfg.path = path; len(cfg.TargetFiles) > 0 {
			cfg.text = text
		}
	}
	return cfg, err
}

// read reads a byte more than may be, so that Parse sees that a file is too long.
func read(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// Parse reads and validates a configuration. Relative paths in it start at dir. Its error is Mistakes, without a File;
// a Config is returned only if there are none.
func Parse(text []byte, dir string) (*Config, error) {
	cfg, err := parse(text, dir, nil)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// parse returns a Config beside mistakes too, if they are only of what this machine lacks.
func parse(text []byte, dir string, earlier *Config) (*Config, error) {
	root, mistake := document(text)
	if mistake != nil {
		return nil, Mistakes{*mistake}
	}
	sum := sha256.Sum256(text)
	c := &checker{
		report: newReport(),
		cfg:    &Config{Dir: dir, Hash: hex.EncodeToString(sum[:])[:16]},
		dir:    dir,

		earlier: earlier, targets: map[string][]Target{}, known: map[string][]Target{},

		intervals: map[string]time.Duration{},
	}
	d := decoder{report: c.report, shapes: map[reflect.Type]*shape{}}
	d.decode(root, reflect.ValueOf(&c.file).Elem(), spot{})
	c.check()
	mistakes, warnings := c.finish()
	c.cfg.Warnings = warnings
	switch {
	case len(mistakes) == 0:
		return c.cfg, nil
	case mistakes.onlyAbsent():
		return c.cfg, mistakes
	}
	return nil, mistakes
}

// userAgent is the user agent that is sent. The default says which version of the program asks; any other is sent as it
// is written.
func (g *Global) userAgent() string {
	if g.UserAgent == defaultUserAgent && version.Version != "" {
		return defaultUserAgent + "/" + version.Version
	}
	return g.UserAgent
}
