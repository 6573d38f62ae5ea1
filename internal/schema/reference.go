package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Reference writes a schema for people, as Markdown: a section for each definition in the order in which a reader of the
// file meets them, and its keys in the order of the source.
func (s *Schema) Reference(title, lead string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", title, lead)
	s.section(&b, "The file")
	for _, name := range s.met() {
		s.Defs[name].section(&b, name)
	}
	return b.String()
}

// met are the names of the definitions, breadth first.
func (s *Schema) met() (names []string) {
	queue := []*Schema{s}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		for _, ref := range next.refs(nil) {
			if !slices.Contains(names, ref) {
				names = append(names, ref)
				queue = append(queue, s.Defs[ref])
			}
		}
	}
	return names
}

// refs are what a schema refers to, in order.
func (s *Schema) refs(found []string) []string {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		found = append(found, name)
	}
	for _, key := range s.order {
		found = s.Properties[key].refs(found)
	}
	if s.Items != nil {
		found = s.Items.refs(found)
	}
	if more, ok := s.Additional.(*Schema); ok {
		found = more.refs(found)
	}
	for _, one := range s.AnyOf {
		found = one.refs(found)
	}
	return found
}

func (s *Schema) section(b *strings.Builder, heading string) {
	fmt.Fprintf(b, "\n## %s\n\n", heading)
	if s.Description != "" {
		fmt.Fprintf(b, "%s\n\n", s.Description)
	}
	b.WriteString("| key | value | |\n|---|---|---|\n")
	for _, key := range s.order {
		p := s.Properties[key]
		required := ""
		if slices.Contains(s.Required, key) {
			required = "**required**. "
		}
		fmt.Fprintf(b, "| `%s` | %s | %s%s |\n", key, p.words(), required, cell(p.Description))
	}
	if more, ok := s.Additional.(*Schema); ok {
		fmt.Fprintf(b, "| *any other* | %s | |\n", more.words())
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// words say what may stand there.
func (s *Schema) words() string {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	if len(s.Enum) > 0 {
		return "`" + strings.Join(s.Enum, "` `") + "`"
	}
	if len(s.AnyOf) > 0 {
		var parts []string
		for _, one := range s.AnyOf {
			parts = append(parts, one.words())
		}
		return strings.Join(parts, " or ")
	}
	switch t := s.Type.(type) {
	case nil:
		return "anything"
	case string:
		return s.ofType(t)
	}
	return "text"
}

func (s *Schema) ofType(t string) string {
	more, _ := s.Additional.(*Schema)
	switch {
	case t == "array":
		return "list of " + s.Items.words()
	case t == "object" && more != nil:
		return "map of " + more.words()
	case t == "string" && s.Pattern != "" && s.Pattern[0] == '^' && strings.Contains(s.Pattern, "µs"):
		return "duration"
	case t == "string":
		return "text"
	}
	return t
}
