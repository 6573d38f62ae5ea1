package k6

import (
	"strings"
	"testing"
)

// TestWhatK6CannotDoIsRefused has one thing a row that would be another load if it were left out.
func TestWhatK6CannotDoIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, global, load, want string
	}{
		{"a query", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: /, expect: {json: '.a | length > 0'}}}]",
			`load.tasks[0].http.expect.json: the query ".a | length > 0", want one of keys and numbers such as .a.b[0], ` +
				`which is all that the script can ask`},
		{"a captured query", "", "users: 1, duration: 1s, setup: [{name: s, http: {url: /}, capture: {t: '.a[]'}}], tasks: [{name: a, http: {url: /}}]",
			`load.setup[0].capture.t: the query ".a[]", want one of keys and numbers`},
		{"a proxy", "http_client: {proxy_url: 'http://127.0.0.1:1'}", "users: 1, duration: 1s, tasks: [{name: a, http: {url: /}}]",
			"global.http_client: of it only basic_auth, authorization, follow_redirects and tls_config.insecure_skip_verify can be"},
		{"a user in a URL", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: 'http://u:p@127.0.0.1/'}}]",
			"load.tasks[0].http.url: a user in the URL would stand in the script"},
		{"some connections kept", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: /}}, {name: b, http: {url: /, fresh_connection: true}}]",
			"load: fresh_connection of some requests only"},
		{"a slow ceiling", "", "users: 1, duration: 1s, max_rate: 0.5, tasks: [{name: a, http: {url: /}}]",
			"load.max_rate: 0.5 a second, want at least 1 for each of 1 k6"},
		{"data of setup and tasks", "", "users: 1, duration: 1s, setup: [{name: s, http: {url: '/${n}'}}], tasks: [{name: a, http: {url: '/${n}'}}], " +
			"data: {n: {count: 9, pick: sequential}}", "load.data.n.pick: the setup and the tasks both draw from it"},
		{"values whose order nobody knows", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: '/${n}'}}, " +
			"{name: b, weight: 1.4142135, http: {url: /}}], data: {n: {count: 9, pick: unique}}",
			"load.data.n.pick: users of k6 share no memory, and know which values are next only where"},
		{"a search", "", "rate: 100, find_capacity: {start: 100, step: 100, max: 300}, max_users: 9, tasks: [{name: a, http: {url: /}}]", "load.find_capacity: k6 does not search"},
		{"runs in turn", "", "users: 1, duration: 1s, matrix: {batch: [1, 10]}, tasks: [{name: a, http: {url: '/${batch}'}}]",
			"load.matrix.batch: one run has one value, want one of [1 10]"},
		{"a file that is not here", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: '/${n}'}}], data: {n: {file: none.csv, column: a}}",
			`load.data.n.file: "none.csv" cannot be read here`},
		{"a body that is no text", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: /, method: POST, body_file: binary}}]",
			`load.tasks[0].http.body_file: "binary" is no UTF-8 text`},
		{"a name that is none in JavaScript", "", "users: 1, duration: 1s, tasks: [{name: a, http: {url: /, headers: {__proto__: a}}}]",
			`load.tasks[0].http: a header "__proto__" is none in JavaScript`},
	} {
		file := strings.NewReplacer("GLOBAL", tt.global, "LOAD", tt.load).Replace(
			"global: {base_url: \"http://127.0.0.1:8000\", GLOBAL}\nprobes: [{name: burst, load: {LOAD}}]\n")
		s, err := Render(parseElsewhere(t, file), "burst", nil, 1)
		if err == nil || !strings.HasPrefix(err.Error(), `exporting probe "burst": `+tt.want) {
			t.Errorf("%s: %v, %v\nwant %s", tt.name, s, err, tt.want)
		}
	}
}

// TestWhatK6DoesOtherwiseIsTold has one note a row.
func TestWhatK6DoesOtherwiseIsTold(t *testing.T) {
	for _, tt := range []struct{ load, want string }{
		{"users: 1, duration: 1s, tasks: [{name: a, http: {url: /, expect: {max_body: 1MiB}}}]",
			"load.tasks[0].http.expect.max_body: k6 does not judge it"},
		{"users: 1, duration: 1s, tasks: [{name: a, http: {url: /, server_timing: [db]}}]",
			"load.tasks[0].http.server_timing: k6 does not read it"},
		{"users: 1, duration: 1s, tasks: [{name: a, http: {url: /, expect: {status: [200, 302]}}}]",
			"load.tasks[0].http.expect.status: k6 follows no redirect here, also none that is not named"},
		{"users: 2, ramp_up: 1, iterations: 2, tasks: [{name: a, http: {url: /}}]",
			"load.ramp_up: each user of k6 sends one iteration at least, so that the run lasts until all have started"},
		{"users: 2, duration: 1s, tasks: [{name: a, http: {url: '/${n}'}}], data: {n: {count: 9, pick: unique, batch: 3}}",
			"load.data.n.batch: users of k6 take one value at a time"},
		{"users: 2, duration: 1s, tasks: [{name: a, http: {url: '/${n}'}}], data: {n: {count: 9, pick: unique}}",
			"load.data.n: when the values are used up k6 says that the test is aborted"},
		{"users: 1, duration: 1s, headers: {X-Key: k3y}, tasks: [{name: a, http: {url: /}}]",
			"header X-Key: its value may be a secret and does not stand in the script, which reads it from PERFWATCH_HEADER_X_KEY"},
		{"users: 1, duration: 1s, watch: {host: true}, tasks: [{name: a, http: {url: /}}]",
			"load.watch: k6 looks at no process, Redis or host"},
		{"users: 1, duration: 1s, seed: 7, tasks: [{name: a, http: {url: /}}]", "load.seed: k6 draws from a seed of its own"},
		{"users: 1, duration: 1s, abort: {latency_p95: 1s}, tasks: [{name: a, http: {url: /}}]",
			"load.abort: k6 judges error_ratio and latency_p95 over the whole run, not over its last 5 s"},
	} {
		s := render(t, parseText(t, "global: {base_url: \"http://127.0.0.1:8000\"}\nhost: {}\nprobes: [{name: burst, load: {"+tt.load+"}}]\n"))
		if !strings.Contains("\n"+strings.Join(s.Notes, "\n")+"\n", "\n"+tt.want+"\n") {
			t.Errorf("%s: notes %q\nwant %q among them", tt.load, s.Notes, tt.want)
		}
		if quoted, _ := literal(tt.want); !strings.Contains(s.Text, quoted) {
			t.Errorf("%s: the script does not say %s", tt.load, quoted)
		}
	}
}

// TestSecretsHaveVariables names one for each value, the same for the same, and leaves what is none.
func TestSecretsHaveVariables(t *testing.T) {
	s := render(t, parseText(t, `
global: {base_url: "http://127.0.0.1:8000"}
probes:
  - name: burst
    load:
      users: 1
      duration: 1s
      setup: [{name: s, http: {url: /, headers: {X-Key: other}}, capture: {token: .t}}]
      headers: {x-key: k3y, Authorization: "Bearer ${token}", X-User: "u-${user}", X-Ids: "${uuid}, ${uuid}", Accept: text/csv}
      tasks:
        - {name: a, http: {url: /, headers: {authorization: "Bearer abc"}}}
        - {name: b, http: {url: /, headers: {Authorization: "Bearer abc"}}}
        - {name: c, http: {url: /}}
`))
	const want = "PERFWATCH_HEADER_AUTHORIZATION PERFWATCH_HEADER_X_KEY PERFWATCH_HEADER_X_KEY_2 PERFWATCH_HEADER_X_USER"
	if got := strings.Join(s.Environment, " "); got != want {
		t.Errorf("the script needs %s, want %s", got, want)
	}
	for _, text := range []string{"k3y", "other", "abc", "u-"} {
		if strings.Contains(s.Text, `"`+text) || strings.Contains(s.Text, text+`"`) {
			t.Errorf("the script has %q in it", text)
		}
	}
	for _, text := range []string{`"Bearer ",{"kind":"captured","slot":0}`, `{"kind":"uuid"},", ",{"kind":"uuid"}`, `["text/csv"]`} {
		if !strings.Contains(s.Text, text) {
			t.Errorf("the script does not have %s in it", text)
		}
	}
}

// TestCredentialsOfAllRequests come from a variable, as the header's whole value.
func TestCredentialsOfAllRequests(t *testing.T) {
	s := render(t, parseText(t, `
global:
  base_url: "https://127.0.0.1:8000"
  http_client: {basic_auth: {username: us3r, password: p4ss}, follow_redirects: false, tls_config: {insecure_skip_verify: true}}
probes: [{name: burst, load: {users: 1, duration: 1s, tasks: [{name: a, http: {url: /}}, {name: b, http: {url: /, headers: {authorization: t0ken}}}]}}]
`))
	for _, text := range []string{"us3r", "p4ss", "t0ken"} {
		if strings.Contains(s.Text, text) {
			t.Errorf("the script has %q in it", text)
		}
	}
	for _, want := range []string{
		`{"name":"Authorization","value":[{"kind":"env","name":"PERFWATCH_HEADER_AUTHORIZATION"}]}`,
		`{"name":"Authorization","value":[{"kind":"env","name":"PERFWATCH_HEADER_AUTHORIZATION_2"}]}`,
		`"insecureSkipTLSVerify": true`, `"redirects":0`,
	} {
		if !strings.Contains(s.Text, want) {
			t.Errorf("the script has no %s", want)
		}
	}
}

// TestOneRunOfAMatrix exports the run of a value, whose requests carry so many items.
func TestOneRunOfAMatrix(t *testing.T) {
	cfg := parseText(t, `
global: {base_url: "http://127.0.0.1:8000"}
probes:
  - name: burst
    load:
      users: 1
      iterations: 50
      matrix: {batch: [1, 10, 32], size: [5]}
      items: "${batch}"
      tasks: [{name: predict, http: {method: POST, url: "/${batch}", json: {n: "${batch}", features: "${matrix:batch:50}", size: "x${size}"}}}]
objectives: [{name: rate, title: Rate, measure: load_items_rate, probe: burst, target: 64}]
`)
	s, err := Render(cfg, "burst", map[string]int{"batch": 32}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`["http://127.0.0.1:8000/",{"as":"url","from":32,"kind":"int","to":32}]`, `\"n\":",{"as":"json","from":32,"kind":"int","to":32},`,
		`{"as":"json","kind":"matrix","n":50,"rows":32}`, `\"x",{"as":"json","from":5,"kind":"int","to":5},"\"`, `"threshold": "rate>=2"`,
		`"objective rate: it is judged on this run, in perfwatch on the best of the matrix"`,
	} {
		if !strings.Contains(s.Text, want) {
			t.Errorf("the script has no %s", want)
		}
	}
	for _, tt := range []struct {
		values map[string]int
		want   string
	}{
		{map[string]int{"batch": 2}, "load.matrix.batch: one run has one value, want one of [1 10 32]"},
		{map[string]int{"batch": 1, "other": 1}, `load.matrix: no variable "other", want one of ["batch" "size"]`},
	} {
		if _, err := Render(cfg, "burst", tt.values, 1); err == nil || !strings.HasSuffix(err.Error(), ": "+tt.want) {
			t.Errorf("%v: %v, want %s", tt.values, err, tt.want)
		}
	}
}
