package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

func TestNamesAreThoseOfKubernetes(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, tt := range []struct {
		m    Metadata
		want string // the beginning of what is wrong
	}{
		{Metadata{Name: "perfwatch"}, ""},
		{Metadata{Name: "a.b-c.1"}, ""},
		{Metadata{Name: strings.Repeat("a", 253)}, ""},
		{Metadata{Name: strings.Repeat("a", 254)}, `name "aaa`},
		{Metadata{}, `name ""`},
		{Metadata{Name: "Perfwatch"}, `name "Perfwatch"`},
		{Metadata{Name: "a_b"}, `name "a_b"`},
		{Metadata{Name: "-a"}, `name "-a"`},
		{Metadata{Name: "a-"}, `name "a-"`},
		{Metadata{Name: "a..b"}, `name "a..b"`},
		{Metadata{Name: "a\nb"}, `name "a\nb"`},
		{Metadata{Name: "a\n"}, `name "a\n"`},
		{Metadata{Name: "a", Namespace: long}, ""},
		{Metadata{Name: "a", Namespace: long + "a"}, `namespace "aaa`},
		{Metadata{Name: "a", Namespace: "a.b"}, `namespace "a.b"`},
		{Metadata{Name: "a", Labels: map[string]string{"release": "", "example.org/team_A.b": "Shop_1.2-x"}}, ""},
		{Metadata{Name: "a", Labels: map[string]string{long: long}}, ""},
		{Metadata{Name: "a", Labels: map[string]string{long + "a": "b"}}, `label "aaa`},
		{Metadata{Name: "a", Labels: map[string]string{"": "b"}}, `label ""`},
		{Metadata{Name: "a", Labels: map[string]string{"/b": "b"}}, `label "/b"`},
		{Metadata{Name: "a", Labels: map[string]string{"A/b": "b"}}, `label "A/b"`},
		{Metadata{Name: "a", Labels: map[string]string{"a/b/c": "b"}}, `label "a/b/c"`},
		{Metadata{Name: "a", Labels: map[string]string{"b": long + "a"}}, `label b: "aaa`},
		{Metadata{Name: "a", Labels: map[string]string{"b": "c d"}}, `label b: "c d"`},
		{Metadata{Name: "a", Labels: map[string]string{"b": "c."}}, `label b: "c."`},
	} {
		got := fmt.Sprint(tt.m.Check())
		if tt.want == "" {
			tt.want = "<nil>"
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%.80v: %.120s, want %s", tt.m, got, tt.want)
		}
	}
	for port, ok := range map[string]bool{"http": true, "a-1": true, "10095": false, "": false, "Http": false, strings.Repeat("a", 16): false} {
		if err := CheckPort(port); (err == nil) != ok {
			t.Errorf("port %q: %v", port, err)
		}
	}
}

func TestPartsHaveNamesThatKubernetesTakes(t *testing.T) {
	for part, want := range map[string]string{"api_p95": "p-api-p95", "a__b_": "p-a--b", "Ä/x": "p-x"} {
		if got := (Metadata{Name: "p"}).Of(part); got.Name != want || got.Check() != nil {
			t.Errorf("part %q: %q, %v, want %q", part, got.Name, got.Check(), want)
		}
	}
}

func TestIntervalFitsScheduleAndWindows(t *testing.T) {
	for _, tt := range []struct {
		schedule string
		window   time.Duration
		want     time.Duration
	}{
		{"@every 15s", 0, 15 * time.Second},
		{"@every 15s", 5 * time.Minute, 15 * time.Second},
		{"@every 15s", 50 * time.Second, 12 * time.Second},
		{"@every 1s", time.Second, time.Second},
		{"@every 5m", time.Hour, time.Minute},
		{"*/20 * * * * *", 0, 20 * time.Second},
		{"@daily", 0, time.Minute},
	} {
		cfg := &config.Config{Objectives: []objective.Objective{{Window: tt.window}}}
		cfg.Global.Schedule = tt.schedule
		if got, err := Interval(cfg); err != nil || got != tt.want {
			t.Errorf("%s, %s: %s, %v, want %s", tt.schedule, tt.window, got, err, tt.want)
		}
	}
}

// TestNoLabelOfOursMeetsOneOfTheOperators but what the ServiceMonitor drops: a metric that has it empty would get the port's.
func TestNoLabelOfOursMeetsOneOfTheOperators(t *testing.T) {
	own := []string{"job", "instance", "namespace", "service", "pod", "container", "endpoint"}
	var meet []string
	for _, f := range collector.Families() {
		for _, l := range f.Labels {
			if slices.Contains(own, l) && !slices.Contains(meet, l) {
				meet = append(meet, l)
			}
		}
	}
	if !slices.Equal(meet, []string{"endpoint"}) {
		t.Errorf("labels %v meet, want endpoint alone, which the ServiceMonitor drops", meet)
	}
}

// template is a probe on demand with targets, of which those with an address that begins with a letter have a label.
func template(name string, timeout time.Duration, addresses ...string) config.Template {
	t := config.Template{Probe: config.Probe{Name: name, Group: "shops", Timeout: timeout}}
	for _, address := range addresses {
		known := config.Target{Address: address}
		if address[0] >= 'a' {
			known.Labels = map[string]string{"env": address[:1]}
		}
		t.Known = append(t.Known, known)
	}
	return t
}

func TestProbesAreOfTargetsWithTheSameLabels(t *testing.T) {
	cfg := &config.Config{}
	cfg.Global.Schedule = "@every 15s"
	cfg.OnDemand.Probes = []config.Template{
		template("shop", 5*time.Second, "1:1", "a:1", "2:1", "b:1", "a:2"), template("shop_2", 20*time.Second, "3:1"), template("empty", time.Second),
	}
	all, err := Probes(cfg, Metadata{Name: "pw", Namespace: "perf"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		p, _ := r.Spec.(probe)
		c := p.Targets.StaticConfig
		got = append(got, fmt.Sprint(r.Metadata.Name, " ", p.Prober.URL, " ", p.Interval, " ", p.ScrapeTimeout, " ", c.Static, " ", c.Labels, " ", c.Relabelings))
	}
	want := []string{
		"pw-shop pw.perf.svc:10095 15s 5s500ms [1:1 2:1] map[group:shops probe:shop] [{  __param_probe shop}]",
		"pw-shop-2 pw.perf.svc:10095 15s 5s500ms [a:1 a:2] map[env:a group:shops probe:shop] [{  __param_probe shop}]",
		"pw-shop-3 pw.perf.svc:10095 15s 5s500ms [b:1] map[env:b group:shops probe:shop] [{  __param_probe shop}]",
		"pw-shop-2-2 pw.perf.svc:10095 21s 20s500ms [3:1] map[group:shops probe:shop_2] [{  __param_probe shop_2}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("probes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	long := Metadata{Name: strings.Repeat("a", 250)}
	if _, err := Probes(cfg, long, ""); err == nil || !strings.HasPrefix(err.Error(), `naming the Probe of "shop": name "aaa`) {
		t.Errorf("a name that is too long with its part: %v", err)
	}
}
