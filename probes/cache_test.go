package probes

import (
	"net/http"
	"strings"
	"testing"
)

func TestCacheVerdict(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        CacheVerdict
	}{
		{"Content-Type", "text/html", CacheUnsaid},
		{"Cache-Status", `ExampleCache; hit`, CacheHit},
		{"Cache-Status", `ExampleCache; hit; ttl=376`, CacheHit},
		{"Cache-Status", `"a quoted cache"; hit; key="x,y"; detail=MEMORY`, CacheHit},
		{"Cache-Status", `OriginCache; hit; ttl=1100, "CDN"; fwd=uri-miss`, CacheHit},
		{"Cache-Status", `OriginCache; fwd=uri-miss, CDN; hit`, CacheHit},
		{"Cache-Status", `ExampleCache; fwd=uri-miss; stored`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=vary-miss`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=miss`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=partial; fwd-status=206`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=stale; fwd-status=200`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=stale; fwd-status=304`, CacheHit},
		{"Cache-Status", `ExampleCache; fwd=stale`, CacheMiss},
		{"Cache-Status", `ExampleCache; fwd=bypass`, CacheBypass},
		{"Cache-Status", `ExampleCache; fwd=method`, CacheBypass},
		{"Cache-Status", `ExampleCache; fwd=request`, CacheBypass},
		{"Cache-Status", `Inner; fwd=bypass, Outer; fwd=uri-miss`, CacheMiss},
		{"Cache-Status", `ExampleCache`, CacheUnknown},
		{"Cache-Status", `ExampleCache; hit=?0`, CacheUnknown},
		{"Cache-Status", `ExampleCache; hit="yes"`, CacheUnknown},
		{"Cache-Status", `ExampleCache; fwd="bypass"`, CacheUnknown},
		{"Cache-Status", `(a b); hit`, CacheUnknown},
		{"Cache-Status", ``, CacheUnknown},
		{"Cache-Status", `, ;;=`, CacheUnknown},
		{"Cache-Status", strings.Repeat("c; fwd=miss, ", 1000) + "c; hit", CacheUnknown},
	} {
		if got := cacheVerdict(http.Header{tt.name: {tt.value}}); got != tt.want {
			t.Errorf("%s: %.80s: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestCacheVerdictOfOlderHeaders(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        CacheVerdict
	}{
		{"X-Cache", "HIT", CacheHit},
		{"X-Cache", "hit", CacheHit},
		{"X-Cache", "MISS", CacheMiss},
		{"X-Cache", "HIT, MISS", CacheHit},
		{"X-Cache", "MISS,HIT", CacheHit},
		{"X-Cache", "MISS, MISS", CacheMiss},
		{"X-Cache", "Hit from cloudfront", CacheHit},
		{"X-Cache", "RefreshHit from cloudfront", CacheHit},
		{"X-Cache", "Miss from cloudfront", CacheMiss},
		{"X-Cache", "Error from cloudfront", CacheUnknown},
		{"X-Cache", "TCP_MEM_HIT from a23.example (AkamaiGHost/10.0)", CacheHit},
		{"X-Cache", "TCP_MISS from a23.example", CacheMiss},
		{"X-Cache", "CONFIG_NOCACHE", CacheBypass},
		{"X-Cache", "MISS from proxy.example:3128", CacheMiss},
		{"X-Cache", "PASS", CacheBypass},
		{"X-Cache", "", CacheUnknown},
		{"X-Cache", "not a hit", CacheUnknown},
		{"Cf-Cache-Status", "HIT", CacheHit},
		{"Cf-Cache-Status", "EXPIRED", CacheMiss},
		{"Cf-Cache-Status", "STALE", CacheHit},
		{"Cf-Cache-Status", "UPDATING", CacheHit},
		{"Cf-Cache-Status", "REVALIDATED", CacheHit},
		{"Cf-Cache-Status", "DYNAMIC", CacheBypass},
		{"Cf-Cache-Status", "BYPASS", CacheBypass},
		{"Cf-Cache-Status", "NONE/UNKNOWN", CacheUnknown},
		{"Age", "17", CacheHit},
		{"Age", "0", CacheUnknown},
		{"Age", "-3", CacheUnknown},
		{"Age", "soon", CacheUnknown},
		{"Age", "99999999999999999999", CacheUnknown},
	} {
		if got := cacheVerdict(http.Header{tt.name: {tt.value}}); got != tt.want {
			t.Errorf("%s: %.80s: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestFirstClearCacheHeaderCounts(t *testing.T) {
	for _, tt := range []struct {
		h    http.Header
		want CacheVerdict
	}{
		{http.Header{"Cache-Status": {"c; fwd=miss"}, "X-Cache": {"HIT"}}, CacheMiss},
		{http.Header{"Cache-Status": {"c"}, "X-Cache": {"HIT"}}, CacheHit},
		{http.Header{"Cache-Status": {"(("}, "Cf-Cache-Status": {"DYNAMIC"}, "Age": {"4"}}, CacheBypass},
		{http.Header{"X-Cache": {"?"}, "Age": {"4"}}, CacheHit},
		{http.Header{"X-Cache": {"MISS"}, "Age": {"4"}}, CacheMiss},
		{http.Header{"Cache-Status": {"a; fwd=miss", "b; hit"}}, CacheHit},
		{http.Header{"Age": {"0"}}, CacheUnknown},
	} {
		if got := cacheVerdict(tt.h); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.h, got, tt.want)
		}
	}
}

func TestNoCacheHeaderCostsNoAllocation(t *testing.T) {
	h := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}}
	if n := testing.AllocsPerRun(100, func() { _ = cacheVerdict(h) }); n != 0 {
		t.Errorf("%g allocations, want none", n)
	}
}

// FuzzCacheStatus holds that no headers make a verdict panic or leave the closed set.
func FuzzCacheStatus(f *testing.F) {
	for _, seed := range [][3]string{
		{`ExampleCache; hit; ttl=376, "CDN"; fwd=uri-miss; stored; key="a,b"`, "HIT, MISS", "17"},
		{`c; fwd=stale; fwd-status=304`, "TCP_MEM_HIT from a23", ""},
		{`(a b); hit=?1, c; detail=:YQ==:`, "", "-1"},
		{"", "Hit from cloudfront", "99999999999999999999"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, status, words, age string) {
		got := cacheVerdict(http.Header{"Cache-Status": {status}, "X-Cache": {words}, "Cf-Cache-Status": {words}, "Age": {age}})
		if got == CacheUnsaid || got >= NumCacheVerdicts {
			t.Errorf("verdict %d of %q, %q, %q", got, status, words, age)
		}
	})
}
