//go:build !unix

package browser

import "os"

func locked(*os.File) bool { return true }

// ours is false: profiles that were left behind stay.
func ours(os.FileInfo) bool { return false }
