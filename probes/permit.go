package probes

import "net/netip"

// A Permit says why an address may not be asked, or nothing. Host is the name or address that was looked up, without a
// port. It is asked about the address that the name has at that very moment, at redirects too; behind a proxy about the
// proxy's.
type Permit func(host string, address netip.Addr) error

// IsMetadata reports whether an address is one at which a cloud keeps metadata, credentials among it, for whoever asks from
// within: those of the link, and those that clouds have elsewhere.
func IsMetadata(address netip.Addr) bool {
	switch address.WithZone("").String() {
	case "fd00:ec2::254", // AWS
		"fd20:ce::254",    // Google
		"fd00:42::42",     // Scaleway
		"100.100.100.200", // Alibaba
		"168.63.129.16",   // Azure
		"192.0.0.192":     // Oracle
		return true
	}
	return address.IsLinkLocalUnicast()
}
