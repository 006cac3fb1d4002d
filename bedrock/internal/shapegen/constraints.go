package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
)

// maxInt32 bounds the API's integer type; Go's int is wider.
const maxInt32 = 1<<31 - 1

// writeValidate writes, for what a request can hold, a check function for
// every constrained scalar, list or map, and a validate method for every
// structure.
func (g *generator) writeValidate(b *bytes.Buffer) error {
	for _, name := range g.names(func(*Shape) bool { return true }) {
		s := g.shapes[name]
		switch {
		case !g.inputs[name]:
		case isStructure(s):
			if g.twin(name) == "" {
				g.writeStructureCheck(b, name)
			}
		case g.constrained(name):
			g.writeCheck(b, name)
		}
	}
	return nil
}

// constrained tells whether values of a shape need any check. Structures
// always have a validate method, so recursion ends there.
func (g *generator) constrained(name string) bool {
	s := g.shapes[name]
	switch s.Type {
	case "structure":
		return !s.Document
	case "list":
		return s.Min != nil || s.Max != nil || g.constrained(s.Member.Shape)
	case "map":
		return s.Min != nil || s.Max != nil || g.constrained(s.Key.Shape) || g.constrained(s.Value.Shape)
	case "integer":
		return true
	}
	return s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
}

// check is the call that checks the value of an expression of a shape.
func (g *generator) check(shape, expr string, pointer bool) string {
	s := g.shapes[shape]
	if isStructure(s) {
		return expr + ".validate(c)"
	}
	if pointer {
		expr = "*" + expr
	}
	return fmt.Sprintf("check%s(c, %s)", goName(shape), expr)
}

func (g *generator) writeCheck(b *bytes.Buffer, name string) {
	s := g.shapes[name]
	if pattern := usable(s.Pattern); pattern != "" {
		fmt.Fprintf(b, "var pattern%s = lazyPattern(%q)\n\n", goName(name), pattern)
	}
	fmt.Fprintf(b, "func check%s(c *checker, v %s) {\n", goName(name), g.goType(name))
	upper := s.Max
	if s.Type == "integer" && upper == nil {
		upper = new(float64(maxInt32))
	}
	measure := map[string]string{"string": "c.length(runes(v)", "blob": "c.length(len(v)", "list": "c.length(len(v)", "map": "c.length(len(v)"}[s.Type]
	if measure == "" {
		measure = "c.within(float64(v)"
	} else if len(s.Enum) > 0 {
		measure = "c.length(runes(string(v))"
	}
	if s.Min != nil {
		fmt.Fprintf(b, "\t%s, atLeast, %v)\n", measure, number(*s.Min))
	}
	if upper != nil {
		fmt.Fprintf(b, "\t%s, atMost, %v)\n", measure, number(*upper))
	}
	if usable(s.Pattern) != "" {
		fmt.Fprintf(b, "\tc.pattern(pattern%s, v)\n", goName(name))
	}
	if len(s.Enum) > 0 {
		fmt.Fprintf(b, "\tc.enum(string(v)")
		for _, value := range s.Enum {
			fmt.Fprintf(b, ", %q", value)
		}
		b.WriteString(")\n")
	}
	switch s.Type {
	case "list":
		if g.constrained(s.Member.Shape) {
			fmt.Fprintf(b, "\tfor i := range v {\n\t\tmark := c.enterItem(i)\n\t\t%s\n\t\tc.leave(mark)\n\t}\n", g.check(s.Member.Shape, "v[i]", false))
		}
	case "map":
		g.writeMapCheck(b, s)
	}
	b.WriteString("}\n\n")
}

func (g *generator) writeMapCheck(b *bytes.Buffer, s *Shape) {
	if !g.constrained(s.Key.Shape) && !g.constrained(s.Value.Shape) {
		return
	}
	b.WriteString("\tfor _, key := range sortedKeys(v) {\n\t\tmark := c.enter(key)\n")
	if g.constrained(s.Key.Shape) {
		fmt.Fprintf(b, "\t\t%s\n", g.check(s.Key.Shape, "key", false))
	}
	if g.constrained(s.Value.Shape) {
		fmt.Fprintf(b, "\t\tvalue := v[key]\n\t\t%s\n", g.check(s.Value.Shape, "value", false))
	}
	b.WriteString("\t\tc.leave(mark)\n\t}\n")
}

func (g *generator) writeStructureCheck(b *bytes.Buffer, name string) {
	s := g.shapes[name]
	fmt.Fprintf(b, "func (v *%s) validate(c *checker) {\n", goName(name))
	if s.Union || s.Events {
		b.WriteString("\tc.union(v.Unknown")
		for _, member := range s.Members {
			if !g.skip(member) {
				fmt.Fprintf(b, ", v.%s != nil", goName(member.Name))
			}
		}
		b.WriteString(")\n")
	}
	for _, member := range s.Members {
		if g.skip(member) || s.Payload == member.Name || isModel(member) && member.Location == "uri" {
			continue
		}
		g.writeMemberCheck(b, s, member)
	}
	b.WriteString("}\n\n")
}

// isModel leaves the model id alone, but for its length: whoever routes the call
// or runs the job knows which names are models. Those that a configuration
// defines are, and so are those of a server that names its models by their files.
func isModel(member namedRef) bool { return member.Name == "modelId" }

// writeMemberCheck checks that a required member is there, and a present
// member's value. An absent string and an empty one look alike in Go.
func (g *generator) writeMemberCheck(b *bytes.Buffer, s *Shape, member namedRef) {
	required := slices.Contains(s.Required, member.Name)
	target, field := g.shapes[member.Shape], "v."+goName(member.Name)
	typ := g.memberType(s, member, required)
	pointer := typ[0] == '*'

	present := field + " != nil"
	switch {
	case pointer, target.Type == "list", target.Type == "map", target.Type == "blob", target.Document:
	case target.Type == "string":
		present = field + ` != ""`
	case target.Type == "timestamp":
		present = "!" + field + ".IsZero()"
	default:
		present = "" // a required number or structure: its own constraints must do
	}
	if required && present != "" && target.Type != "blob" {
		fmt.Fprintf(b, "\tc.required(%q, %s)\n", member.Name, present)
	}
	if !g.constrained(member.Shape) {
		return
	}
	check := g.check(member.Shape, field, pointer)
	if isModel(member) {
		check = fmt.Sprintf("c.length(runes(%s), atMost, %v)", field, number(*target.Max))
	}
	if present != "" {
		fmt.Fprintf(b, "\tif %s {\n", present)
	} else {
		b.WriteString("\t{\n")
	}
	fmt.Fprintf(b, "\t\tmark := c.enter(%q)\n\t\t%s\n\t\tc.leave(mark)\n\t}\n", member.Name, check)
}

// usable is a pattern as Go can match it: anchored, and empty when it uses
// more repetition than RE2 allows (the length constraint beside it remains).
func usable(pattern string) string {
	if pattern == "" {
		return ""
	}
	anchored := "^(?:" + pattern + ")$"
	if _, err := regexp.Compile(anchored); err != nil {
		return ""
	}
	return anchored
}

func number(f float64) string {
	if f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(f)
}
