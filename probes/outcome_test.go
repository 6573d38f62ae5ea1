package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// timeoutError times out without being any known error, as net/http's tlsHandshakeTimeoutError.
type timeoutError struct{}

func (timeoutError) Error() string   { return "net/http: TLS handshake timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// alert is like the one of crypto/tls, which is not exported.
type alert uint8

func (alert) Error() string { return "tls: bad certificate" }

type outcomeRow struct {
	name string
	err  error
	want Outcome
}

func outcomeRows() []outcomeRow {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	return []outcomeRow{{"nil", nil, OK},
		{"deadline", context.DeadlineExceeded, Timeout},
		{"I/O deadline", dial(os.ErrDeadlineExceeded), Timeout},
		{"dial in the kernel", dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), Timeout},
		{"handshake timeout", timeoutError{}, Timeout},
		{"slow resolver", dial(&net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true}), Timeout},
		{"canceled", context.Canceled, Canceled},
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}), DNSFailure},
		{"resolver broken", dial(&net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}), DNSFailure},
		{"resolver refused", &net.DNSError{Err: syscall.ECONNREFUSED.Error(), Name: "h"}, DNSFailure},
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), Refused},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, Reset},
		{"aborted", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNABORTED)}, Reset},
		{"broken pipe", &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, Reset},
		{"closed by us", &net.OpError{Op: "read", Err: net.ErrClosed}, Reset},
		{"end", io.EOF, Reset},
		{"early end", io.ErrUnexpectedEOF, Reset},
		{"HTTP/2 stream", streamError{StreamID: 1, Code: 2}, Reset},
		{"alert from the peer", &net.OpError{Op: "remote error", Err: alert(42)}, TLSFailure},
		{"alert of ours", &net.OpError{Op: "local error", Err: alert(70)}, TLSFailure},
		{"exported alert", tls.AlertError(42), TLSFailure},
		{"not TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, TLSFailure},
		{"plain HTTP where TLS was spoken", http.ErrSchemeMismatch, TLSFailure},
		{"unknown authority", x509.UnknownAuthorityError{}, TLSFailure},
		{"other host", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, TLSFailure},
		{"expired", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, TLSFailure},
		{"expired, bare", x509.CertificateInvalidError{Reason: x509.Expired}, TLSFailure},
		{"no roots", x509.SystemRootsError{Err: io.EOF}, TLSFailure},
		{"status 200 where 201 is wanted", &StatusError{Code: 200}, InvalidResponse},
		{"status 301", &StatusError{Code: 301}, InvalidResponse},
		{"status 400", &StatusError{Code: 400}, HTTP4xx},
		{"status 429", &StatusError{Code: 429}, HTTP429},
		{"status 499", &StatusError{Code: 499}, HTTP4xx},
		{"status 500", &StatusError{Code: 500}, HTTP5xx},
		{"status 599", &StatusError{Code: 599}, HTTP5xx},
		{"status 999", &StatusError{Code: 999}, InvalidResponse},
		{"invalid because of an early end", fmt.Errorf("%w: %w", ErrInvalidResponse, io.ErrUnexpectedEOF), InvalidResponse},
		{"too large", ErrBodyTooLarge, BodyTooLarge},
		{"panic", &PanicError{Value: io.EOF}, Panic},
		{"no route", dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), Error},
		{"anything else", errors.New("x"), Error},
	}
}

func TestOutcomeOf(t *testing.T) {
	for _, tt := range outcomeRows() {
		t.Run(tt.name, func(t *testing.T) {
			if got := OutcomeOf(tt.err); got != tt.want {
				t.Errorf("outcome of %v: %v, want %v", tt.err, got, tt.want)
			}
			if tt.err == nil {
				return
			}
			for _, wrapped := range []error{&url.Error{Op: "Get", URL: "http://h/", Err: tt.err}, fmt.Errorf("fetching: %w", tt.err),
				errors.Join(tt.err, nil)} {
				if got := OutcomeOf(wrapped); got != tt.want {
					t.Errorf("outcome of %v in a %T: %v, want %v", tt.err, wrapped, got, tt.want)
				}
			}
		})
	}
}

func TestOutcomeNames(t *testing.T) {
	want := []string{
		"ok", "timeout", "refused", "reset", "dns", "tls", "http_4xx", "http_429", "http_5xx",
		"invalid_response", "body_too_large", "canceled", "panic", "error",
	}
	for o := range NumOutcomes {
		if o.String() != want[o] {
			t.Errorf("outcome %d is %q, want %q", o, o, want[o])
		}
	}
}

// proberFunc is a prober made of one function.
type proberFunc func(context.Context) (Result, error)

func (f proberFunc) Probe(ctx context.Context) (Result, error) { return f(ctx) }

func TestTakeTimesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due := time.Now()
		time.Sleep(3 * time.Second)
		s := Take(t.Context(), proberFunc(func(context.Context) (Result, error) {
			time.Sleep(2 * time.Second)
			return Result{Status: 200, Bytes: 7}, nil
		}), due)
		if s.Outcome != OK || s.Status != 200 || s.Bytes != 7 ||
			s.Duration != 2*time.Second || s.Lag() != 3*time.Second || s.Response() != 5*time.Second {
			t.Errorf("sample %+v, want ok, 200, 7 bytes, 2 s after a lag of 3 s", s)
		}
	})
}

// TestTakeEndsAtTheLastByte shows that what we do with an answer is not the platform's time.
func TestTakeEndsAtTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Take(t.Context(), proberFunc(func(context.Context) (Result, error) {
			time.Sleep(time.Second)
			res := Result{ended: time.Now()}
			time.Sleep(time.Minute)
			return res, ErrInvalidResponse
		}), time.Now())
		if s.Duration != time.Second || s.Outcome != InvalidResponse {
			t.Errorf("%v after %v, want invalid_response after 1s", s.Outcome, s.Duration)
		}
	})
}

func TestTakeCatchesAPanic(t *testing.T) {
	s := Take(t.Context(), proberFunc(func(context.Context) (Result, error) { panic("boom") }), time.Now())
	if s.Outcome != Panic || s.Err.Error() != "panic: boom" {
		t.Errorf("%v, %v, want panic: boom", s.Outcome, s.Err)
	}
}

func TestTheEndOfTheContextDecides(t *testing.T) {
	for _, tt := range []struct {
		name         string
		err          error
		late, cancel Outcome
	}{
		{"success", nil, OK, OK},
		{"unknown text", errors.New("request aborted"), Timeout, Canceled},
		{"broken connection", io.ErrUnexpectedEOF, Timeout, Canceled},
		{"refused", syscall.ECONNREFUSED, Timeout, Canceled},
		{"the other end of a context", context.Canceled, Timeout, Canceled},
		{"a deadline of its own", os.ErrDeadlineExceeded, Timeout, Canceled},
		{"an answer before the end", &StatusError{Code: 503}, HTTP5xx, HTTP5xx},
		{"a wrong answer before the end", ErrInvalidResponse, InvalidResponse, InvalidResponse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := proberFunc(func(context.Context) (Result, error) { return Result{}, tt.err })
			late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
			defer stop()
			if got := Take(late, p, time.Now()).Outcome; got != tt.late {
				t.Errorf("after the deadline: %v, want %v", got, tt.late)
			}
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			if got := Take(canceled, p, time.Now()).Outcome; got != tt.cancel {
				t.Errorf("after we stopped it: %v, want %v", got, tt.cancel)
			}
			timer, fire := context.WithCancelCause(t.Context())
			fire(context.DeadlineExceeded)
			if got := Take(timer, p, time.Now()).Outcome; got != tt.late {
				t.Errorf("after a session's timer: %v, want %v", got, tt.late)
			}
		})
	}
}
