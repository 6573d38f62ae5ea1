package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/perfwatch/perfwatch/probes"
)

// Permit judges where a probe that is asked on demand may go: to what the allow list names, by the address that is
// dialled, at redirects too. Addresses of the link, of all hosts and of none are never permitted, whatever the list says; the
// others at which clouds keep their metadata only where the list names just them.
func (o *OnDemand) Permit() probes.Permit {
	var networks []netip.Prefix
	names := map[string]bool{}
	for _, entry := range o.Allow {
		if network, err := netip.ParsePrefix(entry); err == nil {
			networks = append(networks, network.Masked())
		} else if address, err := netip.ParseAddr(entry); err == nil {
			networks = append(networks, netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()))
		} else {
			names[strings.ToLower(strings.TrimSuffix(entry, "."))] = true
		}
	}
	return func(host string, address netip.Addr) error {
		if address.IsLinkLocalUnicast() || address.IsMulticast() || address.IsUnspecified() {
			return fmt.Errorf("host %q is at %s, which is never asked on demand", host, address)
		}
		metadata := probes.IsMetadata(address)
		for _, n := range networks {
			if n.Contains(address) && (n.IsSingleIP() || !metadata) {
				return nil
			}
		}
		if metadata {
			return fmt.Errorf("host %q is at %s, where a cloud keeps metadata: on_demand.allow does not name just that", host, address)
		}
		if named(names, host) {
			return nil
		}
		return fmt.Errorf("host %q is at %s, which on_demand.allow does not name", host, address)
	}
}

// named says that a host is one of the names, or below one that is written *.example.org.
func named(names map[string]bool, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if names[host] {
		return true
	}
	for rest := host; ; {
		_, parent, below := strings.Cut(rest, ".")
		if !below {
			return false
		}
		if names["*."+parent] {
			return true
		}
		rest = parent
	}
}

// Template is a probe that is asked on demand; nil if none has the name.
func (o *OnDemand) Template(name string) *Template {
	for i := range o.Probes {
		if o.Probes[i].Name == name {
			return &o.Probes[i]
		}
	}
	return nil
}
