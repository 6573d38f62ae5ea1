//go:build e2e

package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/dashboards"
)

// testPreview draws the dashboards from the real Prometheus, as somebody would who has no Grafana. They are kept in the folder
// PERFWATCH_PREVIEWS, for people to look at.
func (s *stand) testPreview(t *testing.T) {
	dir := cmp.Or(os.Getenv("PERFWATCH_PREVIEWS"), t.TempDir())
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"dashboards", "preview", "--config.file=" + s.file, "--prometheus.url=" + s.prometheus.URL,
		"--range=1m", "--rate-interval=5s", "--variable=before=3s", "--output-dir=" + dir}, &bytes.Buffer{}, &stderr)
	if code != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	// Its variables stand for what Prometheus knows, as in Grafana: a panel of what a dashboard does not offer would be empty.
	for _, d := range dashboards.Render(s.config) {
		page, err := os.ReadFile(filepath.Join(dir, strings.TrimSuffix(d.File(), ".json")+".html"))
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range strings.Split(string(page), "<section")[1:] {
			if strings.Contains(section, ">no data<") {
				t.Errorf("%s: a panel is empty: %.200s", d.File(), section)
			}
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "perfwatch-overview.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<th>last run ok</th>", `class="line c0"`, `dashed"`, `class="figure good"`, `class="band good"`} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the preview of the overview lacks %s", want)
		}
	}
}
