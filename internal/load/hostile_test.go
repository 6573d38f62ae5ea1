package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// hostile are targets that do what no server should, by the path that they are asked under, and what is to become of
// their requests.
func hostile() map[string]struct {
	answer func(c *net.TCPConn) error
	want   probes.Outcome
} {
	const ok = "HTTP/1.1 200 OK\r\n"
	write := func(text string) func(c *net.TCPConn) error {
		return func(c *net.TCPConn) error {
			_, err := io.WriteString(c, text)
			return err
		}
	}
	forever := func(head, again string, every time.Duration) func(c *net.TCPConn) error {
		return func(c *net.TCPConn) error {
			for text := head; ; text = again {
				if _, err := io.WriteString(c, text); err != nil {
					return err
				}
				<-time.After(every)
			}
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20))
	_ = z.Close()
	type target = struct {
		answer func(c *net.TCPConn) error
		want   probes.Outcome
	}
	return map[string]target{
		"a body without end":      {forever(ok+"\r\n", strings.Repeat("x", 32<<10), 0), probes.BodyTooLarge},
		"chunks without end":      {forever(ok+"Transfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 0), probes.BodyTooLarge},
		"a length of an exabyte":  {forever(ok+"Content-Length: 1000000000000000000\r\n\r\n", strings.Repeat("x", 32<<10), 0), probes.BodyTooLarge},
		"a bomb":                  {write(fmt.Sprintf("%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", ok, bomb.Len(), &bomb)), probes.BodyTooLarge},
		"headers without end":     {forever(ok, strings.Repeat("X-Y: "+strings.Repeat("z", 1000)+"\r\n", 10), 0), probes.InvalidResponse},
		"a header without end":    {forever(ok+"X-Y: ", strings.Repeat("z", 4096), 0), probes.InvalidResponse},
		"continues without end":   {forever("", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 500), 0), probes.InvalidResponse},
		"another protocol":        {write("SSH-2.0-OpenSSH_9.2\r\n"), probes.InvalidResponse},
		"a byte at a time":        {forever(ok+"Content-Length: 1000\r\n\r\n", "x", 20*time.Millisecond), probes.Timeout},
		"a header at a time":      {forever(ok, "A: b\r\n", 20*time.Millisecond), probes.Timeout},
		"nothing at all":          {func(c *net.TCPConn) error { _, err := io.Copy(io.Discard, c); return err }, probes.Timeout},
		"a reset":                 {func(c *net.TCPConn) error { return c.SetLinger(0) }, probes.Reset},
		"half a body":             {write(ok + "Content-Length: 1000\r\n\r\nxxx"), probes.Reset},
		"half a head":             {write(ok + "Content-"), probes.InvalidResponse},
		"two answers at once":     {write(ok + "Content-Length: 2\r\n\r\n{}" + ok + "Content-Length: 2\r\n\r\n{}"), probes.OK},
		"more cookies than bytes": {write(ok + strings.Repeat("Set-Cookie: a=b\r\n", 3000) + "Content-Length: 0\r\n\r\n"), probes.OK},
	}
}

// serveHostile answers one request a connection.
func serveHostile(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	targets := hostile()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				tcp, _ := conn.(*net.TCPConn)
				_ = targets[req.URL.Query().Get("as")].answer(tcp)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestABurstBearsHostileTargets sends a burst at all of them at once: each request is classed for what it met, the burst
// ends when it should, and takes no more memory than any other.
func TestABurstBearsHostileTargets(t *testing.T) {
	url := serveHostile(t)
	before := live()
	// Who says too much is found out however long it takes, and who never ends is waited for.
	bearsHostile(t, url, time.Minute, func(o probes.Outcome) bool { return o != probes.Timeout })
	bearsHostile(t, url, 300*time.Millisecond, func(o probes.Outcome) bool { return o == probes.Timeout })
	if after := live(); after > before+40<<20 {
		t.Errorf("%d bytes live after the bursts, %d before", after, before)
	}
}

// bearsHostile sends a burst at the targets that are to have such outcomes.
func bearsHostile(t *testing.T, url string, timeout time.Duration, of func(probes.Outcome) bool) {
	t.Helper()
	spec := Spec{IterationsPerUser: 2, Abort: Abort{ErrorRatio: 1}}
	targets := hostile()
	for name, target := range targets {
		if of(target.want) {
			h := &probes.HTTP{URL: url + "/?as=" + strings.ReplaceAll(name, " ", "+"), Expect: probes.Expect{MaxBody: 256 << 10}}
			spec.Tasks = append(spec.Tasks, Task{Name: name, HTTP: h})
		}
	}
	spec.Users = 2 * len(spec.Tasks)
	p, err := spec.Plan("hostile", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	p.RequestTimeout = timeout
	s := Run(t.Context(), p, &counter{})
	for _, l := range s.Leaves {
		want := targets[l.Endpoint].want
		if l.Outcomes[want] != l.Requests() || l.Requests() != 4 {
			t.Errorf("%s: outcomes %v, want 4 of %s", l.Endpoint, l.Outcomes, want)
		}
	}
	if s.Result == Aborted {
		t.Errorf("aborted after %s: %s", s.Duration(), s.Reason)
	}
	for _, r := range s.Failed {
		if len(r.Err) > 1000 {
			t.Errorf("an error of %d bytes: %.100s", len(r.Err), r.Err)
		}
	}
}
