package collector

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// scripted is a connection whose peer has said something already.
type scripted struct {
	net.Conn
	in io.Reader
}

func (c scripted) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c scripted) Write(p []byte) (int, error) { return len(p), nil }

func TestTheGuardLetsOnlyBoundedRepliesThrough(t *testing.T) {
	value := strings.Repeat("$9999999999\r\n*9999\r\n", 100) // what stands in a string announces nothing
	for _, row := range []struct{ name, reply, want string }{
		{"a string", bulk(value), ""},
		{"an empty string", bulk("") + bulk("x"), ""},
		{"nil", "$-1\r\n*-1\r\n" + bulk("x"), ""},
		{"HELLO", "*2\r\n" + bulk("server") + bulk("redis"), ""},
		{"a map of RESP 3", "%1\r\n+a\r\n:1\r\n", ""},
		{"an error of a long line", "-ERR " + strings.Repeat("x", 5000) + "\r\n" + bulk("x"), ""},
		{"as long as can be", bulk(strings.Repeat("x", maxInfoBytes)), ""},
		{"a byte longer", "$1048577\r\n", "1048577 bytes announced, want at most 1048576"},
		{"as long as a number can be", "$9223372036854775807\r\n", "announced"},
		{"longer than a number can be", "$9223372036854775808\r\n", `length "$9223372036854775808"`},
		{"a length that is none", "$abc\r\n", `length "$abc"`},
		{"as many as can be", "*16384\r\n", ""},
		{"one more", "*16385\r\n", "more than 16384 elements"},
		{"as many as a number can be, twice", strings.Repeat("*9223372036854775807\r\n", 2), "more than 16384 elements"},
		{"many in many", strings.Repeat("*129\r\n", 128), "more than 16384 elements"},
		{"a push of RESP 3", ">50000\r\n", "more than 16384 elements"},
		{"a line without an end", "+" + strings.Repeat("x", 2<<20), "more than 1048576 bytes"},
		{"many strings", strings.Repeat(bulk(strings.Repeat("x", 1<<19)), 3), "more than 1048576 bytes"},
	} {
		for _, chunk := range []int{1, 7, 1 << 20} {
			g := &replyGuard{Conn: scripted{in: strings.NewReader(row.reply)}}
			var got bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{g}, make([]byte, chunk))
			if row.want == "" && (err != nil || got.String() != row.reply) {
				t.Errorf("%s in reads of %d: %d of %d bytes, error %v, want all", row.name, chunk, got.Len(), len(row.reply), err)
			}
			if row.want != "" && !strings.Contains(fmt.Sprint(err), row.want) {
				t.Errorf("%s in reads of %d: error %v, want one with %q", row.name, chunk, err, row.want)
			}
		}
	}
}

func TestTheGuardCountsAnewWithEachCommand(t *testing.T) {
	reply := "*1000\r\n" + bulk(strings.Repeat("x", 1<<19))
	g := &replyGuard{Conn: scripted{in: strings.NewReader(strings.Repeat(reply, 10))}}
	for i := range 10 {
		if _, err := g.Write([]byte("INFO\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(g, make([]byte, len(reply))); err != nil {
			t.Fatalf("reply %d: %v", i, err)
		}
	}
}
