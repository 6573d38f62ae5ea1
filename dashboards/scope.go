package dashboards

import (
	"regexp"
	"strings"
)

// selector finds our metrics in an expression, with the brace that opens their matchers, and what our rules record.
var selector = regexp.MustCompile(`[\w:]*\bperfwatch_[\w:]+(\{\}?)?`)

// scope is what every selector asks for: the perfwatch that the reader chose. Two of them may watch the same.
const scope = `job=~"$job",instance=~"$instance"`

// scoped puts the scope into every selector of an expression. Our metrics are all named perfwatch_…, and no string in
// our expressions is. What is recorded is of all perfwatch together.
func scoped(expr string) string {
	return selector.ReplaceAllStringFunc(expr, func(s string) string {
		if strings.Contains(s, ":") {
			return s
		}
		switch last := len(s) - 1; s[last] {
		case '{':
			return s + scope + ","
		case '}':
			return s[:last] + scope + "}"
		default:
			return s + "{" + scope + "}"
		}
	})
}

// ranged finds the end of each selector with the range behind it.
var ranged = regexp.MustCompile(`\bperfwatch_\w+(\{[^}]*\})?(\[[^\]]*\])?`)

// shifted looks at every selector of an expression as it was some time ago.
func shifted(expr, ago string) string {
	return ranged.ReplaceAllString(expr, "$0 offset "+strings.ReplaceAll(ago, "$", "$$"))
}
