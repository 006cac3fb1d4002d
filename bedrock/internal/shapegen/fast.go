package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// fastOperations are those whose types are read and written without
// reflection: the ones that run once for each question to a model.
var fastOperations = []string{"Converse", "ConverseStream", "CountTokens", "Construct", "ConstructStream"}

// leftOut are shapes of those operations that are large and rare. A value that
// has one is read and written by reflection as a whole.
var leftOut = []string{"ConverseTrace", "ConverseStreamTrace"}

// mostMembers is how many members the generated code can tell apart; a bit of
// an uint64 stands for each.
const mostMembers = 64

// writeFast gives the types of the fast operations methods that read and write
// their JSON (see scan.go and write.go in package bedrock).
func (g *generator) writeFast(b *bytes.Buffer) error {
	fast := map[string]bool{}
	for _, op := range g.operations {
		if slices.Contains(fastOperations, op.Name) {
			g.markFast(fast, op.Input.Shape)
			g.markFast(fast, op.Output.Shape)
		}
	}
	for _, name := range g.names(isStructure) {
		s := g.shapes[name]
		if !fast[name] || g.twin(name) != "" || !inBody(s) {
			continue
		}
		if len(s.Members) > mostMembers {
			return fmt.Errorf("%s has more than %d members", name, mostMembers)
		}
		fmt.Fprintf(b, `func (v *%[1]s) decodeFast(data []byte) bool { return readWhole(data, v, (*%[1]s).read) }

func (v *%[1]s) encodeFast(w *writer) bool { return writeWhole(v, w, (*%[1]s).write) }

`, goName(name))
		g.writeRead(b, fast, name)
		g.writeWrite(b, fast, name)
	}
	return nil
}

func (g *generator) markFast(fast map[string]bool, name string) {
	s := g.shapes[name]
	if s == nil || fast[name] || slices.Contains(leftOut, name) {
		return
	}
	fast[name] = true
	for _, ref := range s.refs() {
		g.markFast(fast, ref.Shape)
	}
	if twin := g.twin(name); twin != "" {
		g.markFast(fast, twin)
	}
}

// inJSON tells whether a member is in the JSON text of its structure.
func (g *generator) inJSON(member namedRef) bool { return !g.skip(member) && member.Location == "" }

func (g *generator) writeRead(b *bytes.Buffer, fast map[string]bool, name string) {
	s, typ := g.shapes[name], goName(name)
	fmt.Fprintf(b, "func (v *%s) read(s *scanner) {\nfor m := (members{}); s.next(&m); {\nswitch string(m.name) {\n", typ)
	for i, member := range s.Members {
		codec := g.fastCodec(fast, member.Shape, "read")
		if !g.inJSON(member) || codec == "" {
			continue
		}
		fmt.Fprintf(b, "case %q:\ns.once(&m, %d)\n", member.Name, i)
		field := "&v." + goName(member.Name)
		if g.isPointer(s, member) {
			fmt.Fprintf(b, "readNew(%s, s, %s)\n", field, codec)
		} else {
			fmt.Fprintf(b, "%s\n", call(g, fast, member.Shape, "read", field, "s"))
		}
	}
	b.WriteString("default:\ns.odd = true\n}\n}\nif len(v.Unknown) > 0 {\ns.odd = true\n}\n}\n\n")
}

func (g *generator) writeWrite(b *bytes.Buffer, fast map[string]bool, name string) {
	s, typ := g.shapes[name], goName(name)
	fmt.Fprintf(b, "func (v *%s) write(w *writer) {\nw.begin(v.Unknown)\n", typ)
	for _, member := range s.Members {
		if !g.inJSON(member) {
			continue
		}
		field, address := "v."+goName(member.Name), "&v."+goName(member.Name)
		if g.isPointer(s, member) {
			address = field
		}
		text := "w.odd = true"
		if g.fastCodec(fast, member.Shape, "write") != "" {
			text = fmt.Sprintf("w.name(`%q:`)\n%s", member.Name, call(g, fast, member.Shape, "write", address, "w"))
		}
		if slices.Contains(s.Required, member.Name) && !s.Union {
			fmt.Fprintf(b, "%s\n", text)
			continue
		}
		zero := "nil"
		if g.memberType(s, member, false) == g.goType(member.Shape) && g.shapes[member.Shape].Type == "string" {
			zero = `""`
		}
		fmt.Fprintf(b, "if %s != %s {\n%s\n}\n", field, zero, text)
	}
	b.WriteString("w.end()\n}\n\n")
}

func (g *generator) isPointer(s *Shape, member namedRef) bool {
	required := slices.Contains(s.Required, member.Name)
	return g.memberType(s, member, required) == "*"+g.goType(member.Shape)
}

// call is the statement that reads or writes what an address points to.
func call(g *generator, fast map[string]bool, shape, verb, address, with string) string {
	s := g.shapes[shape]
	switch {
	case isStructure(s):
		return fmt.Sprintf("%s.%s(%s)", strings.TrimPrefix(address, "&"), verb, with)
	case s.Type == "list":
		return fmt.Sprintf("%sList(%s, %s, %s)", verb, address, with, g.fastCodec(fast, s.Member.Shape, verb))
	case s.Type == "map":
		return fmt.Sprintf("%sMap(%s, %s, %s)", verb, address, with, g.fastCodec(fast, s.Value.Shape, verb))
	}
	return fmt.Sprintf("%s(%s, %s)", g.fastCodec(fast, shape, verb), address, with)
}

// fastCodec is the function that reads or writes a shape, or "" when only
// reflection does. The function of a list or of a map is never passed on.
func (g *generator) fastCodec(fast map[string]bool, shape, verb string) string {
	s := g.shapes[shape]
	switch {
	case s == nil || !fast[shape] || s.Type == "timestamp":
		return ""
	case s.Document:
		return verb + "Document"
	case s.Type == "structure":
		return fmt.Sprintf("(*%s).%s", goName(shape), verb)
	case s.Type == "list":
		return g.elements(fast, s.Member.Shape, verb)
	case s.Type == "map":
		return g.elements(fast, s.Value.Shape, verb)
	case s.Type == "string":
		return fmt.Sprintf("%sString[%s]", verb, g.goType(shape))
	}
	return verb + map[string]string{
		"integer": "Int", "long": "Int", "float": "Float", "double": "Float", "boolean": "Bool", "blob": "Blob",
	}[s.Type]
}

// elements is fastCodec for the elements of a list or a map, which may not be
// lists or maps themselves.
func (g *generator) elements(fast map[string]bool, shape, verb string) string {
	if s := g.shapes[shape]; s.Type == "list" || s.Type == "map" {
		return ""
	}
	return g.fastCodec(fast, shape, verb)
}
