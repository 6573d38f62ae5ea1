package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// Comments are those of types and of their fields, by package name: "load.Task" and "load.Task.Weight".
type Comments map[string]string

// ReadComments reads the Go files of some folders, tests left out.
func ReadComments(dirs ...string) (Comments, error) {
	c := Comments{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("reading comments: %w", err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("reading comments: %w", err)
			}
			c.add(f)
		}
	}
	return c, nil
}

func (c Comments) add(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			return true
		}
		for _, spec := range d.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			doc := t.Doc
			if doc == nil {
				doc = d.Doc
			}
			c.addType(f.Name.Name+"."+t.Name.Name, t, doc)
		}
		return true
	})
}

func (c Comments) addType(name string, t *ast.TypeSpec, doc *ast.CommentGroup) {
	c[name] = text(doc)
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		words := strings.TrimSpace(text(f.Doc) + " " + text(f.Comment))
		for _, n := range f.Names {
			c[name+"."+n.Name] = words
		}
	}
}

// text is a comment on one line.
func text(g *ast.CommentGroup) string {
	return section.ReplaceAllString(strings.Join(strings.Fields(g.Text()), " "), "$1 section")
}

// section is the name of a type of a section, as it stands in its comment.
var section = regexp.MustCompile(`\b([a-z]\w*)Section\b`)

func key(t reflect.Type) string {
	path := t.PkgPath()
	return path[strings.LastIndexByte(path, '/')+1:] + "." + t.Name()
}

func (c Comments) of(t reflect.Type) string                  { return c[key(t)] }
func (c Comments) field(t reflect.Type, field string) string { return c[key(t)+"."+field] }
