package k6

import (
	"bytes"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestManifest reads what is declared as the operator would: shapes and names of k6.io/v1alpha1.
func TestManifest(t *testing.T) {
	t.Setenv("SECRET", "x")
	s, err := Render(parse(t, "http://127.0.0.1:8000", "testdata/requests/login.yml"), "burst", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Name, s.parallelism, s.users = "investor_journey_", 4, 4
	text, err := s.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	objects := yaml.NewDecoder(bytes.NewReader(text))
	objects.KnownFields(true)
	var configMap struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Data       map[string]string
	}
	if err := objects.Decode(&configMap); err != nil {
		t.Fatal(err)
	}
	const name = "perfwatch-investor-journey"
	if configMap.APIVersion != "v1" || configMap.Kind != "ConfigMap" || configMap.Metadata.Name != name ||
		len(configMap.Data) != 1 || configMap.Data["script.js"] != s.Text {
		t.Errorf("%.300v, want a ConfigMap with the script", configMap)
	}
	_, run, _ := strings.Cut(string(text), "\n---\n")
	golden(t, "testrun.yml", run)
}

func TestAManifestHasBounds(t *testing.T) {
	for _, tt := range []struct {
		s    Script
		want string
	}{
		{Script{Text: strings.Repeat("x", 1<<20), parallelism: 1, users: 1},
			"a script of 1048576 bytes, want at most 1044480 for a ConfigMap: its data is too long"},
		{Script{Text: "x", parallelism: 2, users: 1}, "2 runners for 1 user, want a user for each at least"},
	} {
		if _, err := tt.s.Manifest(); err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
