package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// A hanging platform answers a few requests, and then none for as long as anybody waits.
type hanging struct{ asked atomic.Int64 }

func (h *hanging) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if h.asked.Add(1) > 10 {
		<-r.Context().Done()
	}
}

// TestABurstStopsAtOnceHoweverItIsTold stops bursts whose requests hang, in the program itself: through the API, by the
// button of the page, and by SIGTERM. What each had measured is kept, and says why it ended.
func TestABurstStopsAtOnceHoweverItIsTold(t *testing.T) {
	var platform hanging
	server := httptest.NewServer(&platform)
	defer server.Close()
	dir := t.TempDir()
	file := peer.WriteFile(t, dir, "perfwatch.yml", "global: {timeout: 5m}\n"+burstYAML(server.URL, "users: 5, duration: 10m, think_time: 1ms"))
	listen := peer.FreeAddress(t)
	p := peer.Start(t, "", "perfwatch", "serve", "--config.file="+file, "--web.listen-address="+listen, "--web.enable-lifecycle",
		"--storage.path="+filepath.Join(dir, "data"))
	p.WaitFor(t, peer.Answers("http://"+listen+"/-/ready"))
	post := func(what, accept string, want int) error {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listen+"/api/v1/bursts/burst/"+what, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept", accept)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != want {
			err = fmt.Errorf("%s: status %d, want %d: %s", what, resp.StatusCode, want, body)
		}
		return errors.Join(err, resp.Body.Close())
	}
	begin := func() {
		platform.asked.Store(0)
		// The last one may still be ending; after that a burst is never refused, because being stopped is no harm.
		p.WaitFor(t, func() error { return post("start", "application/json", http.StatusAccepted) })
		p.WaitFor(t, func() error {
			if n := platform.asked.Load(); n < 15 {
				return fmt.Errorf("%d requests, want all five users to hang", n)
			}
			return nil
		})
	}
	for _, stop := range []struct {
		accept string
		status int
	}{{"application/json", http.StatusAccepted}, {"text/html", http.StatusSeeOther}} {
		begin()
		if err := post("stop", stop.accept, stop.status); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	p.Stop(t) // SIGTERM, and ten seconds until it would be killed
	a, err := archive.Open(filepath.Join(dir, "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	var causes []string
	for b := range a.Bursts("burst") {
		causes = append(causes, string(b.Cause))
		if o := b.Leaves[0].Outcomes; b.Result != load.Aborted || o["ok"] != 10 || o["canceled"] != 5 || o["timeout"] != 0 {
			t.Errorf("%s: outcomes %v, want aborted with 10 ok, and 5 canceled that are no timeouts", b.Result, o)
		}
	}
	if want := []string{"shutdown", "stop", "stop"}; !slices.Equal(causes, want) {
		t.Errorf("bursts ended by %s, want by %s", strings.Join(causes, ", "), strings.Join(want, ", "))
	}
}
