// Package operator declares what the Prometheus Operator reads beside rules: a ServiceMonitor that has perfwatch scraped,
// and a Probe for what perfwatch is asked on demand. It knows the resources of monitoring.coreos.com/v1 as far as it
// writes them.
package operator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The bounds of Kubernetes, in bytes.
const (
	maxName   = 253 // of a resource
	maxLabel  = 63  // of a namespace, of a label's value, and of its name behind the prefix
	maxPrefix = 253 // of a label's name
	maxPort   = 15  // of a port's name
)

// Names as Kubernetes takes them: RFC 1123 labels, subdomains of them, and the words of labels.
var (
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	word      = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
)

// Metadata is what a resource is found by. Operators often select by Labels, such as release.
type Metadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace,omitempty"` // that of kubectl without
	Labels    map[string]string `yaml:"labels,omitempty"`
}

// Check says what Kubernetes would refuse.
func (m Metadata) Check() error {
	if len(m.Name) > maxName || !subdomain.MatchString(m.Name) {
		return fmt.Errorf("name %.300q, want small letters, digits, - and . of at most %d bytes, a letter or digit at both ends",
			m.Name, maxName)
	}
	if m.Namespace != "" && (len(m.Namespace) > maxLabel || !label.MatchString(m.Namespace)) {
		return fmt.Errorf("namespace %.100q, want small letters, digits and - of at most %d bytes, a letter or digit at both ends",
			m.Namespace, maxLabel)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		if !labelName(name) {
			return fmt.Errorf("label %.300q, want a name such as release or example.org/team, at most %d bytes behind the /",
				name, maxLabel)
		}
		if value := m.Labels[name]; value != "" && (len(value) > maxLabel || !word.MatchString(value)) {
			return fmt.Errorf("label %s: %.100q, want letters, digits, -, _ and . of at most %d bytes, a letter or digit at both ends",
				name, value, maxLabel)
		}
	}
	return nil
}

// CheckPort says why a Service cannot have a port of a name.
func CheckPort(name string) error {
	if len(name) > maxPort || !label.MatchString(name) || !strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz") {
		return fmt.Errorf("port %.100q, want small letters, of which one at least, digits and - of at most %d bytes", name, maxPort)
	}
	return nil
}

// labelName says that a text is the name of a label, which may have a prefix.
func labelName(text string) bool {
	prefix, name, prefixed := strings.Cut(text, "/")
	if !prefixed {
		name = text
	} else if len(prefix) > maxPrefix || !subdomain.MatchString(prefix) {
		return false
	}
	return len(name) <= maxLabel && word.MatchString(name)
}

// Of is the metadata of a part of what m names. What Kubernetes takes into no name becomes a dash.
func (m Metadata) Of(part string) Metadata {
	dashed := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(part))
	m.Name += "-" + strings.Trim(dashed, "-")
	return m
}

// A Resource is one document of a manifest.
type Resource struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Metadata `yaml:"metadata"`
	Spec       any      `yaml:"spec"`
}

// New makes a resource of the operator.
func New(kind string, m Metadata, spec any) Resource {
	return Resource{"monitoring.coreos.com/v1", kind, m, spec}
}
