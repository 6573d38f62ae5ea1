package load

import (
	"encoding/hex"
	"errors"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"unicode/utf8"

	"github.com/perfwatch/perfwatch/probes"
)

// maxRendered bounds what the templates of one request may come to, in bytes.
const maxRendered = 8 << 20

// What keeps a request from being filled in. No value stands in them.
var (
	errUsedUp   = errors.New("the data is used up")
	errTooLarge = errors.New("filling in a request: over 8 MiB")
)

// An encoding is how values are written where a template stands.
type encoding uint8

const (
	raw        encoding = iota // as they are: a body, a header
	urlEncoded                 // percent-encoded but for the unreserved characters of RFC 3986
	jsonString                 // within the quotes of a JSON string
)

// A program writes one text. It is compiled once and immutable; every user runs it into a buffer of their own.
type program []step

// A step writes one part. Literals are encoded already.
type step struct {
	part
	as encoding
}

// compile encodes what is known and joins what stands side by side.
func compile(parts []part, as encoding) program {
	var p program
	for _, t := range parts {
		switch t.verb {
		case literal:
			p = p.literal(encode(nil, t.text, as))
		case constant:
			p = p.literal(encode(nil, t.value, as))
		default:
			p = append(p, step{t, as})
		}
	}
	return p
}

// literal appends text that is encoded already.
func (p program) literal(text []byte) program {
	if n := len(p); n > 0 && p[n-1].verb == literal {
		p[n-1].text += string(text)
		return p
	}
	return append(p, step{part: part{verb: literal, text: string(text)}})
}

// A pen fills in the requests of one user, into a buffer that it uses again and again.
type pen struct {
	random    *rand.Rand
	user      int // from 1
	captured  [][]byte
	variables []int  // values of the matrix
	feeds     []feed // shared by all users
	hands     []hand // of this user, one a feeder
	buf       []byte
	ends      []int // of what is written, in buf
	filled    probes.Draft
}

// write runs a program at the end of the buffer.
func (w *pen) write(p program) error {
	for i := range p {
		s := &p[i]
		switch s.verb {
		case literal, constant: // a constant has been made a literal
			w.buf = append(w.buf, s.text...)
		case captured:
			w.buf = encode(w.buf, w.captured[s.slot], s.as)
		case column:
			if err := w.column(s); err != nil {
				return err
			}
		case rowVariable:
			w.buf = strconv.AppendInt(w.buf, int64(w.variables[s.slot]), 10)
		case userNumber:
			w.buf = strconv.AppendInt(w.buf, int64(w.user), 10)
		case integer:
			w.buf = strconv.AppendInt(w.buf, s.a+w.random.Int64N(s.b-s.a+1), 10)
		case vector:
			w.vector(s.a, s.as)
		case matrixOf:
			w.matrix(s)
		case uuid:
			w.uuid()
		}
		if len(w.buf) > maxRendered {
			return errTooLarge
		}
	}
	return nil
}

// column draws a value. Every place that names a column draws anew.
func (w *pen) column(s *step) error {
	f := &w.feeds[s.slot]
	i, ok := f.draw(w.random, &w.hands[s.slot])
	if !ok {
		return errUsedUp
	}
	if f.values == nil {
		w.buf = strconv.AppendInt(w.buf, int64(i)+1, 10)
		return nil
	}
	w.buf = encode(w.buf, f.values[i], s.as)
	return nil
}

func (w *pen) matrix(s *step) {
	rows := s.a
	if rows == 0 {
		rows = int64(w.variables[s.slot])
	}
	open, comma, shut := brackets(s.as)
	w.buf = append(w.buf, open...)
	for i := range rows {
		if i > 0 {
			w.buf = append(w.buf, comma...)
		}
		w.vector(s.b, s.as)
	}
	w.buf = append(w.buf, shut...)
}

// vector writes n numbers from 0 up to 1 with six digits: "0.000001". One draw is enough for two.
func (w *pen) vector(n int64, as encoding) {
	open, comma, shut := brackets(as)
	b := append(w.buf, open...)
	var drawn uint64
	for i := range n {
		if i > 0 {
			b = append(b, comma...)
		}
		if i%2 == 0 {
			drawn = w.random.Uint64()
		}
		b = appendFraction(b, uint32(drawn)) // the lower half
		drawn >>= 32
	}
	w.buf = append(b, shut...)
}

// brackets are those of a JSON array. They are not unreserved characters of a URL.
func brackets(as encoding) (open, comma, shut string) {
	if as == urlEncoded {
		return "%5B", "%2C", "%5D"
	}
	return "[", ",", "]"
}

// appendFraction writes random/2^32 with six digits.
func appendFraction(b []byte, random uint32) []byte {
	const pairs = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" +
		"40414243444546474849" + "50515253545556575859" + "60616263646566676869" + "70717273747576777879" +
		"80818283848586878889" + "90919293949596979899"
	millionths, _ := bits.Mul32(random, 1_000_000)
	high, middle, low := 2*(millionths/10_000), 2*(millionths/100%100), 2*(millionths%100)
	return append(b, '0', '.', pairs[high], pairs[high+1], pairs[middle], pairs[middle+1], pairs[low], pairs[low+1])
}

// uuid writes 122 random bits, with the version and the variant of RFC 9562, section 5.4.
func (w *pen) uuid() {
	var id [16]byte
	for i, half := range [2]uint64{w.random.Uint64(), w.random.Uint64()} {
		for k := range 8 {
			id[8*i+k] = byte(half >> (56 - 8*k))
		}
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	w.buf = hex.AppendEncode(w.buf, id[:4])
	for _, group := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		w.buf = append(w.buf, '-')
		w.buf = hex.AppendEncode(w.buf, group)
	}
}

// encode appends a text as it is written where it stands.
func encode[text string | []byte](b []byte, value text, as encoding) []byte {
	switch as {
	case urlEncoded:
		return appendPercent(b, value)
	case jsonString:
		return appendJSON(b, value)
	default:
		return append(b, value...)
	}
}

const hexDigits = "0123456789ABCDEF"

// appendPercent writes value as one piece of a path or a query: no slash, question mark or ampersand in it divides.
func appendPercent[text string | []byte](b []byte, value text) []byte {
	for i := range len(value) {
		c := value[i]
		letter, digit := c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9'
		if letter || digit || c == '-' || c == '.' || c == '_' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

// appendJSON writes value as the inside of a JSON string, RFC 8259, section 7. What is no UTF-8 becomes U+FFFD.
func appendJSON[text string | []byte](b []byte, value text) []byte {
	for i := 0; i < len(value); {
		c := value[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(value[i:min(i+utf8.UTFMax, len(value))]))
			b, i = utf8.AppendRune(b, r), i+size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return b
}
