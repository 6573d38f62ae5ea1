package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs a platform on an embedded Redis until the test ends.
func start(t testing.TB) (*Platform, *Redis) {
	t.Helper()
	r, err := startEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, r.Close()) })
	return startOn(t, r.Address), r
}

func startOn(t testing.TB, redisAddress string) *Platform {
	t.Helper()
	p, err := Start(t.Context(), listen(t), redisAddress, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask sends one request on a connection of its own and returns what came back.
func ask(t testing.TB, method, url, body string) (status int, header http.Header, text string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(all)
}

// field follows a path such as "prices.0.close" into a JSON text and writes what is there.
func field(t testing.TB, text, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[name]
		case []any:
			if name == "len" {
				v = len(node)
				continue
			}
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(node) {
				t.Fatalf("no %s in %.200s", path, text)
			}
			v = node[i]
		default:
			t.Fatalf("no %s in %.200s", path, text)
		}
	}
	if f, ok := v.(float64); ok {
		return fmt.Sprintf("%.6g", f)
	}
	return fmt.Sprint(v)
}

func TestEachEndpointAnswersItsValues(t *testing.T) {
	p, _ := start(t)
	for _, test := range []struct{ method, path, body, field, want string }{
		{"GET", "/api/dashboard", "", "portfolio_value", "182379"},
		{"GET", "/api/dashboard", "", "top_holdings.len", "5"},
		{"GET", "/api/dashboard", "", "day_change_ratio", "-0.00502021"},
		{"GET", "/api/portfolio/summary", "", "positions", "20"},
		{"GET", "/api/portfolio/summary", "", "gain_ratio", "0.159542"},
		{"GET", "/api/market/overview", "", "stocks", "240"},
		{"GET", "/api/market/overview", "", "day", "2026-01-27"},
		{"GET", "/api/market/overview", "", "advancers", "95"},
		{"GET", "/api/market/overview", "", "gainers.0.symbol", "DM136"},
		{"GET", "/api/market/overview", "", "losers.0.symbol", "JNJ"},
		{"GET", "/api/portfolio/holdings", "", "holdings.len", "20"},
		{"GET", "/api/portfolio/holdings", "", "holdings.0.symbol", "NVDA"},
		{"GET", "/api/portfolio/holdings/AAPL", "", "name", "Apple Inc."},
		{"GET", "/api/portfolio/holdings/aapl", "", "quantity", "10"},
		{"GET", "/api/portfolio/performance", "", "values.len", "365"},
		{"GET", "/api/portfolio/performance", "", "total_return", "0.159542"},
		{"GET", "/api/portfolio/performance", "", "max_drawdown", "0.0961236"},
		{"GET", "/api/recommendations", "", "recommendations.len", "100"},
		{"GET", "/api/recommendations", "", "recommendations.0.symbol", "AAPL"},
		{"GET", "/api/recommendations/1", "", "score", "0.347838"},
		{"GET", "/api/recommendations/100", "", "symbol", "DM099"},
		{"GET", "/api/recommendations/1/analysis", "", "scores.recommend", "0.347838"},
		{"GET", "/api/search?q=apple", "", "results.0.symbol", "AAPL"},
		{"GET", "/api/search?q=apple", "", "results.len", "1"},
		{"GET", "/api/search?q=company", "", "results.len", "20"},
		{"GET", "/api/search?q=zzz", "", "results.len", "0"},
		{"GET", "/api/search/autocomplete?q=ap", "", "suggestions.len", "1"},
		{"GET", "/api/search/autocomplete?q=m", "", "suggestions.0", "MA"},
		{"GET", "/api/stocks/AAPL/metrics", "", "close", "56.31"},
		{"GET", "/api/stocks/AAPL/history?days=365", "", "prices.len", "365"},
		{"GET", "/api/stocks/AAPL/history?days=365", "", "prices.0.day", "2025-01-28"},
		{"GET", "/api/stocks/AAPL/history", "", "prices.len", "365"},
		{"GET", "/api/stocks/AAPL/history?days=1", "", "prices.0.day", "2026-01-27"},
		{"GET", "/api/stocks/AAPL/history?days=1", "", "prices.0.close", "56.31"},
		{"GET", "/api/stocks/DM239/price", "", "price", "83.35"},
		{"GET", "/api/analytics/correlation?symbols=AAPL,MSFT", "", "correlation", "0.482046"},
		{"GET", "/api/analytics/correlation?symbols=MSFT,AAPL", "", "symbols.0", "AAPL"},
		{"GET", "/api/analytics/correlation?symbols=AAPL,AAPL", "", "correlation", "1"},
		{"GET", "/api/ml/growth/predict?key=17", "", "prediction", "0.549319"},
		{"POST", "/api/ml/recommend/predict", features(vector(50, "0.5")), "predictions.0", "0.355712"},
		{"POST", "/api/ml/risk/predict", `{"features":[` + vector(50, "0") + `,` + vector(50, "1") + `]}`, "predictions.len", "2"},
		{"POST", "/api/auth/login", `{"username":"user1","password":"x"}`, "token_type", "bearer"},
	} {
		t.Run(test.method+" "+test.path+" "+test.field, func(t *testing.T) {
			status, header, text := ask(t, test.method, p.URL()+test.path, test.body)
			if got := field(t, text, test.field); status != 200 || got != test.want {
				t.Errorf("status %d, %s %q, want 200 and %q", status, test.field, got, test.want)
			}
			if got := header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q, want application/json", got)
			}
		})
	}
}

func vector(n int, value string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]"
}

func features(text string) string { return `{"features":` + text + `}` }

func TestAnswersAgreeWithEachOther(t *testing.T) {
	p, _ := start(t)
	get := func(path, name string) string {
		_, _, text := ask(t, "GET", p.URL()+path, "")
		return field(t, text, name)
	}
	for _, test := range []struct{ what, a, b string }{
		{"the value of the portfolio", get("/api/dashboard", "portfolio_value"), get("/api/portfolio/performance", "values.364")},
		{"the value in the summary", get("/api/portfolio/summary", "value"), get("/api/dashboard", "portfolio_value")},
		{"the last close", get("/api/stocks/AAPL/metrics", "close"), get("/api/stocks/AAPL/history", "prices.364.close")},
		{"the price", get("/api/stocks/AAPL/price", "price"), get("/api/stocks/AAPL/metrics", "close")},
		{"the score", get("/api/recommendations/7", "score"), get("/api/recommendations", "recommendations.6.score")},
		{"the analysis", get("/api/recommendations/7/analysis", "scores.recommend"), get("/api/recommendations/7", "score")},
	} {
		if test.a != test.b {
			t.Errorf("%s is %s and %s", test.what, test.a, test.b)
		}
	}
}

func TestBadRequestsAreRefusedInJSON(t *testing.T) {
	long := strings.Repeat("a", 41)
	p, _ := start(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/nothing", "", 404, "no GET /api/nothing here"},
		{"GET", "/api/auth/login", "", 404, "no GET /api/auth/login here"},
		{"GET", "/api/portfolio/holdings/DM200", "", 404, `holding "DM200": not found`},
		{"GET", "/api/portfolio/holdings/%00", "", 400, `symbol: "\x00", want 1 to 10 letters, digits or dots`},
		{"GET", "/api/stocks/NOPE/metrics", "", 404, "not found"},
		{"GET", "/api/stocks/NOPE/price", "", 404, "not found"},
		{"GET", "/api/stocks/NOPE/history", "", 404, "not found"},
		{"GET", "/api/stocks/AAPL/history?days=0", "", 400, `days: "0", want a number from 1 to 365`},
		{"GET", "/api/stocks/AAPL/history?days=366", "", 400, `days: "366", want a number from 1 to 365`},
		{"GET", "/api/stocks/AAPL/history?days=x", "", 400, `days: "x", want a number from 1 to 365`},
		{"GET", "/api/recommendations/0", "", 400, `id: "0", want a number from 1 to 100`},
		{"GET", "/api/recommendations/101", "", 400, `id: "101", want a number from 1 to 100`},
		{"GET", "/api/search", "", 400, `q: "", want 1 to 40 letters, digits or spaces`},
		{"GET", "/api/search?q=%25", "", 400, `q: "%", want 1 to 40 letters, digits or spaces`},
		{"GET", "/api/search?q=" + long, "", 400, `q: "` + long + `", want 1 to 40 letters, digits or spaces`},
		{"GET", "/api/analytics/correlation?symbols=AAPL", "", 400, `symbol: "", want 1 to 10 letters, digits or dots`},
		{"GET", "/api/analytics/correlation?symbols=AAPL,NOPE", "", 404, "not found"},
		{"GET", "/api/ml/nope/predict?key=1", "", 404, `model: "nope", want one of growth value momentum risk sentiment recommend`},
		{"GET", "/api/ml/risk/predict", "", 400, `key: "", want 1 to 64 letters, digits or _ . : -`},
		{"POST", "/api/ml/risk/predict", "{", 400, "body: not the JSON that is wanted here"},
		{"POST", "/api/ml/risk/predict", "{}", 400, "features: want a list of numbers, or a list of such lists"},
		{"POST", "/api/ml/risk/predict", `{"features":[]}`, 400, "features: 0 numbers in a vector, want 50"},
		{"POST", "/api/ml/risk/predict", features(vector(51, "1")), 400, "features: 51 numbers in a vector, want 50"},
		{"POST", "/api/ml/risk/predict", features(vector(50, "1e9")), 400, "features: 1e+09, want at most 1e+06 either side of 0"},
		{"POST", "/api/ml/risk/predict", features(vector(129, vector(50, "1"))), 400, "features: 129 vectors, want 1 to 128"},
		{"POST", "/api/ml/risk/predict", `{"features":"` + strings.Repeat("x", maxPredict) + `"}`, 413, "body over 1048576 bytes"},
		{"POST", "/api/auth/login", `{"username":"` + strings.Repeat("x", maxLogin) + `"}`, 413, "body over 4096 bytes"},
		{"POST", "/api/auth/login", `{"username":"a"}`, 401, "username and password must not be empty"},
		{"POST", "/faults/nope?level=1", "", 404, `setting fault "nope": unknown fault`},
		{"POST", "/faults/latency?level=much", "", 400, `level: "much", want a number`},
		{"POST", "/faults/latency?level=10001", "", 400, `setting fault "latency": level 10001 ms, want 0 to 10000`},
		{"POST", "/faults/errors?level=NaN", "", 400, `setting fault "errors": level NaN ratio, want 0 to 1`},
		{"POST", "/faults/cpu?level=-1", "", 400, `setting fault "cpu": level -1 ratio, want 0 to 1`},
	} {
		t.Run(test.method+" "+test.path[:min(60, len(test.path))], func(t *testing.T) {
			status, _, text := ask(t, test.method, p.URL()+test.path, test.body)
			if got := field(t, text, "error"); status != test.status || got != test.want {
				t.Errorf("status %d %q, want %d %q", status, got, test.status, test.want)
			}
		})
	}
}

func TestHomePageShowsThePortfolio(t *testing.T) {
	p, _ := start(t)
	status, header, text := ask(t, "GET", p.URL()+"/", "")
	if status != 200 || header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d, type %q", status, header.Get("Content-Type"))
	}
	rows := regexp.MustCompile(`<tr><td><a href="/api/stocks/[A-Z]+/metrics">`).FindAllString(text, -1)
	if len(rows) != 20 || !strings.Contains(text, "Johnson &amp; Johnson") {
		t.Errorf("%d rows, want 20 and Johnson & Johnson escaped", len(rows))
	}
}

func TestEachLookupIsAHitOnceTheAnswerIsCached(t *testing.T) {
	p, r := start(t)
	client := redis.NewClient(&redis.Options{Addr: r.Address})
	defer func() { must(t, client.Close()) }()
	for _, test := range []struct{ path, verdict, counts string }{
		{"/api/dashboard", "hit", "hits 1 misses 0"}, // warmed at the start
		{"/api/stocks/DM100/metrics", "miss", "hits 1 misses 1"},
		{"/api/stocks/dm100/metrics", "hit", "hits 2 misses 1"},
		{"/api/stocks/NOPE/metrics", "", "hits 2 misses 2"},
		{"/api/stocks/NOPE/metrics", "", "hits 2 misses 3"}, // what is not there is not cached
	} {
		_, header, _ := ask(t, "GET", p.URL()+test.path, "")
		if got := header.Get("X-Cache"); got != test.verdict {
			t.Errorf("%s: X-Cache %q, want %q", test.path, got, test.verdict)
		}
		if got := lookups(t, client); got != test.counts {
			t.Errorf("%s: %s, want %s", test.path, got, test.counts)
		}
	}
	ttl, err := client.TTL(t.Context(), cachePrefix+"metrics:DM100").Result()
	if err != nil || ttl < 50*time.Second || ttl > 66*time.Second {
		t.Errorf("the key ends in %v (%v), want 54 to 66 s", ttl, err)
	}
}

func lookups(t testing.TB, client *redis.Client) string {
	t.Helper()
	info := client.InfoMap(t.Context(), "stats").Val()["Stats"]
	return fmt.Sprintf("hits %s misses %s", info["keyspace_hits"], info["keyspace_misses"])
}

func TestPlatformAnswersWithoutRedis(t *testing.T) {
	l := listen(t)
	must(t, l.Close())
	p := startOn(t, l.Addr().String())
	status, header, text := ask(t, "GET", p.URL()+"/api/portfolio/summary", "")
	if status != 200 || header.Get("X-Cache") != "miss" || field(t, text, "positions") != "20" {
		t.Errorf("status %d, X-Cache %q, want 200 and a miss: %s", status, header.Get("X-Cache"), text)
	}
}

func TestPanicCostsOneRequestOnly(t *testing.T) {
	p := &Platform{logger: quiet()}
	h := p.contained(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || w.Body.String() != `{"error":"internal error"}` {
		t.Errorf("status %d %s, want 500", w.Code, w.Body)
	}
}

func TestNothingOutlivesClose(t *testing.T) {
	before := stacks()
	r, err := startEmbedded()
	must(t, err)
	p, err := Start(t.Context(), listen(t), r.Address, quiet())
	must(t, err)
	ask(t, "GET", p.URL()+"/api/dashboard", "")
	must(t, p.SetFault("memory", 1))
	must(t, p.SetFault("cpu", 0.1))
	must(t, p.Close())
	must(t, r.Close())
	if err := p.SetFault("cpu", 1); err == nil {
		t.Error("a fault was switched on after Close")
	}
	eventually(t, "no goroutine is left", func() bool { return len(stacks()) <= len(before) })
}

// stacks returns the stack of every goroutine.
func stacks() []string {
	buf := make([]byte, 1<<20)
	return strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
}

func TestCloseDoesNotWaitForADelayedRequest(t *testing.T) {
	r, err := startEmbedded()
	must(t, err)
	defer func() { must(t, r.Close()) }()
	p, err := Start(t.Context(), listen(t), r.Address, quiet())
	must(t, err)
	must(t, p.SetFault("latency", maxLatency))
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Get(p.URL() + "/api/dashboard"); err == nil {
			_ = resp.Body.Close()
		}
	})
	eventually(t, "the request is held back", func() bool {
		return slices.ContainsFunc(stacks(), func(s string) bool { return strings.Contains(s, "demo.pause(") })
	})
	begin := time.Now()
	must(t, p.Close()) // cutting the connection after stopTimeout would be an error
	if took := time.Since(begin); took >= stopTimeout {
		t.Errorf("Close took %s, want less than the %s after which it cuts connections", took, stopTimeout)
	}
}

// eventually waits up to ten seconds until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline, tick := time.After(10*time.Second), time.Tick(time.Millisecond); !so(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("not within 10s: %s\n%s", what, strings.Join(stacks(), "\n\n"))
		}
	}
}
