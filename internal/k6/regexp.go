package k6

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxPattern bounds a regular expression in JavaScript, in bytes: RE2 folds classes of Unicode that JavaScript needs
// written out.
const maxPattern = 64 << 10

// pattern writes a regular expression of RE2 as one of JavaScript for the flag u, which finds the same match. Both take
// the leftmost match and the alternative that stands first; case folding and classes are written out, so that it means
// the same whatever each language calls a letter or a space.
func pattern(re2 string) (string, error) {
	parsed, err := syntax.Parse(re2, syntax.Perl)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := writePattern(&b, parsed); err != nil {
		return "", err
	}
	if b.Len() > maxPattern {
		return "", fmt.Errorf("it comes to %d bytes in JavaScript, want at most %d", b.Len(), maxPattern)
	}
	return b.String(), nil
}

func writePattern(b *strings.Builder, re *syntax.Regexp) error {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			writeRune(b, r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		writeClass(b, re.Rune)
	case syntax.OpCapture:
		return writeGroup(b, "(", re.Sub, "")
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if err := writeGroup(b, "(?:", re.Sub, ""); err != nil {
			return err
		}
		b.WriteString(quantifier(re))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if err := writeGroup(b, "(?:", []*syntax.Regexp{sub}, ""); err != nil {
				return err
			}
		}
	case syntax.OpAlternate:
		return writeGroup(b, "(?:", re.Sub, "|")
	default:
		text, ok := assertion(re.Op)
		if !ok {
			return fmt.Errorf("%q has no counterpart in JavaScript", re)
		}
		b.WriteString(text)
	}
	return nil
}

// assertion writes what has no parts. Lines end with \n in RE2 and with three more characters in JavaScript.
func assertion(op syntax.Op) (string, bool) {
	switch op {
	case syntax.OpNoMatch:
		return `[^\s\S]`, true
	case syntax.OpEmptyMatch:
		return `(?:)`, true
	case syntax.OpAnyCharNotNL:
		return `[^\n]`, true
	case syntax.OpAnyChar:
		return `[\s\S]`, true
	case syntax.OpBeginText:
		return `^`, true
	case syntax.OpEndText:
		return `$`, true
	case syntax.OpBeginLine:
		return `(?:^|(?<=\n))`, true
	case syntax.OpEndLine:
		return `(?:$|(?=\n))`, true
	case syntax.OpWordBoundary:
		return `\b`, true
	case syntax.OpNoWordBoundary:
		return `\B`, true
	default:
		return "", false
	}
}

// writeGroup writes parts within parentheses, where one needs them.
func writeGroup(b *strings.Builder, open string, parts []*syntax.Regexp, between string) error {
	bare := open != "(" && len(parts) == 1 && single(parts[0])
	if !bare {
		b.WriteString(open)
	}
	for i, part := range parts {
		if i > 0 {
			b.WriteString(between)
		}
		if err := writePattern(b, part); err != nil {
			return err
		}
	}
	if !bare {
		b.WriteString(")")
	}
	return nil
}

// single reports whether what re comes to is one thing to a quantifier behind it.
func single(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune) == 1
	case syntax.OpCharClass, syntax.OpCapture, syntax.OpAlternate, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	default:
		return false
	}
}

func quantifier(re *syntax.Regexp) string {
	lazy := ""
	if re.Flags&syntax.NonGreedy != 0 {
		lazy = "?"
	}
	switch {
	case re.Op == syntax.OpStar:
		return "*" + lazy
	case re.Op == syntax.OpPlus:
		return "+" + lazy
	case re.Op == syntax.OpQuest:
		return "?" + lazy
	case re.Max < 0:
		return fmt.Sprintf("{%d,}%s", re.Min, lazy)
	}
	return fmt.Sprintf("{%d,%d}%s", re.Min, re.Max, lazy)
}

// writeRune writes a character, or all that are the same but for case.
func writeRune(b *strings.Builder, r rune, fold bool) {
	if !fold || unicode.SimpleFold(r) == r {
		writeEscaped(b, r)
		return
	}
	b.WriteByte('[')
	writeEscaped(b, r)
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		writeEscaped(b, f)
	}
	b.WriteByte(']')
}

// writeClass writes pairs of first and last characters.
func writeClass(b *strings.Builder, pairs []rune) {
	b.WriteByte('[')
	for i := 0; i+1 < len(pairs); i += 2 {
		writeEscaped(b, pairs[i])
		if pairs[i] != pairs[i+1] {
			b.WriteByte('-')
			writeEscaped(b, pairs[i+1])
		}
	}
	b.WriteByte(']')
}

// writeEscaped writes letters and digits as they are and every other character by its number.
func writeEscaped(b *strings.Builder, r rune) {
	if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		b.WriteRune(r)
		return
	}
	fmt.Fprintf(b, `\u{%x}`, r)
}
