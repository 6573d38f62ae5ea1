package load

import (
	"net/http"
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
