package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// How a business value is read if the file does not say otherwise, and how it may be.
const (
	defaultBusinessSchedule                  = "@every 1m"
	defaultBusinessTimeout                   = 5 * time.Second
	minBusinessTimeout, maxBusinessTimeout   = 10 * time.Millisecond, time.Minute
	defaultBusinessValues, maxBusinessValues = 50, 500
	minBusinessAge, maxBusinessAge           = time.Second, 31 * 24 * time.Hour
	heldIntervals                            = 3 // that a value holds by default
)

// Business is one value of the platform's business. Exactly one of Redis, Postgres, DSNFile and HTTP is set.
type Business struct {
	Name      string
	Redis     string   // the name of a Redis
	Command   []string // asked of Redis
	Postgres  string   // the name of a PostgreSQL
	DSNFile   string   // of another database, from the configuration's folder on
	Query     string   // asked of Postgres or the other database
	HTTP      *probes.HTTP
	JSON      string // gojq, of the answer of HTTP
	Label     string // whose values tell figures apart; "" for one figure
	MaxValues int    // of the label
	Schedule  string
	Timeout   time.Duration // of one reading
	MaxAge    time.Duration // past which a value is absent
}

// A businessSection is one value, from one of four sources.
type businessSection struct {
	Name      string        `yaml:"name"`       // stands in labels; unique
	Redis     string        `yaml:"redis"`      // the Redis that is asked
	Command   string        `yaml:"command"`    // for the Redis: a command that reads
	Postgres  string        `yaml:"postgres"`   // the PostgreSQL that is asked
	DSNFile   string        `yaml:"dsn_file"`   // has the DSN of another database: postgres://, mysql:// or sqlite:
	Query     string        `yaml:"query"`      // for the PostgreSQL or the other database: a SELECT
	HTTP      *probes.HTTP  `yaml:"http"`       // what is fetched
	JSON      string        `yaml:"json"`       // gojq query of the answer to http
	Label     string        `yaml:"label"`      // the one label of the values, if there are several
	MaxValues int           `yaml:"max_values"` // series at most
	Schedule  string        `yaml:"schedule"`   // default @every 1m
	Timeout   time.Duration `yaml:"timeout"`    // of one reading; default 5s
	MaxAge    time.Duration `yaml:"max_age"`    // how long a value is shown; default: three intervals
}

// businessSources are the keys that say where a value comes from, with the one that says what is asked there.
func businessSources() [][2]string {
	return [][2]string{{"redis", "command"}, {"postgres", "query"}, {"dsn_file", "query"}, {"http", "json"}}
}

// business checks every business value, once what it is read from is known.
func (c *checker) business() {
	taken := map[string]string{}
	for i := range c.file.Business {
		at := fmt.Sprintf("business[%d]", i)
		in := &c.file.Business[i]
		c.name(at+".name", in.Name, taken)
		c.cfg.Business = append(c.cfg.Business, c.businessValue(at, in))
	}
}

// businessValue fills in the defaults of one value.
func (c *checker) businessValue(at string, in *businessSection) Business {
	out := Business{
		Name: in.Name, Redis: in.Redis, Postgres: in.Postgres, DSNFile: in.DSNFile, Query: in.Query, HTTP: in.HTTP, JSON: in.JSON,
		Label:     in.Label,
		MaxValues: defaultBusinessValues, Schedule: defaultBusinessSchedule,
		Timeout: c.duration(at+".timeout", in.Timeout, defaultBusinessTimeout, minBusinessTimeout, maxBusinessTimeout),
	}
	if c.has(at + ".schedule") {
		out.Schedule = in.Schedule
		c.schedule(at+".schedule", in.Schedule)
	}
	held := min(heldIntervals*c.interval(out.Schedule), maxBusinessAge)
	out.MaxAge = c.duration(at+".max_age", in.MaxAge, held, minBusinessAge, maxBusinessAge)
	if c.has(at+".label") && !labelName.MatchString(in.Label) {
		c.refuse(at+".label", "%s, want a name of letters, digits and _: the column of the query that has its values", quote(in.Label))
	}
	if c.has(at + ".max_values") {
		if out.MaxValues = in.MaxValues; in.MaxValues < 1 || in.MaxValues > maxBusinessValues {
			c.refuse(at+".max_values", "%s, want 1 to %d values", quote(strconv.Itoa(in.MaxValues)), maxBusinessValues)
		}
	}
	c.businessSource(at, in, &out)
	return out
}

// businessSource checks where a value comes from.
func (c *checker) businessSource(at string, in *businessSection, out *Business) {
	var given []string
	for _, source := range businessSources() {
		if c.has(at + "." + source[0]) {
			given = append(given, source[0])
		}
	}
	halves := 0
	for _, half := range [][2]string{{"command", "redis"}, {"query", "postgres or dsn_file"}, {"json", "http"}} {
		needed := func(source [2]string) bool { return source[1] == half[0] && slices.Contains(given, source[0]) }
		if c.has(at+"."+half[0]) && !slices.ContainsFunc(businessSources(), needed) {
			c.refuse(at+"."+half[0], "given without %s, want both", half[1])
			halves++
		}
	}
	switch {
	case len(given) == 0 && halves == 0 && !c.unknown[at]:
		c.refuse(at, "nothing says where it comes from, want one of redis, postgres, dsn_file, http")
	case len(given) > 1:
		c.refuse(at, "%s, want one of them", strings.Join(given, " and "))
	case len(given) == 1:
		c.asked(at, given[0], in, out)
	}
}

// asked checks what is asked of the one source of a value.
func (c *checker) asked(at, source string, in *businessSection, out *Business) {
	switch source {
	case "redis":
		c.named(at+".redis", in.Redis, "a Redis", len(c.cfg.Redis), func(i int) string { return c.cfg.Redis[i].Name })
		out.Command = c.command(at+".command", in.Command)
	case "postgres":
		c.named(at+".postgres", in.Postgres, "a PostgreSQL", len(c.cfg.Postgres), func(i int) string { return c.cfg.Postgres[i].Name })
		c.query(at+".query", in.Query)
	case "dsn_file":
		c.database(at, in.DSNFile, probes.OpenDatabase)
		c.query(at+".query", in.Query)
	case "http":
		if in.HTTP == nil {
			return // it could not be read
		}
		c.needsBase(at+".http.url", in.HTTP.URL)
		h := *in.HTTP
		if h.HTTPClient != nil && !c.client(at+".http.http_client", h.HTTPClient) {
			h.HTTPClient = nil // what is wrong with it has been told
		}
		if _, err := probes.NewFigures(&h, in.JSON, c.env()); err != nil {
			c.fields(at, err)
		}
	}
}

func (c *checker) query(path, text string) {
	if strings.TrimSpace(text) == "" {
		c.missing(path, "an SQL query that returns a number, or a label's values and numbers")
	}
}

// named checks that something which is read from has the name given.
func (c *checker) named(path, given, what string, n int, name func(i int) string) {
	known := make([]string, n)
	for i := range known {
		known[i] = name(i)
	}
	if !slices.Contains(known, given) {
		c.refuse(path, "%s is not %s, %s", quote(given), what, instead(given, known))
	}
}

// readCommands are the commands of Redis that only read, and whose reply is a number or a list of pairs.
func readCommands() []string {
	return []string{
		"BITCOUNT", "DBSIZE", "EXISTS", "GET", "GETBIT", "HEXISTS", "HGET", "HGETALL", "HLEN", "HSTRLEN", "LINDEX", "LLEN",
		"PFCOUNT", "PTTL", "SCARD", "SINTERCARD", "SISMEMBER", "STRLEN", "TTL", "XLEN", "ZCARD", "ZCOUNT", "ZINTERCARD",
		"ZLEXCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZRANK", "ZREVRANGE", "ZREVRANGEBYSCORE", "ZSCORE",
	}
}

// command splits a command of Redis and refuses those that may change something.
func (c *checker) command(path, text string) []string {
	const want = "a command of Redis that only reads, such as ZCARD sessions"
	words, ok := splitWords(text)
	switch {
	case text == "":
		c.missing(path, want)
	case !ok || len(words) == 0:
		c.refuse(path, "%s, want %s, with every quotation mark closed", quote(text), want)
	case !slices.Contains(readCommands(), strings.ToUpper(words[0])):
		c.refuse(path, "%s, want one of %s", quote(words[0]), strings.Join(readCommands(), ", "))
	}
	return words
}

// splitWords splits at spaces. A word that has spaces stands in single or double quotation marks; there is no other
// escape.
func splitWords(text string) (words []string, ok bool) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t\n") {
		end, cut := strings.IndexAny(text, " \t\n"), 0
		if quotation := text[0]; quotation == '"' || quotation == '\'' {
			text = text[1:]
			if end = strings.IndexByte(text, quotation); end < 0 {
				return nil, false
			}
			cut = 1
		}
		if end < 0 {
			end = len(text)
		}
		words = append(words, text[:end])
		text = text[end+cut:]
	}
	return words, true
}
