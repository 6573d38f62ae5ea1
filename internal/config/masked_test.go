package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMaskedHidesEverySecretAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perfwatch.yml")
	text := `# hunter2 in a comment
global:
  base_url: https://shop.example
  http_client:
    basic_auth: {username: reader, password: hunter2} # hunter2
    http_headers: {X-Key: {secrets: [hunter2]}}
    proxy_url: http://me:hunter2@proxy:3128
probes:
  - name: shop
    http:
      url: "/a?q=apple&api_key=hunter2&page=3"
      headers: {Authorization: Bearer hunter2}
      cookies: {session: hunter2}
      json: {password: hunter2}
  - name: db
    sql: {dsn: "postgres://a:hunter2@h/d", dsn_file: secrets/db.dsn, queries: [{name: q, query: "SELECT 1", args: [hunter2]}]}
redis:
  - {name: cache, url: "redis://u:hunter2@h:6379/0", password_file: secrets/redis}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	masked, err := Masked(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(masked)
	if strings.Contains(got, "hunter2") || strings.Contains(got, "#") {
		t.Errorf("a secret or a comment is left:\n%s", got)
	}
	for _, want := range []string{
		"base_url: https://shop.example", "username: reader", "q=apple&api_key=<secret>&page=3", "dsn_file: secrets/db.dsn",
		"password_file: secrets/redis", "query: \"SELECT 1\"", "redis://<secret>@h:6379/0",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in it:\n%s", want, got)
		}
	}
	if _, err := Masked(path + "x"); err == nil {
		t.Error("a file that is not there was read")
	}
}
