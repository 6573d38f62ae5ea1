package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"
)

// The bounds of one run.
const (
	maxPings        = 20
	minPingGap      = 10 * time.Millisecond
	maxPingGap      = 10 * time.Second
	defaultPingGap  = 200 * time.Millisecond
	maxPingSize     = 8192
	defaultPingSize = 56 // as ping sends
	minPingSize     = 24 // the time and the mark that pro-bing puts into each
	pingGroupRange  = "net.ipv4.ping_group_range"
)

// ICMP sends echo requests from a socket that takes no privilege.
type ICMP struct {
	Host     string        `yaml:"host"`      // name or address
	Count    int           `yaml:"count"`     // requests; default 1
	Interval time.Duration `yaml:"interval"`  // between them; default 200ms
	Size     int           `yaml:"size"`      // bytes of each; default 56
	IPFamily string        `yaml:"ip_family"` // any (the default), ip4 or ip6
	Expect   ICMPExpect    `yaml:"expect"`
}

// ICMPExpect says how many answers are enough.
type ICMPExpect struct {
	MinReplies int `yaml:"min_replies"` // default: all
}

// Kind implements Spec.
func (*ICMP) Kind() string { return "icmp" }

// Prober implements Spec.
func (s *ICMP) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &icmpProber{
		host: s.Host, permit: env.Permit, network: "ip", count: cmp.Or(s.Count, 1),
		gap: cmp.Or(s.Interval, defaultPingGap), size: cmp.Or(s.Size, defaultPingSize),
	}
	p.enough = cmp.Or(s.Expect.MinReplies, p.count)
	p.network += ms.family(s.IPFamily)
	if s.Host == "" {
		ms.add("host", nil, "a name or an address")
	}
	if _, _, err := net.SplitHostPort(s.Host); err == nil {
		ms.add("host", redact(s.Host), "a name or an address without a port")
	}
	if p.count < 1 || p.count > maxPings {
		ms.add("count", s.Count, fmt.Sprintf("1 to %d requests", maxPings))
	}
	if p.gap < minPingGap || p.gap > maxPingGap {
		ms.add("interval", s.Interval, fmt.Sprintf("%s to %s", minPingGap, maxPingGap))
	}
	if p.size < minPingSize || p.size > maxPingSize {
		ms.add("size", s.Size, fmt.Sprintf("%d to %d bytes", minPingSize, maxPingSize))
	}
	if p.enough < 1 || p.enough > p.count {
		ms.add("expect.min_replies", s.Expect.MinReplies, "1 to count")
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return p, nil
}

// An icmpProber pings. The phase first_byte is the mean round trip; a run lasts to its last answer, and one with fewer
// answers than it wants is a timeout.
type icmpProber struct {
	host, network string
	permit        Permit
	count, enough int
	size          int
	gap           time.Duration
}

// Probe implements Prober.
func (p *icmpProber) Probe(ctx context.Context) (res Result, err error) {
	times := newTimings()
	times.begin()
	address, err := p.resolve(times.trace(ctx))
	res.Phases, _ = times.seal(time.Now())
	if err == nil {
		err = p.ping(ctx, address, &res)
	}
	if err != nil {
		return res, fmt.Errorf("pinging %q: %w", p.host, err)
	}
	return res, nil
}

// resolve looks the host up anew for each run.
func (p *icmpProber) resolve(ctx context.Context) (netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, p.network, p.host)
	if err != nil {
		return netip.Addr{}, err
	}
	address := found[0].Unmap()
	if p.permit != nil {
		err = p.permit(p.host, address.WithZone(""))
	}
	return address, err
}

// ping sends its requests and waits for the answers. Res has the phase and the end of the last answer.
func (p *icmpProber) ping(ctx context.Context, address netip.Addr, res *Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pinger := probing.New(p.host)
	pinger.SetIPAddr(&net.IPAddr{IP: address.AsSlice(), Zone: address.Zone()})
	pinger.SetPrivileged(false)
	pinger.SetLogger(probing.NoopLogger{})
	pinger.Count, pinger.Interval, pinger.Size = p.count, p.gap, p.size
	var last atomic.Pointer[time.Time]
	pinger.OnRecv = func(*probing.Packet) {
		now := time.Now()
		last.Store(&now)
	}
	var failed atomic.Pointer[error]
	pinger.OnSendError = func(_ *probing.Packet, err error) {
		failed.CompareAndSwap(nil, &err)
		cancel() // what cannot be sent is not waited for
	}
	err := pinger.RunWithContext(ctx)
	stats := pinger.Statistics()
	if stats.PacketsRecv > 0 {
		res.Phases.Set(FirstByte, stats.AvgRtt)
	}
	res.Evidence = shownPings(stats)
	if unsent := failed.Load(); unsent != nil {
		err = *unsent
	}
	switch {
	case errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: the kernel keeps pings from this group: let sysctl %s include it", err, pingGroupRange)
	case stats.PacketsRecv >= p.enough && (err == nil || errors.Is(err, context.DeadlineExceeded)):
		if at := last.Load(); at != nil {
			res.ended = *at
		}
		return nil
	case err == nil || errors.Is(err, context.DeadlineExceeded):
		if deadline, ok := ctx.Deadline(); ok && time.Now().After(deadline) {
			res.ended = deadline // the library takes a moment to notice
		}
		return &outcomeError{Timeout, fmt.Errorf("%d answers to %d requests, want at least %d",
			stats.PacketsRecv, stats.PacketsSent, p.enough)}
	}
	return err
}

// shownPings is what came of the requests.
func shownPings(s *probing.Statistics) *Evidence {
	head := fmt.Sprintf("Address: %s\nSent: %d\nReceived: %d\n", s.IPAddr, s.PacketsSent, s.PacketsRecv)
	if s.PacketsRecv > 0 {
		head += fmt.Sprintf("Round-Trip: %s least, %s mean, %s most\n", s.MinRtt, s.AvgRtt, s.MaxRtt)
	}
	return (&masks{}).said(head, nil, 0)
}
