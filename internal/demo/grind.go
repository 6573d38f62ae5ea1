package demo

import "crypto/sha256"

// newHashGrinder returns what keeps a processor busy for some 100 µs where the kernel cannot be asked to.
func newHashGrinder() func() {
	buf := make([]byte, 64<<10)
	return func() {
		sum := sha256.Sum256(buf)
		copy(buf, sum[:])
	}
}
