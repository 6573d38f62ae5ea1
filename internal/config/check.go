package config

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

// What holds if the file does not say otherwise.
const (
	defaultSchedule       = "@every 15s"
	defaultTimeout        = 5 * time.Second
	defaultUserAgent      = "perfwatch"
	defaultExternalURL    = "http://localhost:10095"
	defaultGrafanaURL     = "http://localhost:3000"
	defaultSampleInterval = 100 * time.Millisecond
	defaultWindow         = 5 * time.Minute
	burstSlack            = 30 * time.Second // what a burst may take beyond its duration
	pageTimeout           = 30 * time.Second // of a page, which must be quiet for five of them
)

// The bounds of what may be said.
const (
	minTimeout, maxTimeout = time.Millisecond, 6 * time.Hour
	minSample, maxSample   = 10 * time.Millisecond, 10 * time.Second // a kernel's tick is 10 ms
	minWindow, maxWindow   = time.Second, 31 * 24 * time.Hour
	maxName                = 64
	maxText                = 200
	maxPath                = 4096
)

// A checker turns a decoded file into a Config: it fills in defaults and checks what no section can check alone.
type checker struct {
	*report
	file file
	cfg  *Config
	dir  string

	earlier *Config
	targets map[string][]Target // of the probes that have some, by name
	known   map[string][]Target // of those that are asked on demand

	intervals map[string]time.Duration // of schedules: many probes share one
}

// check goes through the sections in the order in which they need each other: objectives select what stands above them.
func (c *checker) check() {
	c.global()
	c.host()
	c.bursts()
	c.browser()
	c.onDemand()
	c.probes()
	c.redis()
	c.postgres()
	c.pgbouncer()
	c.processes()
	c.business()
	c.watches()
	c.pipelines()
	c.objectives()
	c.fanOut()
	watched := []string{"probes", "redis", "postgres", "host", "processes", "business", "pipelines"}
	if !slices.ContainsFunc(watched, c.has) && len(c.mistakes) == 0 {
		c.warn("", "nothing is watched, want probes, redis, postgres, host, processes or pipelines")
	}
}

// global fills in what every probe shares. A section that could not be read leaves the defaults, so that the probes can
// still be checked.
func (c *checker) global() {
	in, out := &c.file.Global, &c.cfg.Global
	*out = Global{
		Schedule:    defaultSchedule,
		Timeout:     c.duration("global.timeout", in.Timeout, defaultTimeout, minTimeout, maxTimeout),
		UserAgent:   defaultUserAgent,
		HTTPClient:  in.HTTPClient,
		ExternalURL: c.link("global.external_url", in.ExternalURL, defaultExternalURL),
		GrafanaURL:  c.link("global.grafana_url", in.GrafanaURL, defaultGrafanaURL),
	}
	if c.has("global.base_url") {
		out.BaseURL = c.webURL("global.base_url", in.BaseURL)
	}
	if c.has("global.schedule") {
		out.Schedule = in.Schedule
		c.schedule("global.schedule", in.Schedule)
	}
	if c.has("global.user_agent") {
		out.UserAgent = in.UserAgent
		if !headerText.MatchString(in.UserAgent) || len(in.UserAgent) > maxText {
			c.refuse("global.user_agent", "%s, want 1 to %d characters of ASCII", quote(in.UserAgent), maxText)
		}
	}
	if !c.has("global.http_client") {
		out.HTTPClient = promconfig.DefaultHTTPClientConfig
	}
	c.client("global.http_client", &out.HTTPClient)
}

var headerText = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)

// host is sampled only if its section is there: perfwatch may well watch a platform on other machines.
func (c *checker) host() {
	if !c.has("host") {
		return
	}
	c.cfg.Host = Host{
		Enabled: true, Cgroup: "auto",
		SampleInterval: c.duration("host.sample_interval",
			c.file.Host.SampleInterval, defaultSampleInterval, minSample, maxSample),
	}
	if c.has("host.cgroup") {
		c.cfg.Host.Cgroup = c.file.Host.Cgroup
		group := c.file.Host.Cgroup
		isPath := strings.HasPrefix(group, "/") && path.Clean(group) == group && len(group) <= maxPath
		if group != "auto" && group != "off" && !isPath {
			c.refuse("host.cgroup", "%s, want auto, off, or a path below /sys/fs/cgroup such as /system.slice/api.service", quote(group))
		}
	}
}

// maxPages is how many pages may be loaded at once, on any machine.
const maxPages = 16

// browser says how pages are loaded.
func (c *checker) browser() {
	in, out := &c.file.Browser, &c.cfg.Browser
	*out = Browser{ChromiumPath: in.ChromiumPath, NoSandbox: in.NoSandbox, Concurrency: 1}
	if strings.ContainsRune(in.ChromiumPath, 0) || len(in.ChromiumPath) > maxPath {
		c.refuse("browser.chromium_path", "%s, want the path of a program", quote(in.ChromiumPath))
	}
	if c.has("browser.concurrency") {
		out.Concurrency = in.Concurrency
		if in.Concurrency < 1 || in.Concurrency > maxPages {
			c.refuse("browser.concurrency", "%d, want 1 to %d pages at once", in.Concurrency, maxPages)
		}
	}
}

// duration checks a duration if the file gives it.
func (c *checker) duration(path string, given, otherwise, least, most time.Duration) time.Duration {
	if !c.has(path) {
		return otherwise
	}
	if given < least || given > most {
		c.refuse(path, "%s, want a duration from %s to %s", quote(written(given)), written(least), written(most))
	}
	return given
}

// written writes a duration as a person would: "5m", not "5m0s".
func written(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return text
}

// link is a URL that perfwatch only hands on, without a slash at its end.
func (c *checker) link(path, given, otherwise string) string {
	if !c.has(path) {
		return otherwise
	}
	if u := c.webURL(path, given); u != nil {
		return strings.TrimSuffix(u.String(), "/")
	}
	return otherwise
}

// webURL parses an absolute HTTP URL. A user in it would be printed wherever the URL is, so it is refused.
func (c *checker) webURL(path, given string) *url.URL {
	const want = "an absolute URL with http or https"
	u, err := url.Parse(given)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		c.refuse(path, "%s, want %s", quote(given), want)
		return nil
	case u.User != nil:
		c.refuse(path, "%s, want no user in it (global.http_client.basic_auth keeps one secret)", quote(given))
		return nil
	case u.RawQuery != "" || u.Fragment != "":
		c.refuse(path, "%s, want %s and nothing after its path", quote(given), want)
		return nil
	}
	return u
}

// schedule checks a schedule and says how often it fires; never if it is wrong.
func (c *checker) schedule(path, text string) {
	if text == "" {
		c.refuse(path, `"", want a schedule such as %q`, defaultSchedule)
		return
	}
	if _, err := schedule.Parse(text); err != nil {
		c.refuse(path, "%s", foreign(err, text))
	}
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// name checks a name that stands in labels, and that it is the only one of its list.
func (c *checker) name(path, given string, taken map[string]string) {
	switch first, twice := taken[given]; {
	case !c.has(path):
		c.missing(path, wantName)
	case !namePattern.MatchString(given) || len(given) > maxName:
		c.refuse(path, "%s, want %s", quote(given), wantName)
	case twice:
		c.refuse(path, "%s is already the name of %s on line %d", quote(given), first, c.line(first+".name"))
	default:
		taken[given] = parent(path)
	}
}

// Names stand in labels, in alert names and in URLs, so they are held to what all of these take.
const wantName = "a name of a-z, 0-9 and _ that begins with a letter, 64 characters at most"
