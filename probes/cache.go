package probes

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"
)

// A CacheVerdict is what a response says of the caches between us and the origin.
type CacheVerdict uint8

// Every verdict there is. The zero value is a response that says nothing of caches.
const (
	CacheUnsaid  CacheVerdict = iota
	CacheHit                  // a cache had the answer
	CacheMiss                 // the origin was asked
	CacheBypass               // no cache could have had it
	CacheUnknown              // there is such a header, of unclear meaning
	NumCacheVerdicts
)

// String is the verdict as it stands in the label "result"; empty if nothing was said.
func (v CacheVerdict) String() string {
	return [NumCacheVerdicts]string{"", "hit", "miss", "bypass", "unknown"}[v]
}

// maxCacheHeader bounds a header that is read, in bytes. What is longer is not understood.
const maxCacheHeader = 4 << 10

// cacheVerdict reads Cache-Status (RFC 9211), X-Cache, CF-Cache-Status and Age (RFC 9111, section 5.1): the first that
// is clear counts. It costs four lookups where there is none of them.
func cacheVerdict(h http.Header) CacheVerdict {
	verdict := CacheUnsaid
	for _, reader := range [...]struct {
		values []string
		read   func([]string) CacheVerdict
	}{
		{h["Cache-Status"], cacheStatus}, {h["X-Cache"], cacheWords}, {h["Cf-Cache-Status"], cacheWords}, {h["Age"], cacheAge},
	} {
		if len(reader.values) == 0 {
			continue
		}
		verdict = CacheUnknown
		if size(reader.values) > maxCacheHeader {
			continue
		}
		if v := reader.read(reader.values); v != CacheUnknown {
			return v
		}
	}
	return verdict
}

func size(values []string) (n int) {
	for _, v := range values {
		n += len(v)
	}
	return n
}

// clearer is the verdict of two caches that a response passed: what one of them had, the origin was not asked for.
func clearer(a, b CacheVerdict) CacheVerdict { return min(a, b) }

// cacheStatus reads a list of caches with their parameters.
func cacheStatus(values []string) CacheVerdict {
	caches, err := httpsfv.UnmarshalList(values)
	if err != nil {
		return CacheUnknown
	}
	verdict := CacheUnknown
	for _, c := range caches {
		if item, ok := c.(httpsfv.Item); ok {
			verdict = clearer(verdict, forwarded(item.Params))
		}
	}
	return verdict
}

// forwarded says why one cache did or did not ask further. A stale answer that the origin only confirmed is a hit, as
// X-Cache has it of REVALIDATED.
func forwarded(params *httpsfv.Params) CacheVerdict {
	if hit, _ := params.Get("hit"); hit == true {
		return CacheHit
	}
	why, _ := params.Get("fwd")
	switch why {
	case httpsfv.Token("bypass"), httpsfv.Token("method"), httpsfv.Token("request"):
		return CacheBypass
	case httpsfv.Token("stale"):
		if status, _ := params.Get("fwd-status"); status == int64(http.StatusNotModified) {
			return CacheHit
		}
		return CacheMiss
	case httpsfv.Token("miss"), httpsfv.Token("uri-miss"), httpsfv.Token("vary-miss"), httpsfv.Token("partial"):
		return CacheMiss
	}
	return CacheUnknown
}

// cacheWords reads "HIT, MISS", "Hit from cloudfront", "TCP_MEM_HIT from …" and the like: the first word of each part.
func cacheWords(values []string) CacheVerdict {
	verdict := CacheUnknown
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			word, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			verdict = clearer(verdict, cacheWord(strings.ToUpper(word)))
		}
	}
	return verdict
}

// cacheWord knows the words of nginx, Varnish, Squid, Apache, CloudFront, Cloudflare, Fastly, Akamai and Azure.
func cacheWord(word string) CacheVerdict {
	switch word {
	case "STALE", "UPDATING", "REVALIDATED":
		return CacheHit
	case "EXPIRED":
		return CacheMiss
	case "BYPASS", "DYNAMIC", "PASS", "UNCACHEABLE", "CONFIG_NOCACHE", "PRIVATE_NOSTORE":
		return CacheBypass
	}
	switch {
	case strings.HasSuffix(word, "HIT"):
		return CacheHit
	case strings.HasSuffix(word, "MISS"):
		return CacheMiss
	}
	return CacheUnknown
}

// cacheAge takes an age for a hit. Caches send 0 with misses too.
func cacheAge(values []string) CacheVerdict {
	if age, err := strconv.ParseUint(strings.TrimSpace(values[0]), 10, 63); err == nil && age > 0 {
		return CacheHit
	}
	return CacheUnknown
}
