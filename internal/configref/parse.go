package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
)

// setting is a field of a struct of settings.
type setting struct {
	key  string
	kind string // the Go type, as it is written
	text string // the comment, as one paragraph
	tag  reflect.StructTag
}

// parse reads the structs of a Go file, by name.
func parse(file string) (map[string][]setting, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	types := map[string][]setting{}
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range decl.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			s, ok := t.Type.(*ast.StructType)
			if !ok {
				continue
			}
			if types[t.Name.Name], err = fields(t.Name.Name, s); err != nil {
				return nil, err
			}
		}
	}
	return types, nil
}

func fields(name string, s *ast.StructType) ([]setting, error) {
	var list []setting
	for _, f := range s.Fields.List {
		if len(f.Names) != 1 || f.Tag == nil || f.Doc == nil {
			return nil, fmt.Errorf("%s: a field without a name, a tag or a comment", name)
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		st := reflect.StructTag(tag)
		text := strings.Join(strings.Fields(f.Doc.Text()), " ")
		list = append(list, setting{key: st.Get("yaml"), kind: typeOf(f.Type), text: text, tag: st})
	}
	return list, nil
}

func typeOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeOf(e.X) + "." + e.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeOf(e.Elt)
	case *ast.MapType:
		return "map[" + typeOf(e.Key) + "]" + typeOf(e.Value)
	}
	return fmt.Sprintf("%T", e)
}

// inner is the type in a list or a mapping, or the type itself.
func inner(kind string) string {
	return strings.TrimPrefix(strings.TrimPrefix(kind, "[]"), "map[string]")
}
