package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

// processKeys are the keys of which a process has one: what finds it.
func processKeys() []string { return []string{"cmdline", "pid_file", "port", "metrics_url"} }

const (
	wantPort       = "a TCP port from 1 to 65535"
	wantCommand    = "a text that stands in its command line, arguments joined by spaces, of 3 to 200 characters"
	wantMetricsURL = "an absolute URL with http or https, without a user"
)

// processes checks every process to be watched. Nothing is looked for: a process that is away is no mistake.
func (c *checker) processes() {
	taken := map[string]string{}
	for i := range c.file.Processes {
		at := fmt.Sprintf("processes[%d]", i)
		in := &c.file.Processes[i]
		c.name(at+".name", in.Name, taken)
		c.cfg.Processes = append(c.cfg.Processes, c.process(at, in))
	}
}

// process fills in the defaults of one process.
func (c *checker) process(at string, in *processSection) Process {
	out := Process{
		Name: in.Name, Command: in.Command, Port: in.Port, MetricsURL: in.MetricsURL, Children: true,
		HTTPClient: promconfig.DefaultHTTPClientConfig,
	}
	var given []string
	for _, key := range processKeys() {
		if c.has(at + "." + key) {
			given = append(given, key)
		}
	}
	switch {
	case len(given) == 0 && !c.unknown[at]:
		c.refuse(at, "nothing says which it is, want one of %s", strings.Join(processKeys(), ", "))
	case len(given) == 0:
	case len(given) > 1:
		c.refuse(at, "%s, want one of them", strings.Join(given, " and "))
	default:
		c.found(at, given[0], in, &out)
	}
	if c.has(at + ".children") {
		out.Children = in.Children
		c.onlyWith(at, "children", given, "cmdline", "pid_file", "port")
	}
	if c.has(at + ".http_client") {
		out.HTTPClient = in.HTTPClient
		c.onlyWith(at, "http_client", given, "metrics_url")
		c.client(at+".http_client", &out.HTTPClient)
	}
	return out
}

// found checks what a process is found by.
func (c *checker) found(at, key string, in *processSection, out *Process) {
	path := at + "." + key
	switch key {
	case "cmdline":
		if len(in.Command) < 3 || len(in.Command) > maxText {
			c.refuse(path, "%s, want %s", quote(in.Command), wantCommand)
		}
	case "pid_file":
		if in.PIDFile == "" {
			c.refuse(path, `"", want a path, from the configuration's folder on`)
		}
		out.PIDFile = promconfig.JoinDir(c.dir, in.PIDFile)
	case "port":
		if in.Port < 1 || in.Port > 65535 {
			c.refuse(path, "%s, want %s", quote(strconv.Itoa(in.Port)), wantPort)
		}
	case "metrics_url":
		u, err := url.Parse(in.MetricsURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			c.refuse(path, "%s, want %s", quote(in.MetricsURL), wantMetricsURL)
		}
	}
}

// onlyWith refuses a key beside what it means nothing to.
func (c *checker) onlyWith(at, key string, given []string, kinds ...string) {
	for _, kind := range kinds {
		if len(given) != 1 || given[0] == kind {
			return // which of several is meant is not known
		}
	}
	c.refuse(at+"."+key, "given beside %s, want it only with %s", given[0], strings.Join(kinds, ", "))
}
