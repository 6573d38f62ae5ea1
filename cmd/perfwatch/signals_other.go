//go:build !unix

package main

import "os"

// userSignals are none here.
func userSignals() []os.Signal { return nil }
