package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Alertmanager is a running Alertmanager.
type Alertmanager struct {
	*Process
	URL string
}

// StartAlertmanager starts an Alertmanager of its own, without a cluster, with a configuration file.
func StartAlertmanager(t testing.TB, configFile string) *Alertmanager {
	t.Helper()
	address := FreeAddress(t)
	a := &Alertmanager{URL: "http://" + address}
	a.Process = Start(t, "prometheus-alertmanager", "prometheus-alertmanager", "--config.file="+configFile,
		"--web.listen-address="+address, "--cluster.listen-address=", "--storage.path=data")
	a.WaitFor(t, Answers(a.URL+"/-/ready"))
	return a
}

// A Notification is one alert as Alertmanager delivered it.
type Notification struct {
	Received    time.Time
	Status      string // firing or resolved
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time
}

// Webhook receives what an Alertmanager delivers.
type Webhook struct {
	URL string

	mu       sync.Mutex
	received []Notification // guarded by mu
}

// StartWebhook starts a receiver for Alertmanager's webhook_configs.
func StartWebhook(t testing.TB) *Webhook {
	w := &Webhook{}
	server := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func (w *Webhook) receive(rw http.ResponseWriter, r *http.Request) {
	var message struct{ Alerts []Notification }
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range message.Alerts {
		n.Received = time.Now()
		w.received = append(w.received, n)
	}
}

// Received returns everything delivered so far, in order.
func (w *Webhook) Received() []Notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Notification(nil), w.received...)
}

// States says for each severity of an alert whether Alertmanager holds it active or suppressed.
func (a *Alertmanager) States(ctx context.Context, alert string) (map[string]string, error) {
	var found []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	filter := url.QueryEscape(fmt.Sprintf("alertname=%q", alert))
	if err := getJSON(ctx, a.URL+"/api/v2/alerts?filter="+filter, &found); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, f := range found {
		states[f.Labels["severity"]] = f.Status.State
	}
	return states, nil
}
