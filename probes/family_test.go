package probes

import (
	"strings"
	"testing"
)

// TestFamilyOfAddresses asks a server that has an address of IPv4, by each kind that dials by itself.
func TestFamilyOfAddresses(t *testing.T) {
	l := listener(t)
	defer serveAll(l, hangs)()
	address := l.Addr().String()
	for _, kind := range []struct {
		name string
		spec func(family string) Spec
		want Outcome // of a family that the address has
	}{
		{"tcp", func(f string) Spec { return &TCP{Address: address, IPFamily: f} }, OK},
		{"tls", func(f string) Spec { return &TLSHandshake{Address: address, IPFamily: f} }, Timeout},
		{"grpc", func(f string) Spec { return &GRPC{Address: address, IPFamily: f} }, Timeout},
		{"dns", func(f string) Spec {
			return &DNSQuery{Server: address, Name: "a.example", Protocol: "tcp", IPFamily: f}
		}, Timeout},
	} {
		for family, want := range map[string]Outcome{"": kind.want, "any": kind.want, "ip4": kind.want, "ip6": DNSFailure} {
			if s := takeWithin(t, mustBuild(t, kind.spec(family), Env{}), want); s.Outcome != want {
				t.Errorf("%s, %q: %v, want %v: %v", kind.name, family, s.Outcome, want, s.Err)
			}
		}
		if _, err := kind.spec("ip5").Prober(Env{}); err == nil || !strings.Contains(err.Error(), `ip_family: "ip5", want any, ip4 or ip6`) {
			t.Errorf("%s, ip5: error %v", kind.name, err)
		}
	}
}
