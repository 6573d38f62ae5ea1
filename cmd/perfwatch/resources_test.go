package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/internal/schema"
)

// definition is the schema of a kind of the Prometheus Operator, made as strict as kubectl is: no field that it does not name.
func definition(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../internal/operator/testdata/monitoring.coreos.com_" + strings.ToLower(kind) + "s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					Own map[string]any `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatalf("definition of %s: %v, %d versions", kind, err, len(crd.Spec.Versions))
	}
	own := crd.Spec.Versions[0].Schema.Own
	strict(own)
	// The definition leaves the metadata to Kubernetes.
	properties, ok := own["properties"].(map[string]any)
	if !ok {
		t.Fatalf("the definition of %s has no properties", kind)
	}
	properties["metadata"] = map[string]any{"type": "object", "required": []string{"name"}}
	text, err = json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := schema.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func strict(node any) {
	switch n := node.(type) {
	case map[string]any:
		for _, below := range n {
			strict(below)
		}
		if _, ok := n["properties"].(map[string]any); ok && n["type"] == "object" {
			n["additionalProperties"] = false
		}
	case []any:
		for _, below := range n {
			strict(below)
		}
	}
}

// validated reads resources and holds each against its definition.
func validated(t *testing.T, text []byte) (all []map[string]any) {
	t.Helper()
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := doc["kind"].(string)
		plain, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		if err := definition(t, kind).Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
		all = append(all, doc)
	}
}

// written runs perfwatch rules with flags and returns what it printed.
func written(t *testing.T, file string, flags ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"--config.file", file, "rules"}, flags...), &stdout, &stderr); code != exitOK {
		t.Fatalf("perfwatch rules %v: exit code %d: %s", flags, code, stderr.String())
	}
	return stdout.Bytes()
}

// TestResourcesAreWhatTheOperatorDefines of the shipped configuration and of one with targets.
func TestResourcesAreWhatTheOperatorDefines(t *testing.T) {
	dir := t.TempDir()
	peer.WriteFile(t, dir, "shops.json", `[{"targets": ["a.example:443"]}, {"targets": ["b.example:443"], "labels": {"env": "prod"}}]`)
	file := peer.WriteFile(t, dir, "perfwatch.yml", `
on_demand: {allow: ["*.example"]}
probes:
  - {name: shop_front, group: shops, targets: on_demand, file_sd: [shops.json], timeout: 20s, tls: {}}
`)
	for _, tt := range []struct {
		file, format string
		want         int
	}{
		{"../../perfwatch.yml", "prometheusrule", 1},
		{"../../perfwatch.yml", "servicemonitor", 1},
		{file, "servicemonitor", 1},
		{file, "probe", 2},
	} {
		all := validated(t, written(t, tt.file, "--format", tt.format, "--namespace", "perf", "--label", "release=main"))
		if len(all) != tt.want {
			t.Errorf("%s of %s: %d resources, want %d", tt.format, tt.file, len(all), tt.want)
		}
		for _, one := range all {
			meta, _ := one["metadata"].(map[string]any)
			if name, _ := meta["name"].(string); meta["namespace"] != "perf" || !strings.HasPrefix(name, "perfwatch") {
				t.Errorf("%s: metadata %v", tt.format, meta)
			}
		}
	}
	out := t.TempDir()
	written(t, "../../perfwatch.yml", "--format", "prometheusrule", "--per-objective", "--output-dir", out)
	files, err := filepath.Glob(filepath.Join(out, "*.rules.yml"))
	cfg, broken := config.Load("../../perfwatch.yml")
	if err != nil || broken != nil || len(files) != len(cfg.Objectives)+1 {
		t.Fatalf("%d files, %v, %v, want one an objective and one beside", len(files), err, broken)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		validated(t, text)
	}
}

// TestTheDefinitionsRefuse what they do not name, or the tests above would see nothing.
func TestTheDefinitionsRefuse(t *testing.T) {
	for kind, text := range map[string]string{
		"ServiceMonitor": `{"spec": {"selector": {}, "endpoints": [{"port": "http", "honourLabels": true}]}}`,
		"Probe":          `{"spec": {"prober": {"path": "/probe"}}}`,
		"PrometheusRule": `{"spec": {"groups": [{"name": "a", "rules": [{"alert": "A"}]}]}}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := definition(t, kind).Validate(value); err == nil {
			t.Errorf("%s took %s", kind, text)
		}
	}
}

// TestRelabellingsOfResources as Prometheus has them: the port's name is dropped, and /probe is told which probe.
func TestRelabellingsOfResources(t *testing.T) {
	dir := t.TempDir()
	peer.WriteFile(t, dir, "shops.json", `[{"targets": ["a.example:443"]}]`)
	file := peer.WriteFile(t, dir, "perfwatch.yml", `
on_demand: {allow: ["*.example"]}
probes: [{name: shop_front, targets: on_demand, file_sd: [shops.json], tls: {}}]
`)
	for _, tt := range []struct {
		format string
		from   labels.Labels
		to     string
	}{
		{"servicemonitor", labels.FromStrings("endpoint", "http", "pod", "a"), `{pod="a"}`},
		{"probe", labels.FromStrings("__param_target", "a:443"), `{__param_probe="shop_front", __param_target="a:443"}`},
	} {
		var doc struct {
			Spec struct {
				Endpoints []struct{ Relabelings []map[string]string }
				Targets   struct {
					StaticConfig struct {
						Relabelings []map[string]string `yaml:"relabelingConfigs"`
					} `yaml:"staticConfig"`
				}
			}
		}
		if err := yaml.Unmarshal(written(t, file, "--format", tt.format), &doc); err != nil {
			t.Fatal(err)
		}
		list := doc.Spec.Targets.StaticConfig.Relabelings
		for _, e := range doc.Spec.Endpoints {
			list = append(list, e.Relabelings...)
		}
		b := labels.NewBuilder(tt.from)
		if len(list) != 1 {
			t.Fatalf("%s: %d relabellings, want 1", tt.format, len(list))
		}
		for _, r := range list {
			relabel.ProcessBuilder(b, relabelConfig(t, r))
		}
		if got := b.Labels(); got.String() != tt.to {
			t.Errorf("%s: %s becomes %s, want %s", tt.format, tt.from, got, tt.to)
		}
	}
}

// relabelConfig is a relabelling of the operator as Prometheus reads it.
func relabelConfig(t *testing.T, r map[string]string) *relabel.Config {
	t.Helper()
	names := map[string]string{"targetLabel": "target_label"}
	plain := map[string]string{}
	for name, value := range r {
		if own, ok := names[name]; ok {
			name = own
		}
		plain[name] = value
	}
	text, err := yaml.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	c := relabel.Config{NameValidationScheme: model.UTF8Validation}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(model.UTF8Validation); err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestFlagsOfRulesThatDoNotFit(t *testing.T) {
	for _, tt := range []struct{ flags, want string }{
		{"--per-objective", "--per-objective without --output-dir"},
		{"--prune", "--prune without --output-dir"},
		{"--format prometheusrule --name A", `name "A", want small letters`},
		{"--format servicemonitor --namespace a.b", `namespace "a.b", want`},
		{"--format servicemonitor --service-port 80", `port "80", want`},
		{"--format probe --label a/=b", `label "a/", want`},
		{"--format probe", "no probe has targets: on_demand"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"--config.file", "../../perfwatch.yml", "rules"}, strings.Fields(tt.flags)...), &stdout, &stderr)
		if code == exitOK || !strings.Contains(stderr.String(), tt.want) || stdout.Len() > 0 {
			t.Errorf("rules %s: exit code %d, %q, want %q", tt.flags, code, stderr.String(), tt.want)
		}
	}
}
