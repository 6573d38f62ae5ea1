package load

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

func TestPermit(t *testing.T) {
	permit := Permit([]string{"Shop.example.org", "203.0.113.7", "fd20:ce::254"})
	tests := []struct {
		host, address string
		want          bool
	}{
		{"localhost", "127.0.0.1", true},
		{"localhost", "::1", true},
		{"db.internal", "10.1.2.3", true},
		{"db.internal", "192.168.0.1", true},
		{"db.internal", "172.31.255.255", true},
		{"db.internal", "fd00::1", true},
		{"db.internal", "172.32.0.1", false},
		{"www.example.org", "203.0.113.7", false},
		{"shop.example.org", "203.0.113.9", true},
		{"SHOP.example.org.", "2001:db8::1", true},
		{"evil.shop.example.org", "203.0.113.9", false},
		{"203.0.113.7", "203.0.113.7", true},
		{"metadata", "169.254.169.254", false},
		{"fd00:ec2::254", "fd00:ec2::254", false},
		{"fd20:ce::254", "fd20:ce::254", true},
		{"any", "0.0.0.0", false},
	}
	for _, tt := range tests {
		if err := permit(tt.host, netip.MustParseAddr(tt.address)); (err == nil) != tt.want {
			t.Errorf("%s at %s: %v, want permitted %v", tt.host, tt.address, err, tt.want)
		}
	}
}

func TestAPlanIsPermittedByWhatItsHostsResolveTo(t *testing.T) {
	plan := func(url string) *Plan {
		s := &Spec{Users: 1, Duration: time.Second, Tasks: []Task{
			{Name: "near", HTTP: &probes.HTTP{URL: "http://localhost:1/"}}, {Name: "far", HTTP: &probes.HTTP{URL: url}},
		}}
		p, err := s.Plan("burst", probes.Env{Permit: Permit([]string{"203.0.113.7"})})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	tests := []struct{ url, want string }{
		{"http://127.0.0.1/", ""},
		{"http://[::1]:8080/", ""},
		{"http://203.0.113.7/", ""},
		{"https://203.0.113.8/", `host "203.0.113.8" is at 203.0.113.8, neither loopback nor private`},
		{"http://[2001:db8::1]/", `host "2001:db8::1" is at 2001:db8::1`},
		{"http://nowhere.invalid/", `looking up host "nowhere.invalid"`},
	}
	for _, tt := range tests {
		err := plan(tt.url).Permitted(t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		}
	}
}
