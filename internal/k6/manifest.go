package k6

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxConfigMap is what Kubernetes takes into a ConfigMap, in bytes, less what stands around the script.
	maxConfigMap = 1<<20 - 4<<10
	scriptFile   = "script.js"
)

type object struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   metadata          `yaml:"metadata"`
	Data       map[string]string `yaml:"data,omitempty"`
	Spec       *testRun          `yaml:"spec,omitempty"`
}

type metadata struct {
	Name string `yaml:"name"`
}

// A testRun is the spec of the k6 operator's TestRun.
type testRun struct {
	Parallelism int    `yaml:"parallelism"`
	Script      script `yaml:"script"`
	Runner      *pod   `yaml:"runner,omitempty"`
}

type script struct {
	ConfigMap struct {
		Name string `yaml:"name"`
		File string `yaml:"file"`
	} `yaml:"configMap"`
}

type pod struct {
	Env []variable `yaml:"env"`
}

type variable struct {
	Name      string `yaml:"name"`
	ValueFrom struct {
		SecretKeyRef struct {
			Name string `yaml:"name"`
			Key  string `yaml:"key"`
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

// Object is the name of what Manifest declares, and of the Secret whose keys are the Environment.
func (s *Script) Object() string {
	return "perfwatch-" + strings.Trim(strings.ReplaceAll(s.Name, "_", "-"), "-")
}

// Manifest is a ConfigMap with the script and a TestRun of k6.io/v1alpha1 that runs it, as YAML. It holds no secret: the
// variables of the Environment come from a Secret, which it names and does not declare.
func (s *Script) Manifest() ([]byte, error) {
	switch {
	case len(s.Text) > maxConfigMap:
		return nil, fmt.Errorf("a script of %d bytes, want at most %d for a ConfigMap: its data is too long", len(s.Text), maxConfigMap)
	case s.parallelism > s.users:
		return nil, fmt.Errorf("%d runners for %s, want a user for each at least", s.parallelism, plural(s.users))
	}
	run := &testRun{Parallelism: s.parallelism}
	run.Script.ConfigMap.Name, run.Script.ConfigMap.File = s.Object(), scriptFile
	for _, name := range s.Environment {
		v := variable{Name: name}
		v.ValueFrom.SecretKeyRef.Name, v.ValueFrom.SecretKeyRef.Key = s.Object(), name
		if run.Runner == nil {
			run.Runner = &pod{}
		}
		run.Runner.Env = append(run.Runner.Env, v)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for _, o := range []object{
		{APIVersion: "v1", Kind: "ConfigMap", Metadata: metadata{s.Object()}, Data: map[string]string{scriptFile: s.Text}},
		{APIVersion: "k6.io/v1alpha1", Kind: "TestRun", Metadata: metadata{s.Object()}, Spec: run},
	} {
		if err := enc.Encode(o); err != nil {
			return nil, fmt.Errorf("encoding YAML: %w", err)
		}
	}
	return out.Bytes(), nil
}

func plural(users int) string {
	if users == 1 {
		return "1 user"
	}
	return fmt.Sprintf("%d users", users)
}
