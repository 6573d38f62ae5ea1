package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// The two values of the plan's configuration, as they stand there, and one over HTTP.
func TestBusinessValuesAreRead(t *testing.T) {
	cache, database := peer.StartRedis(t), peer.StartPostgres(t)
	client := redis.NewClient(&redis.Options{Addr: cache.Address})
	defer func() { _ = client.Close() }()
	if err := client.ZAdd(t.Context(), "sessions", redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2, Member: "b"}).Err(); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("postgres://watcher:hunter2@%s/postgres?sslmode=disable", database.Address)
	dsn := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(dsn, []byte(url), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE events AS SELECT 'chart' AS feature, now() AS at FROM generate_series(1, 5)"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"orders": 9}`)) }))
	defer web.Close()

	r := start(t, fmt.Sprintf(`
redis: [{name: cache, url: "redis://%s"}]
postgres: [{name: main, dsn_file: %q}]
business:
  - {name: active_sessions, redis: cache, command: "ZCARD sessions"}
  - {name: feature_usage, postgres: main, query: "SELECT feature, count(*) FROM events WHERE at > now() - interval '1 hour' GROUP BY feature", label: feature}
  - {name: orders, http: {url: %q}, json: .orders}
`, cache.Address, dsn, web.URL))
	for _, row := range []struct {
		name, value string
		want        float64
	}{{"active_sessions", "", 2}, {"feature_usage", "chart", 5}, {"orders", "", 9}} {
		labels := map[string]string{"name": row.name, "value": row.value}
		waitFor(t, row.name, func() bool { return r.value(t, "perfwatch_business_value", labels) == row.want })
	}
}
