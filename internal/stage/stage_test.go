package stage

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// perfwatch stands in for the daemon and remembers what it was told.
type perfwatch struct {
	mu     sync.Mutex
	told   []string
	status int
	body   string
}

func (p *perfwatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	query := r.URL.Query()
	query.Del("at")
	query.Del("memory_peak_bytes")
	p.told = append(p.told, filepath.Base(r.URL.Path)+"?"+query.Encode())
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.body))
}

func TestWhatIsReportedOfACommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	counted := filepath.Join(dir, "counted")
	if err := os.WriteFile(counted, []byte(" 42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		stage   Stage
		command string
		code    int
		want    string
	}{
		{"succeeds", Stage{Items: 7}, "true", 0, "start?,finish?exit_code=0&items=7&run=r1"},
		{"fails", Stage{Items: 7}, "exit 3", 3, "start?,fail?exit_code=3&run=r1"},
		{"counts itself", Stage{Items: -1, ItemsFile: counted}, "exit 1", 1, "start?,fail?exit_code=1&items=42&run=r1"},
		{"counts nonsense", Stage{Items: -1, ItemsFile: "/proc/self/maps"}, "true", 0, "start?,finish?exit_code=0&run=r1"},
		{"names its run", Stage{Items: -1, Run: "r1"}, "true", 0, "start?run=r1,finish?exit_code=0&run=r1"},
		{"is killed", Stage{Items: -1}, "kill -KILL $$", 137, "start?,fail?exit_code=137&run=r1"},
	} {
		peer := &perfwatch{status: http.StatusOK, body: `{"run":"r1"}`}
		server := httptest.NewServer(peer)
		s := tt.stage
		s.URL, s.Pipeline, s.Name, s.Command = server.URL, "daily", "fetch", []string{"sh", "-c", tt.command}
		s.Patience, s.Client, s.Logger = 10*time.Second, server.Client(), slog.New(slog.DiscardHandler)
		code := s.Exec(t.Context(), nil)
		server.Close()
		if got := strings.Join(peer.told, ","); code != tt.code || got != tt.want {
			t.Errorf("%s: %d, %s, want %d, %s", tt.name, code, got, tt.code, tt.want)
		}
	}
}

// What is refused is not sent again, and does not change how the command ends.
func TestARefusedReportIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict} {
		peer := &perfwatch{status: status, body: `{"detail":"no"}`}
		server := httptest.NewServer(peer)
		var log strings.Builder
		s := Stage{
			URL: server.URL, Pipeline: "daily", Name: "fetch", Items: -1, Command: []string{"sh", "-c", "exit 5"}, Patience: 10 * time.Second,
			Client: server.Client(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		code := s.Exec(t.Context(), nil)
		server.Close()
		if code != 5 || len(peer.told) != 2 || strings.Count(log.String(), `level=WARN msg="stage not reported"`) != 2 {
			t.Errorf("%d: exit code %d, told %q, log %s", status, code, peer.told, log.String())
		}
	}
}
