package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	promconfig "github.com/prometheus/common/config"
)

const (
	// ednsSize is the largest answer over UDP that we say we take, https://www.dnsflagday.net/2020/.
	ednsSize = 1232
	// maxStrays is how many datagrams that answer another question one run reads past.
	maxStrays = 100
	// resolvConf names the servers that this machine asks.
	resolvConf = "/etc/resolv.conf"
)

// DNSQuery is the kind dns: it asks one name server one question.
type DNSQuery struct {
	Server    string               `yaml:"server"`     // host or host:port; default: the first of /etc/resolv.conf
	IPFamily  string               `yaml:"ip_family"`  // of the server: any (the default), ip4 or ip6
	Name      string               `yaml:"name"`       // that is asked about, whole; no search domains
	Type      string               `yaml:"type"`       // default A
	Protocol  string               `yaml:"protocol"`   // udp, tcp or tls; default udp, and tcp where the answer says so
	TLSConfig promconfig.TLSConfig `yaml:"tls_config"` // of tls
	Expect    DNSExpect            `yaml:"expect"`
}

// DNSExpect says which answers are good ones.
type DNSExpect struct {
	RCode      string `yaml:"rcode"`       // default NOERROR; another is a failure of DNS
	MinAnswers *int   `yaml:"min_answers"` // records of the answer; default 1 where NOERROR is expected
	Matches    string `yaml:"matches"`     // RE2 that one record matches, as "example.org. 300 IN A 192.0.2.1"
}

// Kind implements Spec.
func (*DNSQuery) Kind() string { return "dns" }

// Prober implements Spec.
func (s *DNSQuery) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &dnsProber{dial: ms.dialer(env, s.IPFamily), protocol: cmp.Or(s.Protocol, "udp")}
	port := "53"
	switch p.protocol {
	case "tls":
		port = "853"
	case "udp", "tcp":
	default:
		ms.add("protocol", s.Protocol, "udp, tcp or tls")
	}
	p.server = s.server(&ms, port)
	p.question(s, &ms)
	p.expectation(&s.Expect, &ms)
	if p.protocol == "tls" {
		p.tls = ms.clientTLS(s.TLSConfig, p.server, env.Dir)
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return p, nil
}

// server is the host and port to ask. The machine's own is read when the probe is built.
func (s *DNSQuery) server(ms *mistakes, port string) string {
	if s.Server == "" {
		own, err := dns.ClientConfigFromFile(resolvConf)
		if err != nil || len(own.Servers) == 0 {
			ms.add("server", nil, "HOST or HOST:PORT, as "+resolvConf+" names none")
			return ""
		}
		return net.JoinHostPort(own.Servers[0], port)
	}
	address := s.Server
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), port)
	}
	before := len(*ms)
	ms.checkAddress("server", address)
	if len(*ms) > before {
		(*ms)[before] = &FieldError{Field: "server", Value: redact(s.Server), Want: "HOST or HOST:PORT"}
	}
	return address
}

// question checks the name and the type.
func (p *dnsProber) question(s *DNSQuery, ms *mistakes) {
	kind, ok := dns.StringToType[cmp.Or(s.Type, "A")]
	if !ok || kind == dns.TypeAXFR || kind == dns.TypeIXFR {
		ms.add("type", s.Type, "a type of records in capitals, such as A, AAAA, MX or TXT")
	}
	if s.Name == "" {
		ms.add("name", nil, "the name to ask about")
		return
	}
	if _, ok := dns.IsDomainName(s.Name); !ok {
		ms.add("name", s.Name, "a domain name")
		return
	}
	p.name, p.kind = dns.Fqdn(s.Name), kind
}

func (p *dnsProber) expectation(e *DNSExpect, ms *mistakes) {
	code, ok := dns.StringToRcode[cmp.Or(e.RCode, "NOERROR")]
	if !ok {
		ms.add("expect.rcode", e.RCode, "one of "+strings.Join(slices.Sorted(maps.Keys(dns.StringToRcode)), ", "))
	}
	p.rcode = code
	switch {
	case e.MinAnswers != nil:
		p.answers = *e.MinAnswers
		if p.answers < 0 {
			ms.add("expect.min_answers", p.answers, "0 or more")
		}
	case code == dns.RcodeSuccess:
		p.answers = 1
	}
	p.match = ms.matches(e.Matches)
}

// A dnsProber asks its question over a socket of its own each time.
//
// Phases: dns is the resolving of the server's own name, connect and tls are those of its connection; a datagram has no
// connection. An answer over UDP that is cut short is asked for again over TCP, and a server that does not know EDNS(0) without
// it (RFC 6891, section 7), as resolvers do.
type dnsProber struct {
	server, protocol string
	dial             dialer
	tls              *clientTLS // nil without TLS
	name             string
	kind             uint16
	rcode, answers   int
	match            *regexp.Regexp
}

// Probe implements Prober.
func (p *dnsProber) Probe(ctx context.Context) (res Result, err error) {
	answer, res, err := p.ask(ctx, p.protocol, true)
	again := func(protocol string, extended bool) {
		var more Result
		answer, more, err = p.ask(ctx, protocol, extended)
		res.Phases.add(&more.Phases)
		res.Bytes += more.Bytes
		res.CertNotAfter = more.CertNotAfter
	}
	old := err == nil && answer.Rcode == dns.RcodeFormatError && p.rcode != dns.RcodeFormatError
	if old {
		again(p.protocol, false)
	}
	if err == nil && answer.Truncated && p.protocol == "udp" {
		again("tcp", !old)
	}
	res.ended = time.Now()
	if err == nil {
		res.Evidence = shownAnswer(answer)
		err = p.judge(answer)
	}
	if err != nil {
		return res, fmt.Errorf("asking %q for %s %s: %w", p.server, p.name, dns.TypeToString[p.kind], err)
	}
	return res, nil
}

// ask asks once, over one protocol, with EDNS(0) or without.
func (p *dnsProber) ask(ctx context.Context, protocol string, extended bool) (answer *dns.Msg, res Result, err error) {
	network := "tcp"
	if protocol == "udp" {
		network = "udp"
	}
	l, err := openLink(ctx, p.dial, network, p.server)
	defer func() {
		res.Phases = l.close()
		if network == "udp" {
			res.Phases.drop(Connect)
		}
	}()
	if err == nil && protocol == "tls" {
		var state tls.ConnectionState
		state, err = l.handshake(ctx, p.tls)
		res.CertNotAfter = earliestExpiry(state.PeerCertificates)
	}
	if err != nil {
		return nil, res, err
	}
	question := new(dns.Msg).SetQuestion(p.name, p.kind)
	if extended {
		question.SetEdns0(ednsSize, false)
	}
	conn := &dns.Conn{Conn: l.Conn, UDPSize: ednsSize}
	l.times.dialPhase(Request)
	if err := conn.WriteMsg(question); err != nil {
		return nil, res, fmt.Errorf("sending: %w", err)
	}
	l.times.dialPhase(FirstByte)
	answer, res.Bytes, err = readAnswer(conn, question, network == "udp")
	return answer, res, err
}

// readAnswer reads until the answer comes. Over UDP anybody may send one, so what answers something else is passed over;
// over a connection it is an invalid response.
func readAnswer(conn *dns.Conn, question *dns.Msg, strays bool) (*dns.Msg, int64, error) {
	size := int64(0)
	for range maxStrays {
		raw, err := conn.ReadMsgHeader(nil)
		if err != nil && !errors.Is(err, dns.ErrShortRead) {
			return nil, size, fmt.Errorf("reading answer: %w", err)
		}
		size += int64(len(raw))
		answer := new(dns.Msg)
		if err == nil {
			err = answer.Unpack(raw)
		}
		if err == nil {
			err = answers(answer, question)
		}
		if err == nil {
			return answer, size, nil
		}
		if !strays {
			return nil, size, fmt.Errorf("%w: %w", ErrInvalidResponse, err)
		}
	}
	return nil, size, fmt.Errorf("%w: %d datagrams that are not the answer", ErrInvalidResponse, maxStrays)
}

// answers says why a message does not answer a question; nil if it does. Names differ in nothing but case.
func answers(m, question *dns.Msg) error {
	switch {
	case !m.Response:
		return errors.New("a question in the place of an answer")
	case m.Id != question.Id:
		return errors.New("the answer to another question")
	case len(m.Question) != 1 && (m.Rcode == dns.RcodeSuccess || len(m.Question) > 1):
		return fmt.Errorf("an answer to %d questions, want 1", len(m.Question))
	case len(m.Question) == 1 && (m.Question[0].Qtype != question.Question[0].Qtype ||
		!strings.EqualFold(m.Question[0].Name, question.Question[0].Name)):
		return fmt.Errorf("the answer about %.100q", m.Question[0].Name)
	}
	return nil
}

// judge holds an answer against what is expected of it.
func (p *dnsProber) judge(m *dns.Msg) error {
	if m.Rcode != p.rcode {
		return &outcomeError{DNSFailure, fmt.Errorf("%s, want %s", rcodeName(m.Rcode), rcodeName(p.rcode))}
	}
	if len(m.Answer) < p.answers {
		return fmt.Errorf("%w: %d records, want at least %d", ErrInvalidResponse, len(m.Answer), p.answers)
	}
	if p.match == nil {
		return nil
	}
	for _, record := range m.Answer {
		if p.match.MatchString(strings.ReplaceAll(record.String(), "\t", " ")) {
			return nil
		}
	}
	return fmt.Errorf("%w: none of %d records matches %q", ErrInvalidResponse, len(m.Answer), p.match)
}

// shownAnswer shows an answer's records as they stand in a zone file.
func shownAnswer(m *dns.Msg) *Evidence {
	var body []byte
	for _, record := range m.Answer {
		if len(body) > maxEvidenceBody {
			break
		}
		body = append(append(body, record.String()...), '\n')
	}
	return new(masks).said("Status: "+rcodeName(m.Rcode)+"\n", body, int64(len(body)))
}

func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("RCODE%d", code)
}

// Host is the host and port that is asked.
func (p *dnsProber) Host() string { return p.server }
