package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/perfwatch/perfwatch/probes"
)

// Permit lets bursts go to loopback and private addresses (RFC 1918, RFC 4193) but those at which clouds keep their metadata,
// and elsewhere only to the hosts that are named. A name that is allowed may lead anywhere; one that is not may lead nowhere
// else, whatever it resolves to.
func Permit(allowed []string) probes.Permit {
	names := make(map[string]bool, len(allowed))
	for _, name := range allowed {
		names[hostKey(name)] = true
	}
	return func(host string, address netip.Addr) error {
		if near := address.IsLoopback() || address.IsPrivate(); near && !probes.IsMetadata(address) || names[hostKey(host)] {
			return nil
		}
		if probes.IsMetadata(address) {
			return fmt.Errorf("host %q is at %s, where a cloud keeps its metadata: bursts.allow_hosts does not name it", host, address)
		}
		return fmt.Errorf("host %q is at %s, neither loopback nor private: bursts.allow_hosts does not name it", host, address)
	}
}

// hostKey is a host as names are compared.
func hostKey(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// Permitted resolves every host of the plan and says which of them may not be asked. The same is judged again at each
// connection; asking first keeps a burst from beginning, and judges what lies behind a proxy.
func (p *Plan) Permitted(ctx context.Context) error {
	if p.permit == nil {
		return nil
	}
	for _, hostPort := range p.Hosts() {
		host, _, err := net.SplitHostPort(hostPort)
		if err != nil {
			host = strings.Trim(hostPort, "[]") // the scheme's own port
		}
		addresses, err := new(net.Resolver).LookupNetIP(ctx, "ip", host)
		if err != nil {
			return fmt.Errorf("looking up host %q: %w", host, err)
		}
		for _, a := range addresses {
			if err := p.permit(host, a.Unmap().WithZone("")); err != nil {
				return err
			}
		}
	}
	return nil
}
