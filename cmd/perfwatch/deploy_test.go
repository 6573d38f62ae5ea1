package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// root is where the files lie that users are given.
const root = "../.."

func shippedText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestScrapeConfigurationsAreValid has promtool check what the README and the deployment tell Prometheus: that of Prometheus 2,
// which knows all of it but the two fields of Prometheus 3, and that of Prometheus 3 as it is. (3.5.0 refuses the first of the
// two, 3.8.1 knows both.)
func TestScrapeConfigurationsAreValid(t *testing.T) {
	var configs []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(shippedText(t, "README.md"), -1) {
		if strings.Contains(block[1], "scrape_configs:") {
			configs = append(configs, block[1])
		}
	}
	if len(configs) != 3 {
		t.Fatalf("the README has %d scrape configurations, want those of Prometheus 2 and 3 and that of /probe", len(configs))
	}
	configs = append(configs, shippedText(t, "deploy/prometheus.yml"))
	newer := regexp.MustCompile(`(?m)^\s*(scrape_native_histograms|always_scrape_classic_histograms): true.*\n`)
	for i, text := range configs {
		fields := newer.FindAllString(text, -1)
		if want := []int{0, 2, 0, 2}[i]; len(fields) != want && i != 2 {
			t.Errorf("configuration %d has %d fields of Prometheus 3, want %d:\n%s", i, len(fields), want, text)
		}
		dir := t.TempDir()
		peer.WriteFile(t, dir, "perfwatch.rules.yml", shippedText(t, "alerts/perfwatch.rules.yml"))
		for promtool, text := range map[string]string{
			peer.Find(t, "prometheus", "promtool"): newer.ReplaceAllString(text, ""), peer.Built(t, "prometheus3/promtool"): text,
		} {
			file := peer.WriteFile(t, dir, "prometheus.yml", text)
			if out, err := exec.Command(promtool, "check", "config", file).CombinedOutput(); err != nil {
				t.Errorf("%s: configuration %d: %v\n%s", promtool, i, err, out)
			}
		}
	}
}

// An instruction of the Dockerfile: its name, and the rest with continued lines joined.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	text := strings.ReplaceAll(shippedText(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		if name, rest, found := strings.Cut(strings.TrimSpace(line), " "); found && name != "#" {
			all = append(all, instruction{name, rest})
		}
	}
	return all
}

// lastStage has the instructions of the last stage of the Dockerfile whose FROM ends with some words.
func lastStage(t *testing.T, from string) map[string][]string {
	t.Helper()
	all := dockerfile(t)
	for at, in := range slices.Backward(all) {
		if in.name != "FROM" || !strings.HasSuffix(in.rest, from) {
			continue
		}
		image := map[string][]string{}
		for i, in := range all[at:] {
			if i > 0 && in.name == "FROM" {
				break
			}
			image[in.name] = append(image[in.name], in.rest)
		}
		return image
	}
	t.Fatalf("no stage of the Dockerfile is from %q", from)
	return nil
}

// TestTheImageWithABrowserHasAnInit looks at what `docker build --target browser` makes.
func TestTheImageWithABrowserHasAnInit(t *testing.T) {
	image, plain := lastStage(t, " AS browser"), lastStage(t, "")
	if installed := strings.Join(image["RUN"], ""); !strings.Contains(installed, " chromium-headless-shell ") ||
		!strings.Contains(installed, " tini ") {
		t.Errorf("RUN %q, want the browser and an init to be installed", installed)
	}
	if got, want := image["ENTRYPOINT"], `["/usr/bin/tini", "--", "/bin/perfwatch"]`; !slices.Equal(got, []string{want}) {
		t.Errorf("ENTRYPOINT %q, want %s", got, want)
	}
	for _, name := range []string{"USER", "EXPOSE", "VOLUME", "HEALTHCHECK", "CMD"} {
		if !slices.Equal(image[name], plain[name]) {
			t.Errorf("%s %q, and %q without a browser: want the same", name, image[name], plain[name])
		}
	}
}

// TestTheImageHasNoShellAndRunsAsNobody looks at the last stage of the Dockerfile, which is what is built by default.
func TestTheImageHasNoShellAndRunsAsNobody(t *testing.T) {
	image := lastStage(t, "")
	for name, want := range map[string]string{"FROM": "scratch", "USER": "65534:65534", "EXPOSE": "10095", "VOLUME": "/data"} {
		if got := image[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if image["RUN"] != nil {
		t.Errorf("RUN %q: there is no shell", image["RUN"])
	}
	_, health, _ := strings.Cut(strings.Join(image["HEALTHCHECK"], ""), "CMD ")
	for name, words := range map[string]string{
		"HEALTHCHECK": health, "ENTRYPOINT": strings.Join(image["ENTRYPOINT"], ""), "CMD": strings.Join(image["CMD"], ""),
	} {
		var command []string
		if err := json.Unmarshal([]byte(words), &command); err != nil || len(command) == 0 {
			t.Errorf("%s %q: %v, want a list of words, which needs no shell", name, words, err)
			continue
		}
		if name != "ENTRYPOINT" {
			wantAccepted(t, slices.DeleteFunc(command, func(w string) bool { return w == "/bin/perfwatch" }))
		}
	}
}

// wantAccepted has the program read the flags of a command, which it then only explains.
func wantAccepted(t *testing.T, command []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	run(t.Context(), append(command, "--help"), &stdout, &stderr)
	if said := stdout.String() + stderr.String(); !strings.Contains(said, "usage: perfwatch "+command[0]) {
		t.Errorf("perfwatch %q: %s", command, said)
	}
}

// TestTheImageIsBuiltWithTheGoOfTheModule and of what is there.
func TestTheImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(shippedText(t, "go.mod"))
	if all := dockerfile(t); version == nil || !strings.HasPrefix(all[0].rest, "golang:"+version[1]+"-") {
		t.Errorf("FROM %q, want the Go of go.mod, %q", all[0].rest, version)
	}
	for _, in := range dockerfile(t) {
		if in.name != "COPY" || strings.HasPrefix(in.rest, "--from") {
			continue
		}
		words := strings.Fields(in.rest)
		for _, name := range words[:len(words)-1] {
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("COPY %s: %v", in.rest, err)
			}
		}
	}
}

// TestComposeMountsWhatIsThere and gives perfwatch flags that it knows and images that do not change by themselves.
func TestComposeMountsWhatIsThere(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image            string
			Command, Volumes []string
			ReadOnly         bool `yaml:"read_only"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(shippedText(t, "deploy/compose.yml")), &compose); err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for name, service := range compose.Services {
		if name != "perfwatch" && !regexp.MustCompile(`^[a-z/-]+:v?\d+\.\d+\.\d+$`).MatchString(service.Image) {
			t.Errorf("%s: image %q, want one of a fixed version", name, service.Image)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			mounts++
			if _, named := compose.Volumes[source]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, "deploy", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if len(compose.Services) != 4 || mounts < 7 {
		t.Errorf("%d services with %d mounts, want 4 with 7 at least", len(compose.Services), mounts)
	}
	var minor int
	if _, err := fmt.Sscanf(compose.Services["prometheus"].Image, "prom/prometheus:v3.%d.", &minor); err != nil || minor < 8 {
		t.Errorf("image %q, want a Prometheus 3.8 or later, the first to know scrape_native_histograms",
			compose.Services["prometheus"].Image)
	}
	watcher := compose.Services["perfwatch"]
	if !watcher.ReadOnly {
		t.Error("perfwatch may write into its image")
	}
	wantAccepted(t, watcher.Command)
}
