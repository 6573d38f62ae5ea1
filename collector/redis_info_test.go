package collector

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestARecordedInfoIsRead(t *testing.T) {
	s, err := parseInfo(recordedInfo(t))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s, run %s for %v, hits %d misses %d, %d of %d bytes x %.2f, %d clients, %d databases, db%s %d/%d",
		s.engine, s.version, s.role, s.runID[:8], s.uptime, s.counters[hits].n, s.counters[misses].n,
		s.memoryUsed.n, s.memoryMax.n, s.fragmentation, s.connected.n, len(s.databases),
		s.databases[0].db, s.databases[0].keys.n, s.databases[0].expiring.n)
	want := "redis 7.0.15 master, run 3080b600 for 1s, hits 1 misses 1, 966368 of 0 bytes x 7.50, 1 clients, 1 databases, db0 1/1"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecordedInfosOfOtherServersAreRead(t *testing.T) {
	for _, row := range []struct{ file, engine, version, errors, lazyFreed string }{
		{"redis-6.0.16.info", "redis", "6.0.16", "[]", "unknown"},
		{"redis-8.0.2.info", "redis", "8.0.2", "[{WRONGTYPE 1 0}]", "0"},
		{"valkey-8.1.1.info", "valkey", "8.1.1", "[{WRONGTYPE 1 0}]", "0"},
	} {
		s, err := parseInfo(recording(t, row.file))
		if err != nil {
			t.Fatalf("%s: %v", row.file, err)
		}
		lazy := "unknown"
		if c := s.counters[lazyFreed]; c.known {
			lazy = fmt.Sprint(c.n)
		}
		calls := map[string]uint64{}
		for _, c := range s.commands {
			calls[c.name] = c.calls
		}
		got := fmt.Sprintf("%s %s %s %v %s, hits %d misses %d expired %d evicted %d of %d bytes, get %d mget %d unlink %d, %d keys, %d die within %v, db%s %d",
			s.engine, s.version, s.role, s.errors, lazy, s.counters[hits].n, s.counters[misses].n, s.counters[expired].n, s.counters[evicted].n,
			s.memoryMax.n, calls["get"], calls["mget"], calls["unlink"], s.databases[0].keys.n, s.databases[0].expiring.n,
			(time.Duration(s.databases[0].averageTTLMsec.n) * time.Millisecond).Round(time.Minute), s.databases[1].db, s.databases[1].keys.n)
		want := fmt.Sprintf("%s %s master %s %s, hits 7 misses 3 expired 1 evicted 0 of 67108864 bytes, get 8 mget 1 unlink 1, 3 keys, 2 die within 1h0m0s, db3 1",
			row.engine, row.version, row.errors, row.lazyFreed)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", row.file, diff)
		}
	}
}

// recording is an INFO of testdata.
func recording(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# Origin: ") {
		t.Errorf("%s does not say where it is from", file)
	}
	return string(text)
}

// Servers of which there is no package, as others recorded them: read when they had counted nothing, and as they are recorded.
// What they do not say is absent.
func TestRecordedInfosOfServersElsewhereBecomeMetrics(t *testing.T) {
	counted := regexp.MustCompile(`(?m)^(keyspace_hits|keyspace_misses|expired_keys|total_commands_processed):[0-9]+`)
	byName := regexp.MustCompile(`(?m)^(cmdstat|errorstat)_.*\n`)
	for file, want := range map[string]map[string]string{
		"redis-5.0.3.info": {
			`info{engine="redis",@,role="master",version="5.0.3"}`: "1", `keyspace_hits_total{@}`: "1.42166478e+08",
			`keyspace_misses_total{@}`: "97472", `hit_ratio{@}`: "0.9993148510216397", `expired_keys_total{@}`: "14679",
			`lazy_freed_objects_total{@}`: "", `commands_total{command="get",@}`: "", `memory_used_bytes{@}`: "7.121264e+06",
			`memory_peak_bytes{@}`: "1.133588e+07", `memory_max_bytes{@}`: "", `memory_fragmentation_ratio{@}`: "2.36",
			`connected_clients{@}`: "13", `tracking_clients{@}`: "", `replicas{@}`: "0", `db_keys{db="0",@}`: "3949",
			`db_expiring_keys{db="0",@}`: "1021", `db_average_ttl_seconds{db="0",@}`: "1.184741395548e+09",
			`db_keys{db="2",@}`: "220", `db_average_ttl_seconds{db="2",@}`: "", `db_keys{db="3",@}`: "16",
		},
		"redis-5.0.4.info": {
			`info{engine="redis",@,role="master",version="5.0.4"}`: "1", `hit_ratio{@}`: "0.5210812648758926",
			`commands_total{command="get",@}`: "9", `command_duration_seconds_sum{command="get",@}`: "0.003663",
			`commands_total{command="set",@}`: "0", `commands_total{command="info",@}`: "6.469582e+06", `errors_total{error="ERR",@}`: "",
			`memory_used_bytes{@}`: "", `memory_resident_bytes{@}`: "7.233536e+06", `memory_max_bytes{@}`: "4.3646976e+08",
			`replicas{@}`: "1", `replica_lag_seconds{@}`: "0", `db_keys{db="0",@}`: "",
		},
		"keydb-6.3.4.info": {
			`info{engine="keydb",@,role="master",version="6.3.4"}`: "1", `keyspace_hits_total{@}`: "1.151884e+07",
			`hit_ratio{@}`: "0.8530733804377981", `commands_processed_total{@}`: "3.3024335e+07", `errors_total{error="ERR",@}`: "6",
			`lazy_freed_objects_total{@}`: "0", `commands_total{command="get",@}`: "", `memory_used_bytes{@}`: "6.935528e+07",
			`memory_max_bytes{@}`: "", `tracking_clients{@}`: "0", `db_keys{db="0",@}`: "526496", `db_average_ttl_seconds{db="0",@}`: "",
		},
		"dragonfly-2.0.0.info": {
			`info{engine="dragonfly",@,role="master",version="df-v2.0.0"}`: "1", `keyspace_hits_total{@}`: "0", `hit_ratio{@}`: "",
			`commands_processed_total{@}`: "1", `rejected_connections_total{@}`: "", `lazy_freed_objects_total{@}`: "",
			`memory_used_bytes{@}`: "6.784704e+06", `memory_max_bytes{@}`: "4.8540578611e+10", `memory_fragmentation_ratio{@}`: "",
			`tracking_clients{@}`: "", `db_keys{db="0",@}`: "0", `db_average_ttl_seconds{db="0",@}`: "", `restarts_total{@}`: "0",
		},
	} {
		text := recording(t, file)
		says := byName.ReplaceAllString(counted.ReplaceAllString(text, "$1:0"), "")
		r := scriptedRedis("cache", func(context.Context, time.Duration) (string, error) { return says, nil }, emptyBook(), quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		r.pull(t.Context(), time.Second)
		says = text
		r.pull(t.Context(), time.Second)
		all := map[string]string{}
		for series, value := range want {
			all["perfwatch_redis_"+strings.ReplaceAll(series, "@", `redis="cache"`)] = value
		}
		t.Run(file, func(t *testing.T) { wantSeries(t, reg, all) })
	}
}

func TestEnginesNameThemselves(t *testing.T) {
	for _, row := range []struct{ text, version, engine, role string }{
		{"redis_version:5.0.14\r\nrole:slave\r\n", "5.0.14", "redis", "replica"},
		{"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\nrole:master\r\n", "8.1.0", "valkey", "master"},
		{"redis_version:6.2.11\r\ndragonfly_version:df-v1.23.0\r\nrole:replica\r\n", "df-v1.23.0", "dragonfly", "replica"},
		{"redis_version:6.3.4\r\nrole:active-replica\r\n# KeyDB\r\nmvcc_depth:0\r\n", "6.3.4", "keydb", "unknown"},
		{"redis_version:7.4\nrole:sentinel\n", "7.4", "redis", "unknown"},
		{"redis_version:\xff\xfe7\r\n", "\uFFFD7", "redis", "unknown"},
		{"keyspace_hits:1\r\n", "", "redis", "unknown"},
	} {
		s, err := parseInfo(row.text)
		if err != nil {
			t.Errorf("%q: %v", row.text, err)
			continue
		}
		if s.version != row.version || s.engine != row.engine || s.role != row.role {
			t.Errorf("%q is %q %q %q, want %q %q %q", row.text, s.version, s.engine, s.role, row.version, row.engine, row.role)
		}
	}
}

func TestFiguresThatAreNoneAreUnknown(t *testing.T) {
	for _, row := range []struct {
		text string
		want count
	}{
		{"0", count{0, true}},
		{"18446744073709551615", count{math.MaxUint64, true}},
		{"18446744073709551616", count{}}, // overflow
		{"-1", count{}},                   // Dragonfly's unknown
		{"", count{}},
		{"1.5", count{}},
		{"1e3", count{}},
		{" 1", count{}},
		{"0x10", count{}},
		{"nan", count{}},
	} {
		s, err := parseInfo("redis_version:7\r\nkeyspace_hits:" + row.text + "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.counters[hits]; got.known != row.want.known || got.known && got.n != row.want.n {
			t.Errorf("hits %q are %v, want %v", row.text, got, row.want)
		}
	}
	nan := math.NaN()
	for text, want := range map[string]float64{"1.08": 1.08, "-1": nan, "nan": nan, "inf": nan, "1e999": nan, "": nan} {
		if got := parseRatio(text); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("ratio %q is %g, want %g", text, got, want)
		}
	}
}

func TestKeyspaceLinesAreReadByName(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"db0:keys=3,expires=2,avg_ttl=1500", "0 3 2 1500"},
		{"db12:keys=3,expires=2,avg_ttl=0,subexpiry=9,new=x", "12 3 2 0"},
		{"db1:avg_ttl=7,expires=2,keys=3", "1 3 2 7"},
		{"db2:keys=1", "2 1 ? ?"},
		{"db3:keys=-1,expires=1,avg_ttl=1", ""},
		{"db4:", ""},
		{"dbx:keys=1", ""},
		{"db-1:keys=1", ""},
		{"db99999999999999999999:keys=1", ""},
		{"db5:keys=1,keys=2", "5 2 ? ?"},
	} {
		s, err := parseInfo("redis_version:7\r\n" + row.line + "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		text := func(c count) string {
			if !c.known {
				return "?"
			}
			return fmt.Sprint(c.n)
		}
		for _, d := range s.databases {
			got += strings.Join([]string{d.db, text(d.keys), text(d.expiring), text(d.averageTTLMsec)}, " ")
		}
		if got != row.want {
			t.Errorf("%s gives %q, want %q", row.line, got, row.want)
		}
	}
}

func TestBadInfoIsRefused(t *testing.T) {
	whole := recordedInfo(t)
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "end within a line"},
		{"html", "<html>\n", "neither redis_version nor keyspace_hits"},
		{"binary", strings.Repeat("\x00\xff\x1f:\n", 1000), "neither redis_version nor keyspace_hits"},
		{"cut within a figure", whole[:strings.Index(whole, "keyspace_misses")-3], "end within a line"},
		{"10 MB", strings.Repeat("a:1\r\n", 2<<20), "want at most 1048576"},
		{"loading", strings.Replace(whole, "\nloading:0\r", "\nloading:1\r", 1), "loading its data"},
	} {
		if _, err := parseInfo(row.text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
}

func TestHostileInfoStaysBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("redis_version:" + strings.Repeat("é", 5000) + "\r\nkeyspace_hits:5\r\nkeyspace_hits:1\r\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "db%d:keys=1\r\nunknown_%d:1\r\n", i/2, i)
	}
	s, err := parseInfo(text.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.databases) != maxDatabases || len(s.version) > maxInfoLabelSize || !utf8.ValidString(s.version) {
		t.Errorf("%d databases and a version of %d bytes, want %d and at most %d",
			len(s.databases), len(s.version), maxDatabases, maxInfoLabelSize)
	}
	if s.databases[0].db != "0" || s.databases[1].db != "1" {
		t.Errorf("databases %s and %s, want 0 and 1: each once", s.databases[0].db, s.databases[1].db)
	}
	if s.counters[hits].n != 5 {
		t.Errorf("hits %d, want 5: the first of two", s.counters[hits].n)
	}
}

func FuzzInfo(f *testing.F) {
	whole := recordedInfo(f)
	files, err := filepath.Glob("testdata/*.info")
	if err != nil || len(files) < 4 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		whole[:1000] + "\r\n", // truncated
		whole[:1000],
		whole + whole, // duplicates
		"\x00\xff\x1fredis_version:\xfe\r\n",
		strings.Repeat("keyspace_hits:1\r\n", 10<<20/17), // 10 MB
		"redis_version:7\r\nkeyspace_hits:-1\r\nused_memory:-5\r\ndb0:keys=1,expires=-1\r\n",
		"redis_version:7\r\nkeyspace_hits:18446744073709551616\r\nuptime_in_seconds:99999999999999999\r\n",
		"redis_version:7\r\nno_such_field:1\r\ndb1:keys=1,no_such=1\r\ncmdstat_no|such:calls=1,no=such\r\n",
		"redis_version:6.2.11\r\ndragonfly_version:df-v1.12.0\r\nrejected_connections:-1\r\ndb0:keys=450,expires=450,avg_ttl=-1\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseInfo(text)
		if err != nil {
			return
		}
		if len(text) > maxInfoBytes || len(s.databases) > maxDatabases || len(s.commands) > maxCommandStats || len(s.errors) > maxErrorStats ||
			!utf8.ValidString(s.version+s.runID) || len(s.version) > maxInfoLabelSize || s.uptime < 0 || s.fragmentation < 0 {
			t.Errorf("%q gives %+v", text, s)
		}
		c := newRedisCounters() // whatever it says, counters only count what came since
		for i := range 2 {
			delta := c.update(time.Unix(int64(i), 0), s)
			if i > 0 && delta[hits]+delta[misses] != 0 {
				t.Errorf("%q twice gives %v", text, delta)
			}
		}
	})
}
