package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxSize is the longest file that is read, in bytes.
const maxSize = 4 << 20

// document parses a text to the root of its only YAML document.
func document(text []byte) (*yaml.Node, *Mistake) {
	if m := readable(text); m != nil {
		return nil, m
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, syntaxMistake(err, text)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, &Mistake{Line: second.Line, Message: "a second document begins here, want one document a file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxMistake(err, text)
	}
	root := doc.Content[0]
	if root.ShortTag() == nullTag {
		return nil, emptyFile()
	}
	return root, nil
}

// emptyFile is the mistake of a file that has nothing but comments, or less.
func emptyFile() *Mistake { return &Mistake{Message: "the file says nothing, want at least probes"} }

// readable refuses what no YAML parser would take, with the line that theirs leave out, and line breaks that they see and
// an editor does not, so that what is wrong has one line for all.
func readable(text []byte) *Mistake {
	if len(text) > maxSize {
		return &Mistake{Message: "the file has more than " + strconv.Itoa(maxSize) + " bytes, want fewer"}
	}
	line := 1
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		switch {
		case r == utf8.RuneError && n == 1:
			return &Mistake{Line: line, Message: "not UTF-8 text"}
		case r == '\n':
			line++
		case r == '\r' && !bytes.HasPrefix(rest, []byte("\n")), r == '\u0085', r == '\u2028', r == '\u2029':
			return &Mistake{Line: line, Message: "line break " + strconv.QuoteRune(r) + ", want a line feed"}
		case unicode.IsControl(r) && r != '\t' && r != '\r':
			return &Mistake{Line: line, Message: "control character " + strconv.QuoteRune(r) + ", want text"}
		}
	}
	return nil
}

var (
	yamlError  = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// Errors of the parser, unlike those of the scanner, count lines from 0.
	yamlParser = regexp.MustCompile(`^did not find expected (<|node|'-'|key|',')`)
)

// syntaxMistake puts an error of the YAML parser into our words and at the right line.
func syntaxMistake(err error, text []byte) *Mistake {
	if errors.Is(err, io.EOF) {
		return emptyFile()
	}
	m := &Mistake{Line: 1, Message: "not valid YAML: " + shorten(err.Error())}
	parts := yamlError.FindStringSubmatch(err.Error())
	if parts == nil {
		return m
	}
	problem := parts[2]
	m.Message = "not valid YAML: " + shorten(problem)
	if n, err := strconv.Atoi(parts[1]); err == nil {
		m.Line = n
		if yamlParser.MatchString(problem) {
			m.Line++
		}
	}
	lines := bytes.Split(text, []byte("\n"))
	if anchor := yamlAnchor.FindStringSubmatch(problem); anchor != nil {
		m.Line = 1 + max(0, lineWith(lines, "*"+anchor[1]))
	}
	for i := m.Line; i <= m.Line+1 && i <= len(lines) && strings.Contains(problem, "found"); i++ {
		if tabIndented(lines[i-1]) {
			return &Mistake{Line: i, Message: "indented with a tab, want spaces"}
		}
	}
	return m
}

// lineWith is the index of the first line that has a word; -1 if none has.
func lineWith(lines [][]byte, word string) int {
	for i, line := range lines {
		if bytes.Contains(line, []byte(word)) {
			return i
		}
	}
	return -1
}

// tabIndented says that a tab stands before the first other character of a line.
func tabIndented(line []byte) bool {
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	return bytes.ContainsRune(indent, '\t')
}
