package peer

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// A Mailbox is an SMTP server that keeps what it is sent.
type Mailbox struct {
	Address string // host:port
	inbox[Mail]
}

// A Mail is one message with its parts decoded.
type Mail struct {
	To            []string // of the envelope
	Subject       string
	Plain, Markup string // the parts text/plain and text/html
}

// StartMailbox starts an SMTP server without TLS and passwords.
func StartMailbox(t testing.TB) *Mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Mailbox{Address: l.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{box: b}, nil }))
	server.Domain = "localhost"
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // until it is closed
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return b
}

// A delivery is what a client sends in one session.
type delivery struct {
	box *Mailbox
	to  []string
}

// Mail takes any sender.
func (d *delivery) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes anybody.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

// Data keeps a message that can be read.
func (d *delivery) Data(r io.Reader) error {
	m, err := readMail(r)
	if err != nil {
		return err
	}
	m.To = d.to
	d.box.keep(m)
	return nil
}

// Reset begins the next message.
func (d *delivery) Reset() { d.to = nil }

// Logout ends the session.
func (*delivery) Logout() error { return nil }

// readMail reads a message of alternative parts, each quoted-printable.
func readMail(r io.Reader) (Mail, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return Mail{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return Mail{}, fmt.Errorf("reading the subject: %w", err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return Mail{}, fmt.Errorf("reading the content type: %w", err)
	}
	m := Mail{Subject: subject}
	for parts := multipart.NewReader(message.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return Mail{}, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return Mail{}, err
		}
		text := strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
		if kind := part.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") {
			m.Markup = text
		} else {
			m.Plain = text
		}
	}
}
