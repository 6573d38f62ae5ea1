package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// A logged is a program whose log is read line by line.
type logged struct {
	*exec.Cmd
	lines chan string // closed at its end
}

func startLogged(t *testing.T, args ...string) *logged {
	t.Helper()
	p := &logged{exec.CommandContext(t.Context(), "perfwatch", args...), make(chan string, 10_000)}
	logs, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	return p
}

// logs waits for a line of the log with these words.
func (p *logged) logs(t *testing.T, words string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				t.Fatalf("the program ended, want it to log %q", words)
			}
			if strings.Contains(line, words) {
				return
			}
		case <-deadline:
			t.Fatalf("waiting 30 s for %q in the log", words)
		}
	}
}

func (p *logged) send(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatalf("sending %s: %v", signal, err)
	}
}

// SIGHUP reloads, from the first line of the log on, and never ends the program: not while it starts, and not while it waits
// for the last runs.
func TestSIGHUPReloads(t *testing.T) {
	t.Parallel()
	hang, asked := make(chan struct{}), make(chan struct{}, 100)
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hang
	}))
	t.Cleanup(site.Close)
	dir, listen := t.TempDir(), peer.FreeAddress(t)
	var targets strings.Builder
	for i := range 5000 { // that take a while to read
		fmt.Fprintf(&targets, "- targets: [127.0.0.1:%d]\n", 10_000+i)
	}
	writeFile(t, filepath.Join(dir, "many.yml"), targets.String())
	text := fmt.Sprintf("probes:\n  - {name: many, schedule: \"@every 24h\", file_sd: [many.yml], tcp: {}}\n"+
		"  - {name: web, schedule: \"@every 1s\", timeout: 1m, http: {url: %q}}\n", site.URL)
	file := filepath.Join(dir, "perfwatch.yml")
	writeFile(t, file, text)
	p := startLogged(t, "--config.file="+file, "serve", "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen)
	p.logs(t, "starting perfwatch")
	p.send(t, syscall.SIGHUP)
	p.logs(t, "configuration reloaded")
	waitFor(t, "the server", func() bool { return peer.Answers("http://"+listen+"/-/ready")() == nil })

	writeFile(t, file, text+"  - {name: new, schedule: \"@every 24h\", tcp: {address: \"127.0.0.1:1\"}}\n")
	p.send(t, syscall.SIGHUP)
	p.logs(t, "configuration reloaded")
	if page := getText(t, "http://"+listen+"/metrics"); !strings.Contains(page, `perfwatch_probe_info{group="tcp",kind="tcp",probe="new"} 1`) {
		t.Error("the new probe is not there after the reload")
	}

	<-asked // a run that does not end
	p.send(t, syscall.SIGTERM)
	waitFor(t, "the server to close", func() bool { return peer.Answers("http://"+listen+"/-/ready")() != nil })
	p.send(t, syscall.SIGHUP)
	close(hang)
	for line := range p.lines {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("logged while it ends: %s", line)
		}
	}
	if err := p.Wait(); err != nil {
		t.Errorf("ended by %v, want 0", err)
	}
}
