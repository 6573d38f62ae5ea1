//go:build linux

package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel is the peer, in a network of the test's own: there its settings can be changed, and nowhere else are they.
func TestICMP(t *testing.T) {
	if os.Getenv("PERFWATCH_OWN_NETWORK") == "" {
		inOwnNetwork(t)
		return
	}
	loopbackUp(t)
	t.Run("forbidden", icmpForbidden)
	sysctl(t, "net/ipv4/ping_group_range", "0 0")
	t.Run("answered", icmpAnswered)
	t.Run("not answered", icmpNotAnswered)
	t.Run("beside blackbox_exporter", icmpBesideBlackbox)
	t.Run("no route", icmpWithoutARoute)
	t.Run("permit", icmpIsJudged)
}

// inOwnNetwork runs this test again, by itself, as the first of a new network.
func inOwnNetwork(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestICMP$", "-test.v")
	cmd.Env = append(os.Environ(), "PERFWATCH_OWN_NETWORK=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestICMP/no_route") {
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
}

// loopbackUp lets 127.0.0.1 and ::1 be reached.
func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}

func sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func icmpForbidden(t *testing.T) {
	sysctl(t, "net/ipv4/ping_group_range", "1 0")
	s := takeWithin(t, mustBuild(t, &ICMP{Host: "127.0.0.1"}, Env{}), Error)
	if s.Outcome != Error || !strings.Contains(s.Err.Error(), "sysctl net.ipv4.ping_group_range") {
		t.Errorf("%v, want error and what to do about it: %v", s.Outcome, s.Err)
	}
}

func icmpAnswered(t *testing.T) {
	for _, spec := range []ICMP{
		{Host: "127.0.0.1"},
		{Host: "127.0.0.1", Count: 3, Interval: minPingGap, Size: 1000},
		{Host: "::1"},
		{Host: "localhost", IPFamily: "ip4"},
	} {
		s := takeWithin(t, mustBuild(t, &spec, Env{}), OK)
		rtt, ok := s.Phases.Get(FirstByte)
		if s.Outcome != OK || !ok || rtt <= 0 || rtt > s.Duration {
			t.Errorf("%+v: %v, round trip %v of %v: %v", spec, s.Outcome, rtt, s.Duration, s.Err)
		}
		count := max(1, spec.Count)
		if head := fmt.Sprintf("Sent: %d\nReceived: %d\nRound-Trip: ", count, count); !strings.Contains(s.Evidence.Head, head) {
			t.Errorf("%+v: evidence %q, want %q in it", spec, s.Evidence.Head, head)
		}
		if gaps := time.Duration(spec.Count-1) * spec.Interval; s.Duration < gaps || s.Duration > gaps+time.Second {
			t.Errorf("%+v took %v, want little more than %v", spec, s.Duration, gaps)
		}
	}
}

func icmpNotAnswered(t *testing.T) {
	sysctl(t, "net/ipv4/icmp_echo_ignore_all", "1")
	defer sysctl(t, "net/ipv4/icmp_echo_ignore_all", "0")
	s := takeWithin(t, mustBuild(t, &ICMP{Host: "127.0.0.1", Count: 2, Interval: 20 * time.Millisecond}, Env{}), Timeout)
	if s.Outcome != Timeout || !strings.Contains(s.Err.Error(), "0 answers to 2 requests, want at least 2") || s.Duration > patience+50*time.Millisecond {
		t.Errorf("%v after %v, want timeout: %v", s.Outcome, s.Duration, s.Err)
	}
	if got, want := s.Evidence.Head, "Address: 127.0.0.1\nSent: 2\nReceived: 0\n"; got != want {
		t.Errorf("evidence %q, want %q", got, want)
	}
	// Half of the answers come, and half are enough.
	half := mustBuild(t, &ICMP{Host: "127.0.0.1", Count: 2, Interval: 500 * time.Millisecond, Expect: ICMPExpect{MinReplies: 1}}, Env{})
	time.AfterFunc(250*time.Millisecond, func() { sysctl(t, "net/ipv4/icmp_echo_ignore_all", "0") })
	if s := takeFor(t, half, time.Second); s.Outcome != OK || s.Duration < 400*time.Millisecond || s.Duration > 900*time.Millisecond {
		t.Errorf("half of the answers: %v after %v, want ok when the second came: %v", s.Outcome, s.Duration, s.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sysctl(t, "net/ipv4/icmp_echo_ignore_all", "1")
	time.AfterFunc(20*time.Millisecond, cancel)
	if s := Take(ctx, mustBuild(t, &ICMP{Host: "127.0.0.1"}, Env{}), time.Now()); s.Outcome != Canceled {
		t.Errorf("%v, want canceled: %v", s.Outcome, s.Err)
	}
}

func icmpBesideBlackbox(t *testing.T) {
	b := startBlackbox(t)
	b.agree(t, question{"", "icmp", "127.0.0.1", Env{}, &ICMP{}, true})
	sysctl(t, "net/ipv4/icmp_echo_ignore_all", "1")
	defer sysctl(t, "net/ipv4/icmp_echo_ignore_all", "0")
	if ok, _ := b.probe(t, "icmp", "127.0.0.1"); ok || takeFor(t, mustBuild(t, &ICMP{Host: "127.0.0.1"}, Env{}), patience).Outcome == OK {
		t.Errorf("theirs %v, want neither to find who does not answer", ok)
	}
}

func icmpWithoutARoute(t *testing.T) {
	for host, want := range map[string]Outcome{"192.0.2.1": Error, "nobody.invalid": DNSFailure} {
		start := time.Now()
		s := takeFor(t, mustBuild(t, &ICMP{Host: host}, Env{}), 20*time.Second)
		if s.Outcome != want || time.Since(start) > 15*time.Second {
			t.Errorf("%s: %v after %v, want %v: %v", host, s.Outcome, time.Since(start), want, s.Err)
		}
	}
}

func icmpIsJudged(t *testing.T) {
	permit := func(_ string, address netip.Addr) error {
		if address.IsLoopback() {
			return errForbidden
		}
		return nil
	}
	for _, host := range []string{"127.0.0.1", "::1", "localhost"} {
		if s := takeWithin(t, mustBuild(t, &ICMP{Host: host}, Env{Permit: permit}), Error); !errors.Is(s.Err, errForbidden) {
			t.Errorf("%s: %v, want %v", host, s.Err, errForbidden)
		}
	}
}

func TestMistakesOfICMP(t *testing.T) {
	wantMistakes(t, []specMistake{
		{"no host", &ICMP{}, "host: missing, want a name or an address"},
		{"a port", &ICMP{Host: "h:80"}, `host: "h:80", want a name or an address without a port`},
		{"count", &ICMP{Host: "h", Count: 21}, `count: "21", want 1 to 20 requests`},
		{"interval", &ICMP{Host: "h", Interval: time.Millisecond}, `interval: "1ms", want 10ms to 10s`},
		{"size", &ICMP{Host: "h", Size: 20}, `size: "20", want 24 to 8192 bytes`},
		{"replies", &ICMP{Host: "h", Count: 2, Expect: ICMPExpect{MinReplies: 3}}, `expect.min_replies: "3", want 1 to count`},
		{"family", &ICMP{Host: "h", IPFamily: "ip5"}, `ip_family: "ip5", want any, ip4 or ip6`},
	})
}
