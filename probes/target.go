package probes

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// A Targeted is a Spec that can ask many targets the same.
type Targeted interface {
	Spec
	// At is the spec with a target in the place of its own. Whether that is one, Prober says.
	At(target string) Spec
}

// At implements Targeted. A target is a URL, or a host and perhaps a port for http. A spec whose URL is a path, as
// "/health", asks for that path of its target, below the target's own. Prober refuses a target that would swallow it.
func (h *HTTP) At(target string) Spec {
	at := *h
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	switch {
	case !strings.HasPrefix(h.URL, "/") || strings.HasSuffix(target, "://"):
		at.URL = target
	case strings.ContainsAny(target, "?#"):
		at.URL = target + swallows + h.URL
	default:
		at.URL = strings.TrimSuffix(target, "/") + h.URL
	}
	return &at
}

// swallows stands in what is no URL, between a target with a query or a fragment and the path that it would swallow.
const swallows = "\n"

// At implements Targeted. A target is host:port.
func (s *TCP) At(target string) Spec { at := *s; at.Address = target; return &at }

// At implements Targeted. A target is host:port.
func (s *TLSHandshake) At(target string) Spec { at := *s; at.Address = target; return &at }

// At implements Targeted. A target is the name server that is asked, with or without a port.
func (s *DNSQuery) At(target string) Spec { at := *s; at.Server = target; return &at }

// At implements Targeted. A target is host:port.
func (s *GRPC) At(target string) Spec { at := *s; at.Address = target; return &at }

// At implements Targeted. A target is a name or an address.
func (s *ICMP) At(target string) Spec { at := *s; at.Host = target; return &at }

// maxTarget bounds a target in bytes.
const maxTarget = 2048

// CheckTarget says what is wrong with a target before any kind has looked at it: it stands in labels, on pages and in
// requests.
func CheckTarget(target string) error {
	if target == "" || len(target) > maxTarget {
		return fmt.Errorf("a target of %d bytes, want 1 to %d", len(target), maxTarget)
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f {
			return fmt.Errorf("target %.100q, want no spaces and nothing but ASCII", target)
		}
	}
	if u, err := url.Parse(target); err == nil && u.User != nil {
		return fmt.Errorf("target %q, want no user in it", u.Redacted())
	}
	if host, _, err := net.SplitHostPort(target); err == nil && strings.Contains(host, "@") {
		return errors.New("a target with an @, want no user in it")
	}
	return nil
}
