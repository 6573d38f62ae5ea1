package collector

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// maxReplyElements is how many elements the answer to one command may announce. INFO is one, HELLO a dozen, LATENCY
// HISTOGRAM up to fifty for each command in use.
const maxReplyElements = 1 << 14

// A replyGuard refuses an answer before the client makes room for what it announces: the client trusts the length in
// front of a string and allocates it at once. It follows the framing of RESP 2 and 3, and counts anew with each command.
type replyGuard struct {
	net.Conn
	size, elements int64
	line           []byte // the start of a line that is not complete yet
	bulk           int64  // bytes of a string that are still to come
}

// maxLine is how much of a line is kept; a length has at most twenty digits.
const maxLine = 32

func (g *replyGuard) Write(p []byte) (int, error) {
	g.size, g.elements = 0, 0
	return g.Conn.Write(p)
}

func (g *replyGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if refused := g.follow(p[:n]); refused != nil {
		return 0, refused
	}
	return n, err
}

func (g *replyGuard) follow(b []byte) error {
	g.size += int64(len(b))
	if g.size > maxInfoBytes+maxLine {
		return fmt.Errorf("reading reply: more than %d bytes", maxInfoBytes)
	}
	for len(b) > 0 {
		if g.bulk > 0 {
			n := min(g.bulk, int64(len(b)))
			g.bulk -= n
			b = b[n:]
			continue
		}
		line, rest, complete := bytes.Cut(b, []byte("\n"))
		g.line = append(g.line, line[:min(len(line), maxLine-len(g.line))]...)
		b = rest
		if complete {
			if err := g.header(bytes.TrimSuffix(g.line, []byte("\r"))); err != nil {
				return err
			}
			g.line = g.line[:0]
		}
	}
	return nil
}

// header judges a whole line. One that announces nothing is the client's to understand.
func (g *replyGuard) header(line []byte) error {
	if len(line) == 0 || !bytes.ContainsRune([]byte("$=!*%~>|"), rune(line[0])) {
		return nil
	}
	n, err := strconv.ParseInt(string(line[1:]), 10, 64)
	if err != nil {
		return fmt.Errorf("reading reply: length %q", line)
	}
	switch line[0] {
	case '$', '=', '!':
		if n > maxInfoBytes {
			return fmt.Errorf("reading reply: %d bytes announced, want at most %d", n, maxInfoBytes)
		}
		g.bulk = max(0, n) + int64(len("\r\n"))
		if n < 0 {
			g.bulk = 0
		}
	default:
		if g.elements += max(0, min(n, maxReplyElements+1)); g.elements > maxReplyElements {
			return fmt.Errorf("reading reply: more than %d elements announced", maxReplyElements)
		}
	}
	return nil
}
