package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// secret stands for what must not be printed. It is the word that Prometheus uses.
const secret = "<secret>"

// maxShown is how many bytes of a value a mistake shows.
const maxShown = 100

// secretPath says that what stands at a path, or below it, is nobody's business: headers, bodies, the
// arguments of queries and what is sent carry tokens.
func secretPath(path string) bool { return secretKeys.MatchString(path) }

var secretKeys = regexp.MustCompile(
	`\.(headers|http_headers|proxy_connect_header|http\.(cookies|body|json|form)|(tcp|tls)\.send|exec\.env|` +
		`page\.(cookies|basic_auth|login\[\d+\]\.value)|queries\[\d+\]\.args|tls_config\.key)([.[]|$)`)

// mask hides the user and password of a URL. It takes the last @ for the end of the password, so that one with a slash, a
// space or an @ in it, which no parser of URLs would find, is hidden whole.
func mask(text string) string { return userinfo.ReplaceAllString(text, "://"+secret+"@") }

var userinfo = regexp.MustCompile(`(?s)://.*@`)

// quote writes a value for a mistake: masked, bounded, and with whatever is unprintable escaped.
func quote(value string) string { return strconv.Quote(shorten(mask(value))) }

// shorten cuts a text to maxShown bytes at most, not within a character.
func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// foreign is an error of another package as it may be shown beside the value that it is about.
func foreign(err error, value string) string {
	text := err.Error()
	if value != "" {
		text = strings.ReplaceAll(text, strconv.Quote(value), quote(value))
		text = strings.ReplaceAll(text, value, shorten(mask(value)))
	}
	text = mask(text)
	if len(text) > 4*maxShown {
		return shorten(text)
	}
	return text
}
