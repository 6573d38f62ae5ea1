package probes

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// scheduled is a run of a probe as the scheduler has it, with a deadline of its own.
func scheduled(tb testing.TB, p Prober) {
	ctx, cancel := context.WithTimeout(tb.Context(), plenty)
	defer cancel()
	if s := Take(ctx, p, time.Time{}); s.Err != nil {
		tb.Fatal(s.Err)
	}
}

// BenchmarkProbe is one run of a scheduled probe over its kept connection: its allocations are all ours, and half of its time
// is the server's.
func BenchmarkProbe(b *testing.B) {
	p := mustProber(b, &HTTP{URL: socketServer(b, frugal) + "/api/dashboard"}, Env{})
	b.ReportAllocs()
	for b.Loop() {
		scheduled(b, p)
	}
}

// TestAScheduledRunIsFrugal holds the allocations of BenchmarkProbe, which has no buffers of the run before, to half of
// those of a bare client.
func TestAScheduledRunIsFrugal(t *testing.T) {
	url := socketServer(t, frugal)
	p := mustProber(t, &HTTP{URL: url}, Env{})
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	bare := testing.AllocsPerRun(200, func() { ok(t, bareGet(t.Context(), client, url)) })
	if got := testing.AllocsPerRun(200, func() { scheduled(t, p) }); got > bare/2 {
		t.Errorf("%v allocations a run, want at most half of a bare client's %v", got, bare)
	}
}

// TestAProbeAtRestHoldsNoBuffers: most of ten thousand probes rest at any time. What a peer said unasked is not forgotten
// with them.
func TestAProbeAtRestHoldsNoBuffers(t *testing.T) {
	url := socketServer(t, frugal)
	p := mustProber(t, &HTTP{URL: url}, Env{})
	scheduled(t, p)
	d := p.idle.Load().direct
	if len(d.conns) != 1 || d.out != nil || d.conns[0].br != nil {
		t.Errorf("%d connections, %d bytes of a request and the buffer %v, want a connection alone", len(d.conns), cap(d.out), d.conns[0].br)
	}
	kept := d.conns[0]
	scheduled(t, p)
	if d.conns[0] != kept {
		t.Error("another connection was made, want the one that was kept")
	}

	chatty := mustProber(t, &HTTP{URL: socketServer(t, func(c net.Conn) {
		for {
			readHead(c)
			if _, err := io.WriteString(c, okHead+"Content-Length: 5\r\n\r\nhello and more"); err != nil {
				return
			}
		}
	})}, Env{})
	scheduled(t, chatty)
	kept = chatty.idle.Load().direct.conns[0]
	scheduled(t, chatty)
	if chatty.idle.Load().direct.conns[0] == kept {
		t.Error("a connection on which something came unasked was used again")
	}
}
