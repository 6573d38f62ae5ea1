package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/perfwatch/perfwatch/"

// floors says which of our packages each of our packages may import; a package that is not named here has no place in
// the house yet. Imports run downward only.
func floors() map[string][]string {
	below := []string{"internal/chart", "internal/pipeline", "internal/browser", "internal/guard", "probes", "internal/load", "internal/objective", "internal/schedule", "internal/config", "collector"}
	return map[string][]string{
		"probes":              {"internal/browser"}, // which the kind page needs, and nothing else
		"internal/nap":        nil,
		"internal/schedule":   {"internal/nap"},
		"internal/objective":  nil,
		"internal/pipeline":   {"internal/schedule"},
		"internal/peer":       nil,
		"internal/browser":    nil,
		"internal/benchpages": {"internal/browser", "internal/truth"},
		"internal/guard":      {"internal/schedule"},
		"internal/trend":      nil,
		"internal/truth":      nil,
		"internal/stage":      nil,
		"internal/chart":      nil,
		"internal/preview":    {"internal/chart"},
		"internal/baseline":   nil,
		"internal/cgroup":     nil,
		"internal/load":       {"probes", "internal/objective", "internal/trend", "internal/cgroup", "internal/nap"},
		// It keeps a load.Summary, as the collector shows one: the same floor, which load knows nothing of.
		"internal/archive":  {"probes", "internal/objective", "internal/load", "internal/baseline"},
		"collector":         {"probes", "internal/load", "internal/objective", "internal/trend", "internal/pipeline", "internal/cgroup"},
		"internal/config":   {"internal/guard", "internal/pipeline", "probes", "internal/load", "internal/objective", "internal/schedule"},
		"internal/k6":       {"probes", "internal/load", "internal/objective", "internal/config"},
		"internal/operator": {"internal/schedule", "internal/config"},
		"alerts":            {"internal/config", "internal/objective", "internal/operator", "collector"},
		"dashboards":        {"internal/config", "internal/objective", "collector", "alerts"},
		"internal/schema":   nil, // of the tests that render
		"internal/report":   {"probes", "internal/objective", "internal/load", "internal/baseline", "internal/archive", "collector", "internal/config", "internal/chart"},
		"internal/oneshot":  {"probes", "internal/objective", "internal/load", "internal/archive", "collector", "internal/config", "internal/report"},
		"internal/console":  {"internal/objective", "internal/oneshot"},
		"internal/web":      append(below, "internal/report"),
		"internal/demo":     below,
		"cmd/perfwatch":     append(below, "internal/stage", "internal/archive", "internal/baseline", "alerts", "dashboards", "internal/k6", "internal/operator", "internal/preview", "internal/report", "internal/oneshot", "internal/console", "internal/web", "internal/demo"),
	}
}

// owners says which packages may import a library that belongs to one part of the house.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/prometheus/client_golang":      {"collector", "internal/preview", "internal/report", "internal/oneshot", "internal/console", "internal/web", "cmd/perfwatch"},
		"github.com/robfig/cron/v3":                {"internal/schedule"},
		"github.com/shirou/gopsutil/v3":            {"collector", "internal/demo"},
		"github.com/redis/go-redis/v9":             {"collector", "internal/demo"},
		"github.com/alicebob/miniredis/v2":         {"internal/demo"},
		"modernc.org/sqlite":                       {"internal/demo", "probes"},
		"github.com/go-sql-driver/mysql":           {"probes"},
		"github.com/miekg/dns":                     {"probes"},
		"github.com/prometheus-community/pro-bing": {"probes"},
		"google.golang.org/grpc":                   {"probes"},
		"github.com/jackc/pgx/v5":                  {"probes"},
		"github.com/vbauerster/mpb/v8":             {"internal/console"},
		"github.com/chromedp":                      {"internal/browser"},
	}
}

func TestImportsRunDownward(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		allowed, ok := floors()[pkg]
		if !ok {
			t.Errorf("package %s has no floor in this test", pkg)
		}
		for _, imported := range fields[1:] {
			if own, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, which is not below it", pkg, own)
			}
			for library, users := range owners() {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(users, pkg) {
					t.Errorf("%s imports %s, which belongs to %v", pkg, imported, users)
				}
			}
		}
	}
}

// TestOneFileUsesChromedp holds its API, which moves, behind one seam: no other file of the program imports it.
func TestOneFileUsesChromedp(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("listing files: %v", err)
	}
	var users []string
	for file := range strings.Lines(string(out)) {
		if file = strings.TrimSpace(file); file == "" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool { return strings.HasPrefix(i.Path.Value, `"github.com/chromedp/`) }) {
			users = append(users, filepath.Base(file))
		}
	}
	if !slices.Equal(users, []string{"wire.go"}) {
		t.Errorf("chromedp is imported by %v, want wire.go of internal/browser only", users)
	}
}
