package collector

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// businessSpec is a spec that holds for a minute.
func businessSpec(label string) BusinessSpec {
	return BusinessSpec{
		Name: "sessions", Label: label, MaxValues: 3, Timeout: testTimeout, MaxAge: time.Minute,
		Next: func(time.Time) time.Time { return time.Time{} },
	}
}

func watchBusiness(t *testing.T, spec BusinessSpec, source FigureSource) (*Business, *prometheus.Registry) {
	t.Helper()
	b := NewBusiness(spec, source, quiet())
	t.Cleanup(source.close)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(b)
	return b, reg
}

const businessOK = `perfwatch_scrape_success{collector="business/sessions"}`

// valueOf is the series of a value of the label.
func valueOf(label string) string {
	return fmt.Sprintf(`perfwatch_business_value{name="sessions",value=%q}`, label)
}

func TestABusinessValueComesFromRedis(t *testing.T) {
	server := peer.StartRedis(t)
	c, ctx := client(t, server.Address), t.Context()
	at := RedisServer{URL: "redis://" + server.Address}
	source := func(command ...string) FigureSource {
		s, err := RedisFigures(at, command)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sessions, reg := watchBusiness(t, businessSpec(""), source("ZCARD", "sessions"))
	sessions.pull(ctx)
	wantSeries(t, reg, map[string]string{valueOf(""): "0", businessOK: "1"})
	c.ZAdd(ctx, "sessions", redis.Z{Score: 5, Member: "ann"}, redis.Z{Score: 7.5, Member: "bob"})
	sessions.pull(ctx)
	wantSeries(t, reg, map[string]string{valueOf(""): "2", `perfwatch_business_values_left_out{name="sessions"}`: "0"})

	scores, reg := watchBusiness(t, businessSpec("user"), source("ZRANGE", "sessions", "0", "-1", "WITHSCORES"))
	scores.pull(ctx)
	wantSeries(t, reg, map[string]string{valueOf("ann"): "5", valueOf("bob"): "7.5"})

	missing, reg := watchBusiness(t, businessSpec(""), source("GET", "no such key"))
	missing.pull(ctx)
	wantSeries(t, reg, map[string]string{valueOf(""): "", businessOK: "1"})

	wrong, reg := watchBusiness(t, businessSpec(""), source("GET", "sessions"))
	for range 2 { // the refusal leaves the connection as it is
		wrong.pull(ctx)
		wantSeries(t, reg, map[string]string{valueOf(""): "", businessOK: "0"})
	}
}

func TestABusinessValueComesFromPostgres(t *testing.T) {
	server := peer.StartPostgres(t)
	execute(t, postgresOwner(t, server), "CREATE TABLE events (feature text, at timestamptz)",
		"INSERT INTO events SELECT CASE WHEN i % 4 = 0 THEN 'chart' ELSE 'search' END, now() FROM generate_series(1, 100) i",
		"INSERT INTO events VALUES (NULL, now()), ('old', now() - interval '2 hours')")
	file := filepath.Join(t.TempDir(), "dsn")
	writeFile(t, file, "postgres://watcher:hunter2@"+server.Address+"/postgres?sslmode=disable")
	const usage = "SELECT feature, count(*) FROM events WHERE at > now() - interval '1 hour' GROUP BY feature"
	for _, row := range []struct {
		name, query, label string
		want               map[string]string
	}{
		{"by feature", usage, "feature", map[string]string{valueOf("chart"): "25", valueOf("search"): "75", valueOf(""): "1", valueOf("old"): ""}},
		{"the number first", "SELECT 7, 'a' AS feature", "feature", map[string]string{valueOf("a"): "7"}},
		{"numeric", "SELECT 2.5::numeric", "", map[string]string{valueOf(""): "2.5"}},
		{"text", "SELECT 'many'", "", map[string]string{valueOf(""): "", businessOK: "0"}},
		{"null", "SELECT avg(1) WHERE false", "", map[string]string{valueOf(""): "", businessOK: "1"}},
		{"not a number", "SELECT 'NaN'::float8", "", map[string]string{valueOf(""): "", businessOK: "0"}},
		{"a million rows", "SELECT i::text AS feature, i FROM generate_series(1, 1000000) i", "feature", map[string]string{valueOf("1"): "", businessOK: "0"}},
		{"several without a label", usage, "", map[string]string{businessOK: "0"}},
		{"two rows without a label", "SELECT generate_series(1, 2)", "", map[string]string{businessOK: "0"}},
		{"another label", usage, "colour", map[string]string{businessOK: "0"}},
		{"twice the same", "VALUES ('a', 1), ('a', 2)", "column1", map[string]string{valueOf("a"): "", businessOK: "0"}},
		{"what writes", "INSERT INTO events VALUES ('x', now()) RETURNING 1", "", map[string]string{businessOK: "0"}},
		{"nonsense", "SELEKT", "", map[string]string{businessOK: "0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			source, err := SQLFigures(file, "", row.query)
			if err != nil {
				t.Fatal(err)
			}
			b, reg := watchBusiness(t, businessSpec(row.label), source)
			b.pull(t.Context())
			wantSeries(t, reg, row.want)
		})
	}
}

// The same of the other databases, whose drivers give numbers in types of their own.
func TestABusinessValueComesFromOtherDatabases(t *testing.T) {
	dir := t.TempDir()
	lite, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lite.Close() }()
	server := peer.StartMariaDB(t)
	maria, err := sql.Open("mysql", "watcher:hunter2@tcp("+server.Address+")/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = maria.Close() }()
	writeFile(t, filepath.Join(dir, "sqlite"), "sqlite:shop.db")
	writeFile(t, filepath.Join(dir, "mysql"), "mysql://watcher:hunter2@"+server.Address+"/shop")
	for engine, db := range map[string]*sql.DB{"sqlite": lite, "mysql": maria} {
		execute(t, db, "CREATE TABLE events (feature varchar(20), amount float)",
			"INSERT INTO events VALUES ('search', 0.5), ('search', 2), ('chart', 1), (NULL, 1)")
		for _, row := range []struct {
			name, query, label string
			want               map[string]string
		}{
			{"by feature", "SELECT feature, count(*) FROM events GROUP BY feature", "feature",
				map[string]string{valueOf("search"): "2", valueOf("chart"): "1", valueOf(""): "1", businessOK: "1"}},
			{"a whole number", "SELECT count(*) FROM events", "", map[string]string{valueOf(""): "4"}},
			{"a fraction", "SELECT amount FROM events WHERE amount < 1", "", map[string]string{valueOf(""): "0.5"}},
			{"a sum", "SELECT sum(amount) FROM events", "", map[string]string{valueOf(""): "4.5"}},
			{"text", "SELECT max(feature) FROM events", "", map[string]string{valueOf(""): "", businessOK: "0"}},
			{"null", "SELECT sum(amount) FROM events WHERE feature = 'no'", "", map[string]string{valueOf(""): "", businessOK: "1"}},
			{"what writes", "DELETE FROM events", "", map[string]string{businessOK: "0"}},
			{"without end", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i, i AS feature FROM n",
				"feature", map[string]string{businessOK: "0"}},
			{"nonsense", "SELEKT", "", map[string]string{businessOK: "0"}},
		} {
			source, err := SQLFigures(engine, dir, row.query)
			if err != nil {
				t.Fatal(err)
			}
			b, reg := watchBusiness(t, businessSpec(row.label), source)
			b.pull(t.Context())
			t.Log(engine, row.name)
			wantSeries(t, reg, row.want)
		}
	}
}

func TestABusinessValueComesFromJSON(t *testing.T) {
	const answer = `{"open": 12, "huge": 123456789012345678901234567890, "by": {"a": 1, "b": 2.5, "none": null}, "text": "x"}`
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	defer server.Close()
	for _, row := range []struct {
		name, body, query, label string
		want                     map[string]string
	}{
		{"a number", answer, ".open", "", map[string]string{valueOf(""): "12", businessOK: "1"}},
		{"a computed one", answer, ".by | length", "", map[string]string{valueOf(""): "3"}},
		{"a huge one", answer, ".huge", "", map[string]string{valueOf(""): "1.2345678901234568e+29"}},
		{"by label", answer, ".by", "shop", map[string]string{valueOf("a"): "1", valueOf("b"): "2.5", valueOf("none"): ""}},
		{"text", answer, ".text", "", map[string]string{businessOK: "0"}},
		{"an object without a label", answer, ".by", "", map[string]string{businessOK: "0"}},
		{"a number with a label", answer, ".open", "shop", map[string]string{businessOK: "0"}},
		{"text in the object", answer, "{a: .text}", "shop", map[string]string{businessOK: "0"}},
		{"null", answer, ".nothing", "", map[string]string{businessOK: "0"}},
		{"two values", answer, ".open, .open", "", map[string]string{businessOK: "0"}},
		{"no JSON", "<html>", ".", "", map[string]string{businessOK: "0"}},
		{"cut short", answer[:20], ".open", "", map[string]string{businessOK: "0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			body = row.body
			f, err := probes.NewFigures(&probes.HTTP{URL: server.URL}, row.query, probes.Env{})
			if err != nil {
				t.Fatal(err)
			}
			b, reg := watchBusiness(t, businessSpec(row.label), JSONFigures(f))
			b.pull(t.Context())
			wantSeries(t, reg, row.want)
		})
	}
}

// figuresFrom is a source whose answers a test gives.
func figuresFrom(read func() ([]businessFigure, error)) FigureSource {
	return FigureSource{read: func(context.Context, string) ([]businessFigure, error) { return read() }, close: func() {}}
}

func TestABusinessValueIsReadWhenItIsDueAndGoesWhenItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		reads, gone := 0, false
		source := figuresFrom(func() ([]businessFigure, error) {
			reads++
			if gone {
				return nil, errors.New("gone")
			}
			return []businessFigure{{v: 42}}, nil
		})
		closed := false
		source.close = func() { closed = true }
		spec := businessSpec("")
		spec.Next = func(after time.Time) time.Time { return after.Truncate(20 * time.Second).Add(20 * time.Second) }
		b := NewBusiness(spec, source, slog.New(slog.NewTextHandler(&log, nil)))
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(b)
		wantSeries(t, reg, map[string]string{valueOf(""): "", `perfwatch_business_age_seconds{name="sessions"}`: "", businessOK: ""})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		pass(50 * time.Second) // the bubble begins on a whole minute: at 0, 20 and 40 s
		wantSeries(t, reg, map[string]string{valueOf(""): "42", `perfwatch_business_age_seconds{name="sessions"}`: "10"})
		if reads != 3 {
			t.Errorf("read %d times in 50 s, want 3", reads)
		}
		gone = true
		pass(49 * time.Second)
		wantSeries(t, reg, map[string]string{valueOf(""): "42", businessOK: "0", `perfwatch_business_age_seconds{name="sessions"}`: "59"})
		pass(2 * time.Second)
		wantSeries(t, reg, map[string]string{
			valueOf(""): "", `perfwatch_business_values_left_out{name="sessions"}`: "", `perfwatch_business_age_seconds{name="sessions"}`: "61",
		})
		gone = false
		pass(20 * time.Second)
		wantSeries(t, reg, map[string]string{valueOf(""): "42", businessOK: "1"})
		cancel()
		<-done
		if !closed {
			t.Error("the source was not closed")
		}
		if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `msg="source is not readable" collector=business/sessions err=gone`) {
			t.Errorf("logged:\n%swant one line when it goes and one when it comes back", got)
		}
	})
}

func TestValuesOfALabelAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next []businessFigure
		b, reg := watchBusiness(t, businessSpec("shop"), figuresFrom(func() ([]businessFigure, error) { return next, nil }))
		list := func(labels ...string) {
			next = nil
			for i, label := range labels {
				next = append(next, businessFigure{label, float64(i)})
			}
			b.pull(t.Context())
		}
		leftOut := `perfwatch_business_values_left_out{name="sessions"}`
		list("a", "b", "c", "d", "e")
		wantSeries(t, reg, map[string]string{valueOf("a"): "0", valueOf("c"): "2", valueOf("d"): "", leftOut: "2"})
		list("d", "e", "f", "c") // whoever changes the values at each reading makes no more series
		wantSeries(t, reg, map[string]string{valueOf("a"): "", valueOf("c"): "3", valueOf("d"): "", leftOut: "3"})
		time.Sleep(seatKept)
		list("d", "e")
		wantSeries(t, reg, map[string]string{valueOf("d"): "0", valueOf("e"): "1", valueOf("c"): "", leftOut: "0"})
		list(strings.Split(strings.Repeat("x,", maxFigures+1), ",")...)
		wantSeries(t, reg, map[string]string{businessOK: "0"})
		list("bad\xff", strings.Repeat("ä", 100))
		wantSeries(t, reg, map[string]string{businessOK: "1", valueOf("bad\uFFFD"): "0"})
	})
}

func TestNumbersOfJSON(t *testing.T) {
	huge, _ := new(big.Int).SetString("1"+strings.Repeat("0", 400), 10)
	for _, row := range []struct {
		v    any
		want float64
		ok   bool
	}{
		{3, 3, true}, {2.5, 2.5, true}, {big.NewInt(7), 7, true}, {huge, 0, false}, {math.Inf(1), 0, false}, {math.NaN(), 0, false},
		{"3", 0, false}, {nil, 0, false}, {true, 0, false},
	} {
		if got, ok := jsonNumber(row.v); got != row.want || ok != row.ok {
			t.Errorf("%T %v: %g %t, want %g %t", row.v, row.v, got, ok, row.want, row.ok)
		}
	}
}

func fullBusiness(t *testing.T) *Business {
	b := NewBusiness(businessSpec("shop"), figuresFrom(func() ([]businessFigure, error) {
		time.Sleep(3 * time.Millisecond)
		return []businessFigure{{"a", 3}, {"b", 4.5}, {"c", 5}, {"d", 6}}, nil
	}), quiet())
	b.pull(t.Context())
	return b
}
