package demo

import (
	"math"

	"github.com/shirou/gopsutil/v3/mem"
)

const (
	mebibyte = 1 << 20
	pageSize = 4096 // the smallest there is: touching more often than needed does no harm
)

// A ballast is memory that is held for nothing. It lies outside the Go heap: the collector would let the garbage grow
// with it, and give it back late.
type ballast struct{ held []byte }

// set holds that many MiB, all of it really resident. It takes about 0.3 s for each GiB.
func (b *ballast) set(level float64) error {
	if b.held != nil {
		if err := unmapMemory(b.held); err != nil {
			return err
		}
		b.held = nil
	}
	size := int(level * mebibyte)
	if size == 0 {
		return nil
	}
	held, err := mapMemory(size)
	if err != nil {
		return err
	}
	for i := 0; i < len(held); i += pageSize {
		held[i] = 1
	}
	b.held = held
	return nil
}

// limit is the most that may be held, in MiB: half of what would be available without it; 0 if that is unknown.
func (b *ballast) limit() float64 {
	m, err := mem.VirtualMemory()
	if err != nil {
		return 0
	}
	available := min(m.Available, groupAvailable())
	return math.Floor(float64(available+uint64(len(b.held))) / 2 / mebibyte)
}
