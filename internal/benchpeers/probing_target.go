package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// arrivalWindow is the time in which arrivals are counted together.
const arrivalWindow = 100 * time.Millisecond

// arrivals is what the probed target says of the requests of one measurement.
type arrivals struct {
	N       int
	Targets int // how many of the targets were asked
	Most    int // in any arrivalWindow
}

// A probed is a web server of many targets, /t/0 and so on, that costs next to nothing: it notes each request, and answers
// /delay/D after D, saying in Server-Timing how long that really took.
type probed struct {
	mu    sync.Mutex
	at    []time.Time         // guarded by mu
	paths map[string]struct{} // guarded by mu
}

// serveProbed serves until its standard input ends.
func serveProbed(in io.Reader, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	p := &probed{paths: map[string]struct{}{}}
	for {
		c, err := l.Accept()
		if err != nil {
			return nil //nolint:nilerr // it was closed: the comparison is over
		}
		go p.serve(c)
	}
}

func (p *probed) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 4096)
	for used := 0; ; {
		n, err := c.Read(buf[used:])
		arrived := time.Now()
		used += n
		if err != nil {
			return
		}
		if !bytes.HasSuffix(buf[:used], []byte("\r\n\r\n")) {
			continue // more of the head; a request has no body
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(string(buf[:used]), "GET "), " ")
		closes := bytes.Contains(buf[:used], []byte("onnection: close"))
		used = 0
		if _, err := io.WriteString(c, p.answer(path, arrived)); err != nil || closes {
			return
		}
	}
}

func (p *probed) answer(path string, arrived time.Time) string {
	text, head := body, ""
	if path == "/arrivals" {
		b, _ := json.Marshal(p.close()) // numbers: never fails
		text = string(b)
	} else if delay, ok := strings.CutPrefix(path, "/delay/"); ok {
		d, _ := time.ParseDuration(delay)
		time.Sleep(d)
		head = fmt.Sprintf("Server-Timing: took;dur=%.6f\r\n", float64(time.Since(arrived))/1e6)
	} else {
		p.note(path, arrived)
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", head, len(text), text)
}

func (p *probed) note(path string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = append(p.at, at)
	p.paths[path] = struct{}{}
}

// close says what was noted, and begins anew.
func (p *probed) close() arrivals {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.at
	a := arrivals{N: len(at), Targets: len(p.paths)}
	p.at = nil
	clear(p.paths)
	slices.SortFunc(at, time.Time.Compare)
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= arrivalWindow {
			first++
		}
		a.Most = max(a.Most, i-first+1)
	}
	return a
}
