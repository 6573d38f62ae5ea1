//go:build !linux

package nap

import "errors"

// newPrecise is for systems with timers of the kernel's own.
func newPrecise() (Sleeper, error) { return nil, errors.ErrUnsupported }
