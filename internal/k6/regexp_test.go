package k6

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// TestPatternsFindTheSame runs each expression over each text, here and in k6.
func TestPatternsFindTheSame(t *testing.T) {
	patterns := []string{
		`abc`, `a(b|c)d`, `(?i)kelvin`, `(?i:K)el`, `^a`, `a$`, `(?m)^b.*$`, `(?s)a.*b`, `.`, `\bfoo\b`, `\Boo`, `[^a-z\n]+`, `\d{2,3}`,
		`\d{2,}?`, `a*?b`, `(a|ab)(c|bcd)`, `x*`, `[[:alpha:]]+`, `\pL+`, `\p{Greek}`, `\s`, `\S+`, `[\s\S]`, `\Aab`, `ab\z`, `\Q.*\E`,
		`\x{1F600}`, `é`, `(?U)a+`, `(?P<name>\w+)@`, `"token":"([^"]+)"`, `[a-]`, `[]/]`, `a{0}b`, `(?:)`, `(?:^a|b$)+`, `()`, `a|`, `\W`,
		`(?i)straße`, `[^\x00-\x{10FFFF}]`, `(?:a(?:b(?:c)?)?){2}`,
	}
	texts := []string{
		"", "abc", "abcd acd abd", "KELVIN", "\u212aelvin", "b\nbc\r\nb", "a\n\nb", "foo", "ofoo foo", "\u2028x\u00a0\v", "12345", "aaab",
		`{"token":"t-1","b":2}`, "me@there", "äÖ λ", "😀😀", "é", "a-]/", ".*", "STRASSE Straße ſ", "ab\n", "\U0001F600b", "abcababc",
	}
	type found struct {
		Pattern, Text string
		Want          []string // the match and its first group; none
	}
	var all []found
	for _, re2 := range patterns {
		compiled, err := pattern(re2)
		if err != nil {
			t.Errorf("%s: %v", re2, err)
		}
		re := regexp.MustCompile(re2)
		for _, text := range texts {
			f := found{Pattern: compiled, Text: text}
			if m := re.FindStringSubmatch(text); m != nil {
				f.Want = m[:min(2, len(m))]
			}
			all = append(all, f)
		}
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	run := peer.RunK6(t, fmt.Sprintf(`
export default function () {
  for (const c of %s) {
    const m = new RegExp(c.Pattern, 'u').exec(c.Text);
    const got = m ? Array.from(m).slice(0, 2).map((g) => g || '') : null;
    if (JSON.stringify(got) !== JSON.stringify(c.Want)) console.error('WRONG ' + JSON.stringify([c, got]));
  }
  console.log('CHECKED');
}`, encoded))
	if run.Code != 0 || strings.Contains(run.Output, "WRONG") || !strings.Contains(run.Output, "CHECKED") {
		t.Errorf("k6 ended with %d:\n%s", run.Code, run.Output)
	}
}

func TestSteps(t *testing.T) {
	for query, want := range map[string]string{
		".":                  "[]",
		".a":                 `["a"]`,
		".a.b[0]":            `["a","b",0]`,
		".[1]":               `[1]`,
		".a[-2].c":           `["a",-2,"c"]`,
		`."a b"["c"].d`:      `["a b","c","d"]`,
		`.["__proto__"][""]`: `["__proto__",""]`,
		".a[]":               "", ".a[1:2]": "", ".a?": "", ".a | .b": "", ".a, .b": "", "length": "", ".a[.b]": "", "..": "", "1": "",
		`."a\(.b)"`: "", ".a as $x | $x": "", ".a[1.5]": "", "-.a": "", ".a[99999999999999999999]": "", "not valid(": "",
		"def f: .; .a": "", ".a + 1": "", "if .a then .b else .c end": "", ".[-.a]": "", `.["a"].b[0][1]`: `["a","b",0,1]`,
	} {
		got, ok := steps(query)
		text, err := literal(got)
		if ok != (want != "") || ok && text != want || err != nil {
			t.Errorf("%s: %s, %t, want %q", query, text, ok, want)
		}
	}
}

func TestAVariableThatIsNotSetEndsTheTest(t *testing.T) {
	base, l := serve(t, answer)
	s := render(t, parseText(t, `{global: {base_url: "`+base+`"}, probes: [{name: burst, load: {users: 3, iterations: 9, `+
		`headers: {X-Key: k3y}, tasks: [{name: a, http: {url: /}}]}}]}`))
	run := peer.RunK6(t, s.Text)
	if run.Code == 0 || !strings.Contains(run.Output, "the variable PERFWATCH_HEADER_X_KEY is not set") || len(l.sorted()) > 0 {
		t.Errorf("k6 ended with %d after %d requests:\n%s", run.Code, len(l.sorted()), run.Output)
	}
}
