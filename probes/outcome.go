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
	"os"
	"syscall"
)

// An Outcome says how a run ended. The set is closed: it is the only way in which an error becomes a label.
type Outcome uint8

// Every outcome there is.
const (
	OK              Outcome = iota
	Timeout                 // the deadline passed before the last byte
	Refused                 // the peer refused the connection
	Reset                   // the connection broke after it stood
	DNSFailure              // the name did not resolve
	TLSFailure              // the handshake or the certificate
	HTTP4xx                 // an unexpected 4xx other than 429
	HTTP429                 // the rate limiter answered
	HTTP5xx                 // an unexpected 5xx
	InvalidResponse         // an answer that is not the one expected
	BodyTooLarge            // a body over its cap
	Canceled                // we stopped it ourselves
	Panic                   // a defect of ours
	Error                   // anything else
	NumOutcomes
)

// String is the outcome as it stands in the label "outcome".
func (o Outcome) String() string {
	return [NumOutcomes]string{
		"ok", "timeout", "refused", "reset", "dns", "tls", "http_4xx", "http_429", "http_5xx",
		"invalid_response", "body_too_large", "canceled", "panic", "error",
	}[o]
}

// Errors that a probe wraps to name its outcome.
var (
	ErrInvalidResponse = errors.New("invalid response")
	ErrBodyTooLarge    = errors.New("body too large")
)

// A StatusError is a response whose HTTP status was not expected.
type StatusError struct {
	Code int
	Want string // what was expected: "200", "2xx"
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d, want %s", e.Code, e.Want) }

// A PanicError is a panic that was caught in a probe.
type PanicError struct{ Value any }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// An outcomeError says what an error is where its own type does not.
type outcomeError struct {
	outcome Outcome
	err     error
}

func (e *outcomeError) Error() string { return e.outcome.String() + ": " + e.err.Error() }
func (e *outcomeError) Unwrap() error { return e.err }

// interrupted names err after the end of ctx if ctx has ended: what breaks when we stop waiting says nothing about the
// peer. What the peer had answered by then stays what it is.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	outcome := Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		outcome = Timeout
	}
	switch OutcomeOf(err) {
	case Panic, HTTP4xx, HTTP429, HTTP5xx, InvalidResponse, BodyTooLarge, outcome:
		return err
	default:
		return &outcomeError{outcome, err}
	}
}

// OutcomeOf names the outcome of an error; a nil error is OK.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	var (
		pan    *PanicError
		named  *outcomeError
		status *StatusError
	)
	switch {
	case errors.As(err, &pan):
		return Panic
	case errors.As(err, &named):
		return named.outcome
	case errors.As(err, &status):
		return statusOutcome(status.Code)
	case errors.Is(err, ErrBodyTooLarge):
		return BodyTooLarge
	case errors.Is(err, ErrInvalidResponse):
		return InvalidResponse
	}
	return networkOutcome(err)
}

func statusOutcome(code int) Outcome {
	switch {
	case code == http.StatusTooManyRequests:
		return HTTP429
	case code >= 400 && code < 500:
		return HTTP4xx
	case code >= 500 && code < 600:
		return HTTP5xx
	}
	return InvalidResponse
}

func networkOutcome(err error) Outcome {
	var (
		dns  *net.DNSError
		nerr net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.As(err, &dns):
		if dns.IsTimeout {
			return Timeout
		}
		return DNSFailure
	case isTLS(err):
		return TLSFailure
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case isReset(err):
		return Reset
	case errors.As(err, &nerr) && nerr.Timeout():
		return Timeout
	}
	return Error
}

// isTLS knows the errors of a handshake and of a certificate. An alert has no exported type of its own: it is told by
// the operation of the *net.OpError around it, which only crypto/tls uses.
func isTLS(err error) bool {
	var (
		op      *net.OpError
		alert   tls.AlertError
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		roots   x509.SystemRootsError
	)
	if errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") {
		return true
	}
	return errors.As(err, &alert) || errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &unknown) ||
		errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &roots) || errors.Is(err, http.ErrSchemeMismatch)
}

// isReset knows the errors of a connection that broke, and those of an HTTP/2 stream that the peer reset.
func isReset(err error) bool {
	var stream streamError
	for _, target := range []error{
		syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return errors.As(err, &stream)
}

// streamError has the fields of net/http's own HTTP/2 stream error, which lets itself be converted to such a type.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string {
	return fmt.Sprintf("stream %d reset with code %d", e.StreamID, e.Code)
}
