package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
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
	inbox[Notification]
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
	for i := range message.Alerts {
		message.Alerts[i].Received = time.Now()
	}
	w.keep(message.Alerts...)
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

// A Chat is a Slack that keeps what its incoming webhook is sent.
type Chat struct {
	URL string
	inbox[Post]
}

// A Post is one attachment of a message.
type Post struct {
	Title, Text, Color, Fallback string
	TitleLink                    string `json:"title_link"`
}

// StartChat starts a receiver for Alertmanager's slack_configs.
func StartChat(t testing.TB) *Chat {
	c := &Chat{}
	server := httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Chat) receive(w http.ResponseWriter, r *http.Request) {
	var message struct{ Attachments []Post }
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.keep(message.Attachments...)
	_, _ = io.WriteString(w, "ok")
}

// Recipients are whom an Alertmanager of a test tells.
type Recipients struct {
	Webhook *Webhook
	Chat    *Chat
	Mailbox *Mailbox
}

// StartRecipients starts one of each.
func StartRecipients(t testing.TB) Recipients {
	return Recipients{StartWebhook(t), StartChat(t), StartMailbox(t)}
}

// Rewire writes a configuration of Alertmanager that tells the recipients in place of those of a file: the webhook of
// everything, the others of what the file sends there. Groups wait as long as it says.
func (r Recipients) Rewire(t testing.TB, file, groupWait string) (rewired string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Global    map[string]any
		Templates []string
		Receivers []map[string]any
		Rest      map[string]any `yaml:",inline"`
	}
	waits := regexp.MustCompile(`(group_wait|group_interval): \S+`)
	if err := yaml.Unmarshal(waits.ReplaceAll(text, []byte("$1: "+groupWait)), &c); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	delete(c.Global, "slack_api_url_file")
	c.Global["slack_api_url"], c.Global["smtp_smarthost"], c.Global["smtp_require_tls"] = r.Chat.URL, r.Mailbox.Address, false
	for i, name := range c.Templates {
		if c.Templates[i], err = filepath.Abs(filepath.Join(filepath.Dir(file), name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, receiver := range c.Receivers {
		if len(receiver) > 1 { // not the one without anybody
			receiver["webhook_configs"] = []any{map[string]any{"url": r.Webhook.URL, "send_resolved": true}}
		}
	}
	out, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return WriteFile(t, t.TempDir(), "alertmanager.yml", string(out))
}
