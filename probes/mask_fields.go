package probes

import (
	"bytes"
	"regexp"
)

// secretWords are what the names of secrets have in them.
const secretWords = `(?:token|secret|passw|(?:api|access|private)[_-]?key|session[_-]?id|csrf|jwt|credential|authorization|` +
	`signature|cookie)`

// secretWord finds them anywhere.
var secretWord = regexp.MustCompile(`(?i)` + secretWords)

// secretField is such a name, or the end of one, and what stands between it and its value: in JSON, a form, a query, a line.
var secretField = regexp.MustCompile(`(?i)(?:` +
	secretWords + `(?:[\w.\-\[\]]{0,64}|[^"'\n]{0,64}["'])|(?:session|auth)(?:[_-]?key)?)` +
	`(?:(?:\\?["']|&quot;|&#3[49];)\s*(?:=>|[:=])\s*|[ \t]*(?:=>|[:=])[ \t]*)`)

// Beside them stand secrets of HTML and XML: a tag with a value and what it is within the tag, and elements around one. What
// is cut off may end in any of them.
var (
	valueTag      = regexp.MustCompile(`(?i)<(?:input|meta|button|option|param)\b(?:"[^"]*"?|'[^']*'?|[^"'>])*`)
	tagValue      = regexp.MustCompile(`(?i)(\b(?:value|content)\s*=\s*)(?:(")[^"]*|(')[^']*|[^\s"'<>]+)`)
	secretElement = regexp.MustCompile(`(?i)(<(?:[\w:.-]*` +
		secretWords + `[\w:.-]*|textarea\b[^<>]*` + secretWords + `)[^<>]*>)[^<]+`)
)

// maskFields masks what is a secret by its name: values of JSON, of forms, queries and lines, inputs of HTML and elements of
// XML. Most bodies have none. It takes time in proportion to their length.
func maskFields(body []byte) []byte {
	if !isSecretName(string(body)) { // which is quick, and knows all these words
		return body
	}
	body = secretElement.ReplaceAll(body, []byte("${1}"+hidden))
	body = valueTag.ReplaceAllFunc(body, func(tag []byte) []byte {
		if !secretWord.Match(tag) {
			return tag
		}
		return tagValue.ReplaceAll(tag, []byte("${1}${2}${3}"+hidden))
	})
	var out []byte
	for {
		at := secretField.FindIndex(body)
		if at == nil {
			return append(out, body...)
		}
		first := beginsLine(body[:at[0]], len(out) == 0)
		from, to, secret := fieldValue(body[at[0]:at[1]], body[at[1]:], first)
		if out = append(out, body[:at[1]+from]...); secret {
			out = append(out, hidden...)
		}
		body = body[at[1]+to:]
	}
}

// beginsLine reports whether nothing but the beginning of a name stands before what comes next, in its line.
func beginsLine(before []byte, first bool) bool {
	line := bytes.LastIndexByte(before, '\n')
	return (line >= 0 || first) && nameStart.Match(before[line+1:])
}

// nameStart is what may stand in a line before the word that makes a name one of a secret.
var nameStart = regexp.MustCompile(`^[\s\-*>]*[\w.\-]*$`)

// fieldValue is where a value begins and ends that follows a name in text: whole is that it may take the rest of its line.
// It is no secret if it is none at all.
func fieldValue(name, text []byte, whole bool) (from, to int, secret bool) {
	for _, kept := range []string{hidden, "null", "true", "false"} {
		if bytes.HasPrefix(text, []byte(kept)) {
			return len(kept), len(kept), false
		}
	}
	for _, quote := range []string{`"`, `'`, `\"`, "&quot;", "&#34;", "&#39;"} {
		if bytes.HasPrefix(text, []byte(quote)) {
			return len(quote), len(quote) + quotedEnd(text[len(quote):], quote), true
		}
	}
	if len(text) > 0 && (text[0] == '[' || text[0] == '{') {
		return 0, bracketEnd(text), true
	}
	end := bareEnd(name, text, whole)
	return 0, end, end > 0
}

// quotedEnd is where a text ends that is in quotes.
func quotedEnd(text []byte, quote string) int {
	if len(quote) > 1 {
		if end := bytes.Index(text, []byte(quote)); end >= 0 {
			return end
		}
		return len(text)
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\', quote == "'" && bytes.HasPrefix(text[i:], []byte("''")):
			i++
		case text[i] == quote[0]:
			return i
		}
	}
	return len(text)
}

// bracketEnd is where a list or an object ends.
func bracketEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i += 1 + quotedEnd(text[i+1:], string(text[i]))
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// scheme begins the credentials of a header.
var scheme = regexp.MustCompile(`^(?i)(?:bearer|basic|digest|token|negotiate)[ \t]+`)

// bareEnd is where a value without quotes ends: that of JSON before what is next, that of a form with its word, that of a
// line with the line.
func bareEnd(name, text []byte, whole bool) int {
	separator := bytes.TrimSpace(name)
	spaced := len(separator) < len(name)
	before := bytes.TrimSpace(bytes.TrimRight(separator, "=:>"))
	ends := " \t\r\n\"'<>&"
	switch last := before[len(before)-1]; {
	case last == '"' || last == '\'' || last == ';':
		ends = ",}]\n"
	case whole && (spaced || separator[len(separator)-1] == ':'):
		ends = "\r\n"
	case spaced && separator[len(separator)-1] == ':':
		ends = "\r\n\"'<>"
	}
	from := len(scheme.Find(text))
	if end := bytes.IndexAny(text[from:], ends); end >= 0 {
		return from + end
	}
	return len(text)
}
