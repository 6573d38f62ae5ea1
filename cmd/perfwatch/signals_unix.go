//go:build unix

package main

import (
	"os"
	"syscall"
)

// userSignals are those whose meaning is for a program to say.
func userSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2} }
