package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAProbeIsOneForEachOfItsTargets(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "shops.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`[{"targets": ["https://c", "https://a", "https://c"], "labels": {"env": "test", "__meta_dc": "1"}}]`)
	const text = `
probes:
  - {name: shop, group: web, targets: ["http://a:81", {target: "https://a", labels: {env: prod}}], file_sd: ["*.json"], http: {url: /x}}
  - {name: port, targets: on_demand, file_sd: [shops.json], http: {url: /x}}
on_demand: {allow: [10.0.0.0/8]}
objectives:
  - {name: errors, measure: error_ratio, probe: shop, target: 10%}
`
	cfg, err := parse([]byte(text), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range cfg.Probes {
		got[p.Name] = p.HTTP.URL + " " + p.Group + " " + p.Labels["target"] + " " + p.Labels["env"]
	}
	want := map[string]string{
		"shop/http://a:81": "http://a:81/x web http://a:81 ",
		"shop/https://a":   "https://a/x web https://a prod",
		"shop/https://c":   "https://c/x web https://c test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if o := cfg.Objectives[0]; !o.Targets || o.Probe != "shop" {
		t.Errorf("%+v, want that of the targets", o)
	}
	if known := cfg.OnDemand.Template("port").Known; len(known) != 2 || known[0].Address != "https://c" {
		t.Errorf("known %+v", known)
	}

	write("[{")
	after, err := parse([]byte(text), dir, cfg)
	if err != nil || len(after.Probes) != 3 || len(after.Warnings) == 0 || !strings.Contains(after.Warnings[0].Message, "shops.json") {
		t.Fatalf("after a bad file: %v, %d probes, warnings %v", err, len(after.Probes), after.Warnings)
	}
	if again, err := parse([]byte(text), dir, nil); err != nil || len(again.Probes) != 2 {
		t.Errorf("a bad file from the start: %v, %d probes, want the two that stand in the configuration", err, len(again.Probes))
	}
}

// addresses are those of targets, in their order.
func addresses(all []Target) (list []string) {
	for _, t := range all {
		list = append(list, t.Address)
	}
	return list
}

func TestAFileGivesEachProbeWhatItCanAsk(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "s.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const text = `
probes:
  - {name: a, file_sd: [s.yml], http: {url: /}}
  - {name: b, file_sd: [s.yml], tcp: {}}
`
	var cfg *Config
	for _, step := range []struct {
		name, file, text string
		a, b             []string
		want             TargetFile
	}{
		{"both can ask it", "- targets: [127.0.0.1:1]", text, []string{"127.0.0.1:1"}, []string{"127.0.0.1:1"}, TargetFile{"", 1, true}},
		{"a URL is for one of them", `- targets: ["http://127.0.0.1:1", "http://127.0.0.1:2"]`, text,
			[]string{"http://127.0.0.1:1", "http://127.0.0.1:2"}, []string{"127.0.0.1:1"}, TargetFile{"", 2, false}},
		{"again", `- targets: ["http://127.0.0.1:1"]`, text, []string{"http://127.0.0.1:1"}, []string{"127.0.0.1:1"}, TargetFile{"", 1, false}},
		{"a probe became another kind", "- targets: [", strings.Replace(text, "http: {url: /}", "tcp: {}", 1),
			nil, []string{"127.0.0.1:1"}, TargetFile{"", 1, false}},
		{"mended", "- targets: [127.0.0.1:3]", text, []string{"127.0.0.1:3"}, []string{"127.0.0.1:3"}, TargetFile{"", 1, true}},
	} {
		write(step.file)
		next, err := parse([]byte(step.text), dir, cfg)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		cfg = next
		got := map[string][]string{}
		for _, d := range cfg.Discovered {
			got[d.Probe] = addresses(d.Targets)
		}
		if diff := cmp.Diff(map[string][]string{"a": step.a, "b": step.b}, got); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
		if len(cfg.Probes) != len(step.a)+len(step.b) {
			t.Errorf("%s: %d probes, want %d", step.name, len(cfg.Probes), len(step.a)+len(step.b))
		}
		step.want.Path = filepath.Join(dir, "s.yml")
		if diff := cmp.Diff([]TargetFile{step.want}, cfg.TargetFileList()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

func TestFilesOfTargetsAreBounded(t *testing.T) {
	many := strings.Repeat(`"a:1",`, maxTargets+1)
	for name, text := range map[string]string{
		"too many": `[{"targets": [` + many[:len(many)-1] + `]}]`, "a map": `{"targets": ["a:1"]}`, "numbers": `[{"targets": {"a": 1}}]`,
		"text": "hello", "aliases": "a: &a [x, x]\nb: &b [*a, *a]\n", "half": `[{"targets": ["a:1"`,
	} {
		if all, err := parseTargets([]byte(text)); err == nil {
			t.Errorf("%s: %d targets, want an error", name, len(all))
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readTargets(pipe); err == nil || err.Error() != "not a regular file" {
		t.Errorf("a pipe: %v, want that it is not a regular file", err)
	}
	path := filepath.Join(t.TempDir(), "big.json")
	if err := os.WriteFile(path, slices.Repeat([]byte(" "), maxTargetFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readTargets(path); err == nil || err.Error() != "over 8 MiB" {
		t.Errorf("a file over the bound: %v", err)
	}
}

func FuzzFileSD(f *testing.F) {
	for _, seed := range []string{
		"", "[]", `[{"targets": ["a:1"], "labels": {"x": "y"}}]`, "- targets: [a]\n", "a: &a [*a]", `[{"targets": [null, 1, {}]}]`, "- 1\n- []",
		"\x00", "[[[[[[[[[[", `[{"labels": {"": ""}}]`, "&a [{targets: [b]}, *a]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseTargets(text)
		if err != nil && (all != nil || len(err.Error()) > maxShown+10) {
			t.Errorf("%d targets beside %q", len(all), err)
		}
		if len(all) > maxTargets {
			t.Errorf("%d targets", len(all))
		}
	})
}

func TestTheAllowListIsJudgedByTheAddress(t *testing.T) {
	permit := (&OnDemand{Allow: []string{"10.0.0.0/8", "192.0.2.7", "shop.example.org", "*.intern.example", "2001:db8::/32"}}).Permit()
	for _, tt := range []struct {
		host, address string
		want          bool
	}{
		{"a", "10.1.2.3", true}, {"a", "11.1.2.3", false}, {"a", "192.0.2.7", true}, {"a", "192.0.2.8", false},
		{"shop.example.org", "203.0.113.9", true}, {"Shop.Example.Org.", "203.0.113.9", true}, {"x.shop.example.org", "203.0.113.9", false},
		{"a.b.intern.example", "203.0.113.9", true}, {"intern.example", "203.0.113.9", false}, {"evilintern.example", "203.0.113.9", false},
		{"a", "2001:db8::1", true}, {"a", "::1", false}, {"a", "127.0.0.1", false},
		{"shop.example.org", "169.254.169.254", false}, {"shop.example.org", "fe80::1", false}, {"shop.example.org", "0.0.0.0", false},
		{"shop.example.org", "224.0.0.1", false},
	} {
		if err := permit(tt.host, netip.MustParseAddr(tt.address)); (err == nil) != tt.want {
			t.Errorf("%s at %s: %v, want permitted %v", tt.host, tt.address, err, tt.want)
		}
	}
}

// Without a list nothing may be asked, and none but one that names their very address lets clouds be asked for metadata.
func TestMetadataIsAllowedByItsAddressAlone(t *testing.T) {
	wide := []string{"0.0.0.0/0", "::/0", "a"}
	elsewhere := strings.Fields("fd00:ec2::254 fd20:ce::254 fd00:42::42 100.100.100.200 168.63.129.16 192.0.0.192")
	link := strings.Fields("169.254.169.254 fe80::1 fe80::1%eth0")
	for _, address := range append(slices.Clone(elsewhere), link...) {
		if (&OnDemand{Allow: wide}).Permit()("a", netip.MustParseAddr(address)) == nil {
			t.Errorf("a list that allows everything allows %s", address)
		}
	}
	for _, address := range elsewhere {
		one := netip.MustParseAddr(address)
		for _, allow := range []string{address, netip.PrefixFrom(one, one.BitLen()).String()} {
			if err := (&OnDemand{Allow: []string{allow}}).Permit()("b", netip.MustParseAddr(address)); err != nil {
				t.Errorf("%s allows %s not: %v", allow, address, err)
			}
		}
	}
	for _, address := range link {
		if (&OnDemand{Allow: []string{address}}).Permit()("a", netip.MustParseAddr(address)) == nil {
			t.Errorf("%s is allowed", address)
		}
	}
	for _, address := range append(elsewhere, "127.0.0.1", "::1", "10.0.0.1", "fd00::1", "192.0.2.1", "2001:db8::1") {
		if new(OnDemand).Permit()("a", netip.MustParseAddr(address)) == nil {
			t.Errorf("an empty list allows %s", address)
		}
	}
	for _, near := range []string{"100.100.100.201", "fd00:ec2::253"} {
		if err := (&OnDemand{Allow: wide}).Permit()("a", netip.MustParseAddr(near)); err != nil {
			t.Error(err)
		}
	}
}
