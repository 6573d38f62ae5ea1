package preview

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// matches says whether an override is for a series, or a column, of a name.
func matches(kind, option, name string) bool {
	switch kind {
	case "byName":
		return option == name
	case "byRegexp":
		re, err := regexp.Compile(strings.Trim(option, "/"))
		return err == nil && re.MatchString(name)
	}
	return false
}

// substitute puts values in the place of a query's variables, written $name, ${name} or ${name:format}. A longer name
// goes first, for one name may start another.
func substitute(expr string, values map[string]string) string {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		expr = regexp.MustCompile(`\$\{`+regexp.QuoteMeta(name)+`(:[a-z]+)?\}`).ReplaceAllLiteralString(expr, values[name])
		expr = strings.ReplaceAll(expr, "$"+name, values[name])
	}
	return expr
}

// legend names a series by its format, {{label}} for a label's value. Without a format it is all of its labels.
func legend(format string, labels map[string]string) string {
	if format == "" || format == "__auto" {
		parts := make([]string, 0, len(labels))
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			parts = append(parts, name+"="+labels[name])
		}
		return strings.Join(parts, ", ")
	}
	placeholder := regexp.MustCompile(`\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)
	return placeholder.ReplaceAllStringFunc(format, func(p string) string {
		return labels[placeholder.FindStringSubmatch(p)[1]]
	})
}
