package load

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Piece is a part of a text with templates: what stands as it is, or one template.
type Piece struct {
	Literal bool
	Text    string   // of a literal what it says, its escapes undone; of a template how it is written
	Name    string   // of a template
	Args    []string // of a template: what stands behind its colons; nil without any
	column  int      // of a template's first character in the text, from 1
}

// Pieces splits a text as it stands in a Spec that a Plan was made of; any other may have pieces missing.
func Pieces(text string) []Piece {
	pieces, _ := split(text)
	return pieces
}

// templates matches the beginning of a template, and the escape that is none.
var templates = regexp.MustCompile(`\$?\$\{`)

// split cuts a text into its pieces, up to the first that cannot be read.
func split(text string) ([]Piece, *misprint) {
	var pieces []Piece
	plain := strings.Builder{}
	flush := func() {
		if plain.Len() > 0 {
			pieces = append(pieces, Piece{Literal: true, Text: plain.String()})
			plain.Reset()
		}
	}
	for at := 0; ; {
		next := templates.FindStringIndex(text[at:])
		if next == nil {
			plain.WriteString(text[at:])
			flush()
			return pieces, nil
		}
		begin, body := at+next[0], at+next[1]
		plain.WriteString(text[at:begin])
		if body-begin == len("$${") {
			plain.WriteString("${")
			at = body
			continue
		}
		flush()
		where := 1 + utf8.RuneCountInString(text[:begin])
		end := strings.IndexByte(text[body:], '}')
		switch {
		case end < 0:
			return pieces, &misprint{text: text[begin:], column: where, want: "a } that ends the template, or $${ for the text ${"}
		case len(pieces) > maxParts:
			want := fmt.Sprintf("at most %d templates in a text", maxParts/2)
			return pieces, &misprint{text: text[begin : body+end+1], column: where, want: want}
		}
		at = body + end + 1
		name, rest, hasArgs := strings.Cut(text[body:body+end], ":")
		piece := Piece{Text: text[begin:at], Name: name, column: where}
		if hasArgs {
			piece.Args = strings.Split(rest, ":")
		}
		pieces = append(pieces, piece)
	}
}
