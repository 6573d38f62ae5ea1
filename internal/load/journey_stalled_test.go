package load

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/probes"
)

// One step asks a site whose token server hangs.
func TestAJourneyEndsThoughItsTokenServerHangs(t *testing.T) {
	var c, ill clinic
	ill.ill, ill.answer = "/token", hangs
	tokens := ill.start(t)
	env := c.start(t)
	env.HTTP.OAuth2 = &promconfig.OAuth2{ClientID: "i", ClientSecret: "s", TokenURL: tokens.BaseURL.String() + "/token"}
	p := journeyOf(t, &Journey{Steps: []Step{{Name: "home", HTTP: &probes.HTTP{URL: "/", Expect: probes.Expect{Status: []int{http.StatusNotFound}}}}}}, env)
	for range 2 {
		s := takeJourney(t, p, 100*time.Millisecond)
		if s.Outcome != probes.Timeout || len(s.Journey.Steps) != 1 || c.connections.Load() != 0 {
			t.Errorf("outcome %v after %d steps and %d connections, want timeout, 1 and 0: %v",
				s.Outcome, len(s.Journey.Steps), c.connections.Load(), s.Err)
		}
	}
}

// A journey over HTTP/2 whose connection has gone silent: the run after the first that fails dials anew.
func TestAJourneyGivesASilentConnectionUp(t *testing.T) {
	var silent atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if silent.Load() {
			hangs(nil, r)
		}
	}))
	var connections atomic.Int32
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := promconfig.DefaultHTTPClientConfig
	cfg.TLSConfig.CAFile = file
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := journeyOf(t, &Journey{Steps: []Step{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}}}, probes.Env{BaseURL: base, HTTP: cfg})
	for i, want := range []struct {
		outcome     probes.Outcome
		connections int32
	}{{probes.OK, 1}, {probes.OK, 1}, {probes.Timeout, 1}, {probes.OK, 2}} {
		timeout := time.Minute
		if silent.Store(want.outcome == probes.Timeout); silent.Load() {
			timeout = 100 * time.Millisecond
		}
		if s := takeJourney(t, p, timeout); s.Outcome != want.outcome || connections.Load() != want.connections {
			t.Errorf("run %d: %v over %d connections, want %v over %d: %v", i, s.Outcome, connections.Load(), want.outcome, want.connections, s.Err)
		}
	}
}
