package config

import (
	"reflect"
	"testing"

	promconfig "github.com/prometheus/common/config"
)

func TestProcessesAreRead(t *testing.T) {
	want := []Process{
		{Name: "api", Command: "uvicorn backend.main:app", Children: true},
		{Name: "worker", PIDFile: "testdata/good/run/worker.pid"},
		{Name: "web", Port: 8000, Children: true},
		{Name: "ml", MetricsURL: "https://ml.example/metrics?format=text", Children: true},
	}
	for i := range want {
		want[i].HTTPClient = promconfig.DefaultHTTPClientConfig
	}
	want[3].HTTPClient.BasicAuth = &promconfig.BasicAuth{Username: "reader", PasswordFile: "testdata/secrets/password"}
	got := mustLoad(t, "testdata/good/everything.yml").Processes
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("process %d of %d: %+v, want %+v", i, len(got), got, want[i])
		}
	}
}
