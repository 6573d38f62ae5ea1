package probes

import "strings"

// isSecretName reports whether what goes under a header's name is likely to be a secret: Authorization, Set-Cookie,
// X-Api-Key, X-Csrf-Token and the like. Too many are better than too few.
func isSecretName(name string) bool {
	for i := range len(name) {
		var words [3]string
		switch name[i] | 0x20 { // a small letter
		case 'a':
			words = [3]string{"auth"}
		case 'c':
			words = [3]string{"cookie", "csrf", "credential"}
		case 'j':
			words = [3]string{"jwt"}
		case 'k':
			words = [3]string{"key"}
		case 'p':
			words = [3]string{"passw"}
		case 's':
			words = [3]string{"secret", "session", "signature"}
		case 't':
			words = [3]string{"token"}
		}
		for _, word := range words {
			if word != "" && len(name)-i >= len(word) && strings.EqualFold(name[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}
