package probes

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

func TestEvidenceOfReplies(t *testing.T) {
	echoes := func(c net.Conn) { _, _ = io.Copy(c, c) }
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		spec  TCP
		want  *Evidence
	}{
		{"greets", says("+PONG\r\n"), TCP{Send: "PING\r\n\r\n", Expect: Reply{Matches: "PONG"}}, &Evidence{Body: "+PONG.\n"}},
		{"says something else", thenHangs("-ERR\x1b"), TCP{Send: "PING\r\n\r\n", Expect: Reply{Matches: "-ERR."}}, &Evidence{Body: "-ERR."}},
		{"is not asked", hangs, TCP{}, nil},
		{"echoes a secret", echoes, TCP{Send: "AUTH hunter2hunter2\r\nend", Expect: Reply{Matches: "end"}}, &Evidence{Body: "<secret>"}},
		{"echoes half", says("said hunter2hunter2."), TCP{Send: "AUTH hunter2hunter2\r\n\r\n", Expect: Reply{Matches: "[.]"}},
			&Evidence{Body: "said <secret>."}},
		{"says much", forEver("", strings.Repeat("x", 1000), 0), TCP{Send: "a\r\n\r\n", Expect: Reply{Matches: "y"}},
			&Evidence{Body: strings.Repeat("x", 1024), Cut: true}},
		{"echoes many words", echoes, TCP{Send: words(101) + "end", Expect: Reply{Matches: "end"}}, &Evidence{Cut: true}},
	} {
		l := listener(t)
		stop := serveAll(l, tt.serve)
		tt.spec.Address = l.Addr().String()
		s := takeWithin(t, mustBuild(t, &tt.spec, Env{}), OK)
		if (s.Evidence == nil) != (tt.want == nil) || s.Evidence != nil && *s.Evidence != *tt.want {
			t.Errorf("%s: %v, evidence %+v, want %+v", tt.name, s.Err, s.Evidence, tt.want)
		}
		stop()
	}
}

// words are so many that differ and are long enough to be secrets.
func words(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString("word" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + " ")
	}
	return text.String()
}

func TestEvidenceOfCommands(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Evidence
		reason     string
	}{
		{"prints", "echo queue: 12", Evidence{Head: "Ended: exit status 0\n", Body: "queue: 12\n"}, ""},
		{"fails", "echo no; exit 3", Evidence{Head: "Ended: exit status 3\n", Body: "no\n"}, "want exit status 0"},
		{"tells a secret", "echo $KEY; echo $KEY >&2; exit 1", Evidence{Head: "Ended: exit status 1\n", Body: "<secret>\n"}, `it says "<secret>"`},
		{"prints JSON", `echo '{"token": "x"}'`, Evidence{Head: "Ended: exit status 0\n", Body: `{"token": "<secret>"}` + "\n"}, ""},
		{"prints much", "head -c 5000 /dev/zero | tr '\\0' x", Evidence{
			Head: "Ended: exit status 0\n", Body: strings.Repeat("x", 1024), Cut: true,
		}, ""},
	} {
		dir, name := shellScript(t, tt.text)
		p := mustBuild(t, &Exec{Command: []string{name}, Env: map[string]string{"KEY": "hunter2hunter2"}}, Env{Dir: dir})
		s := Take(t.Context(), p, time.Time{})
		if s.Evidence == nil || *s.Evidence != tt.want {
			t.Errorf("%s: evidence %+v, want %+v", tt.name, s.Evidence, tt.want)
		}
		if s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) || (s.Err == nil) != (tt.reason == "") {
			t.Errorf("%s: %v, want %q", tt.name, s.Err, tt.reason)
		}
	}
}

func TestEvidenceOfNames(t *testing.T) {
	plain, _ := startZone(t, tls.Certificate{})
	for _, tt := range []struct {
		name string
		want Evidence
	}{
		{"shop.example", Evidence{
			Head: "Status: NOERROR\n", Body: "shop.example.\t300\tIN\tA\t192.0.2.1\nshop.example.\t300\tIN\tA\t192.0.2.2\n",
		}},
		{"nowhere.example", Evidence{Head: "Status: NXDOMAIN\n"}},
	} {
		s := Take(t.Context(), mustBuild(t, &DNSQuery{Server: plain, Name: tt.name}, Env{}), time.Time{})
		if s.Evidence == nil || *s.Evidence != tt.want {
			t.Errorf("%s: evidence %+v, want %+v", tt.name, s.Evidence, tt.want)
		}
	}
	s := Take(t.Context(), mustBuild(t, &DNSQuery{Server: plain, Name: "long.example", Type: "TXT"}, Env{}), time.Time{})
	if s.Evidence == nil || len(s.Evidence.Body) != 1024 || !s.Evidence.Cut {
		t.Errorf("evidence of a long answer %+v, want the first KiB", s.Evidence)
	}
}

func TestEvidenceOfHandshakes(t *testing.T) {
	a := newAuthority(t)
	l := listener(t)
	stop := serveAll(l, serves(a.issue(t, time.Now().Add(48*time.Hour)), nil, hangs))
	defer stop()
	trusts := promconfig.TLSConfig{CAFile: a.file}
	for _, tt := range []struct {
		name string
		spec TLSHandshake
		has  []string
	}{
		{"trusted", TLSHandshake{TLSConfig: trusts}, []string{"Version: TLS 1.3\nCipher: TLS_", "\nIssuer: CN=test authority\nNames: shop.example\nNot-"}},
		{"not trusted", TLSHandshake{}, []string{"Subject: ", "\nIssuer: CN=test authority\n"}},
	} {
		tt.spec.Address = l.Addr().String()
		s := Take(t.Context(), mustBuild(t, &tt.spec, Env{}), time.Time{})
		if s.Evidence == nil {
			t.Errorf("%s: %v, no evidence", tt.name, s.Err)
			continue
		}
		for _, want := range tt.has {
			if !strings.Contains(s.Evidence.Head, want) {
				t.Errorf("%s: %q, want %q in it", tt.name, s.Evidence.Head, want)
			}
		}
	}
}
