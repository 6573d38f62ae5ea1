package config

import (
	"bytes"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Masked writes a configuration for people to look at: without its comments, and with what may be a secret hidden. It
// reads the file at a path anew, since nothing else keeps what was written there.
func Masked(path string) ([]byte, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	root, mistake := document(text)
	if mistake != nil {
		return nil, *mistake
	}
	hide(root, "", false, 0)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("writing configuration: %w", err)
	}
	return out.Bytes(), e.Close()
}

// secretNames are keys of any section whose values are secrets: those of the HTTP client, and what people call them.
// A file that holds one is named openly.
var secretNames = regexp.MustCompile(
	`(?i)(^|_)(password|secrets?|credentials|token|bearer|dsn|cookies?|api_?key|private_?key|passphrase)$`)

// secretParameters are those of a query string.
var secretParameters = regexp.MustCompile(`(?i)([?&;][^=&;\s]*(?:key|token|secret|password|auth|sig|signature|code)=)[^&;\s]+`)

// hide masks a node and everything below it.
func hide(n *yaml.Node, path string, masked bool, depth int) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if depth > maxDepth {
		n.Kind, n.Content, n.Value, n.Tag = yaml.ScalarNode, nil, "…", textTag
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			key.HeadComment, key.LineComment, key.FootComment = "", "", ""
			below := join(path, key.Value)
			hide(n.Content[i+1], below, masked || secretPath(below) || secretNames.MatchString(key.Value), depth+1)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			hide(item, fmt.Sprintf("%s[%d]", path, i), masked, depth+1)
		}
	case yaml.ScalarNode:
		if masked {
			n.Value, n.Tag, n.Style = secret, textTag, 0
			return
		}
		n.Value = secretParameters.ReplaceAllString(mask(n.Value), "${1}"+secret)
	default: // an alias stands for what is masked where it is anchored
	}
}
