package main

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// writeTypes declares structures, unions and enumerations.
func (g *generator) writeTypes(b *bytes.Buffer) error {
	b.WriteString("import \"time\"\n\n")
	for _, name := range g.names(func(s *Shape) bool { return len(s.Enum) > 0 }) {
		g.writeEnum(b, name)
	}
	for _, name := range g.names(isStructure) {
		if twin := g.twin(name); twin != "" {
			fmt.Fprintf(b, "// %s has the members of [%s].\ntype %s = %s\n\n", goName(name), goName(twin), goName(name), goName(twin))
			continue
		}
		g.writeStructure(b, name)
	}
	return nil
}

// twin is the shape that another one repeats member for member, as
// ConverseStreamRequest repeats ConverseRequest; one Go type serves both.
func (g *generator) twin(name string) string {
	if base, ok := strings.CutSuffix(name, "StreamRequest"); ok {
		other := base + "Request"
		if g.reached[other] && sameMembers(g.shapes[name], g.shapes[other]) {
			return other
		}
	}
	return ""
}

func sameMembers(a, b *Shape) bool {
	if !slices.Equal(a.Required, b.Required) || len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Members {
		x, y := a.Members[i], b.Members[i]
		// Lists that only differ in their name have equal constraints here.
		x.Shape, y.Shape = strings.Replace(x.Shape, "Stream", "", 1), strings.Replace(y.Shape, "Stream", "", 1)
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

func (g *generator) writeEnum(b *bytes.Buffer, name string) {
	s := g.shapes[name]
	typ := goName(name)
	fmt.Fprintf(b, "// %s is one of the values below; others, from a newer API, are kept as they are.\ntype %s string\n\n", typ, typ)
	fmt.Fprintf(b, "// The values of [%s].\nconst (\n", typ)
	for _, value := range s.Enum {
		fmt.Fprintf(b, "\t%s%s %s = %q\n", typ, enumName(value), typ, value)
	}
	b.WriteString(")\n\n")
}

// enumName turns END_TURN and end_turn alike into EndTurn.
func enumName(value string) string {
	if strings.ToUpper(value) == value {
		value = strings.ToLower(value)
	}
	return goName(value)
}

func (g *generator) writeStructure(b *bytes.Buffer, name string) {
	s, typ := g.shapes[name], goName(name)
	switch {
	case s.Union || s.Events:
		fmt.Fprintf(b, "// %s is a union: exactly one member is set.\n", typ)
	default:
		fmt.Fprintf(b, "// %s is the API's structure of that name.\n", typ)
	}
	fmt.Fprintf(b, "type %s struct {\n", typ)
	for _, member := range s.Members {
		if g.skip(member) {
			continue
		}
		required := slices.Contains(s.Required, member.Name)
		goType := g.memberType(s, member, required)
		fmt.Fprintf(b, "\t%s %s `%s`%s\n", goName(member.Name), goType, tag(s, member, required), g.note(member, required))
	}
	if inBody(s) {
		b.WriteString("\n\t// Unknown holds members that this version does not know, as a JSON object.\n")
		b.WriteString("\tUnknown Document `json:\",embed\"`\n")
	}
	b.WriteString("}\n\n")
}

// inBody tells whether a structure is a JSON object on the wire, so that
// members from a newer API can arrive in it.
func inBody(s *Shape) bool { return s.Payload == "" }

// skip leaves out exceptions, which are errors and not events in Go.
func (g *generator) skip(member namedRef) bool {
	_, ok := g.shapes[member.Shape]
	return !ok
}

func tag(s *Shape, member namedRef, required bool) string {
	switch {
	case s.Payload == member.Name:
		return `json:"-"`
	case member.Location == "querystring":
		return fmt.Sprintf(`json:"-" query:%q`, member.LocationName)
	case member.Location != "":
		return fmt.Sprintf(`json:"-" %s:%q`, member.Location, member.LocationName)
	case required && !s.Union:
		return fmt.Sprintf(`json:%q`, member.Name)
	}
	return fmt.Sprintf(`json:"%s,omitzero"`, member.Name)
}

// memberType is a plain value for required members, and for optional ones
// whose zero value cannot mean anything but absence; else a pointer.
func (g *generator) memberType(s *Shape, member namedRef, required bool) string {
	target := g.shapes[member.Shape]
	typ := g.goType(member.Shape)
	switch {
	case target.Type == "list" || target.Type == "map" || target.Type == "blob" || target.Document:
		return typ
	case s.Union || s.Events:
		return "*" + typ
	case required || target.Type == "string" || target.Type == "timestamp":
		return typ
	}
	return "*" + typ
}

func (g *generator) goType(name string) string {
	s := g.shapes[name]
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 {
			return goName(name)
		}
		return "string"
	case "integer", "long":
		return "int"
	case "float", "double":
		return "float64"
	case "boolean":
		return "bool"
	case "blob":
		return "[]byte"
	case "timestamp":
		return "time.Time"
	case "list":
		return "[]" + g.goType(s.Member.Shape)
	case "map":
		return "map[string]" + g.goType(s.Value.Shape)
	}
	if s.Document {
		return "Document"
	}
	return goName(name)
}

// note says in a comment what the constraints of a member are.
func (g *generator) note(member namedRef, required bool) string {
	var parts []string
	if required {
		parts = append(parts, "required")
	}
	s := g.shapes[member.Shape]
	if s.Min != nil {
		parts = append(parts, fmt.Sprintf("at least %v", *s.Min))
	}
	if s.Max != nil {
		parts = append(parts, fmt.Sprintf("at most %v", *s.Max))
	}
	if len(parts) == 0 {
		return ""
	}
	return " // " + strings.Join(parts, ", ")
}

// writeCodec gives every type with unknown members its JSON methods: those
// of the fast codec, and those of encoding/json, which would lose them.
func (g *generator) writeCodec(b *bytes.Buffer) error {
	b.WriteString("import (\n\t\"github.com/go-json-experiment/json\"\n\t\"github.com/go-json-experiment/json/jsontext\"\n)\n\n")
	for _, name := range g.names(isStructure) {
		if g.twin(name) != "" || !inBody(g.shapes[name]) {
			continue
		}
		fmt.Fprintf(b, `type plain%[1]s %[1]s

// MarshalJSON implements json.Marshaler.
func (v %[1]s) MarshalJSON() ([]byte, error) { return json.Marshal((*plain%[1]s)(&v), codec) }

// UnmarshalJSON implements json.Unmarshaler.
func (v *%[1]s) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*plain%[1]s)(v), codec) }

// MarshalJSONTo writes v with its unknown members.
func (v *%[1]s) MarshalJSONTo(e *jsontext.Encoder) error { return json.MarshalEncode(e, (*plain%[1]s)(v)) }

// UnmarshalJSONFrom reads v and keeps unknown members.
func (v *%[1]s) UnmarshalJSONFrom(d *jsontext.Decoder) error { return json.UnmarshalDecode(d, (*plain%[1]s)(v)) }

`, goName(name))
	}
	return nil
}

// writeOperations writes the table of every operation of the two services.
func (g *generator) writeOperations(b *bytes.Buffer) error {
	b.WriteString("// Operations is every operation of the Bedrock services that the models list,\n// served here or not.\nvar Operations = []Operation{\n")
	for _, op := range g.operations {
		streams := strings.Contains(op.Name, "Stream")
		fmt.Fprintf(b, "\t{Name: %q, Service: %q, Method: %q, Path: %q, Streams: %v, Served: %v},\n",
			op.Name, op.service, op.HTTP.Method, op.HTTP.RequestURI, streams, slices.Contains(served[op.service], op.Name))
	}
	b.WriteString("}\n")
	return nil
}
