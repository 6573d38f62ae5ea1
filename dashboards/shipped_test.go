package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestTheDashboardIsOneThatGrafanaTakes(t *testing.T) {
	d := Render(shipped(t))[0]
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		UID           string
		SchemaVersion int
		Editable      bool
		Inputs        []any `json:"__inputs"`
		Templating    struct{ List []struct{ Name, Type string } }
		Annotations   struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range got.Templating.List {
		names = append(names, v.Type+" "+v.Name)
	}
	for _, a := range got.Annotations.List {
		names = append(names, a.Name)
	}
	if want := []string{
		"datasource datasource", "query job", "query instance", "query group", "query probe",
		"Bursts", "Restarts", "Configuration", "Deployments",
	}; !slices.Equal(names, want) {
		t.Errorf("variables and annotations %q, want %q", names, want)
	}
	if d.File() != "perfwatch-overview.json" || got.UID != OverviewUID || got.SchemaVersion != 42 || got.Inputs != nil || got.Editable {
		t.Errorf("file %s: %+v", d.File(), got)
	}
	for _, want := range []string{
		`"url": "http://localhost:10095"`, `"url": "http://localhost:10095/runbooks/PerfwatchApiLatencyP95"`,
		`histogram_quantile(0.95, sum by (le, probe) (rate(perfwatch_probe_duration_seconds_bucket{job=~\"$job\",instance=~\"$instance\",` +
			`probe=~\"$probe\"}[$__rate_interval])))`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the dashboard has no %s", want)
		}
	}
}

func TestProvisioningFilesSayWhereTheDashboardsAre(t *testing.T) {
	for _, c := range []struct {
		path, list, key string
		want            any
	}{
		{"provisioning/dashboards/perfwatch.yaml", "providers", "type", "file"},
		{"provisioning/datasources/perfwatch.yaml", "datasources", "type", "prometheus"},
	} {
		text, err := os.ReadFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		var file map[string]any
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		list, _ := file[c.list].([]any)
		if len(list) != 1 || file["apiVersion"] != 1 {
			t.Fatalf("%s: %v", c.path, file)
		}
		if entry, _ := list[0].(map[string]any); entry[c.key] != c.want {
			t.Errorf("%s: %s is %v, want %v", c.path, c.key, entry[c.key], c.want)
		}
	}
}
