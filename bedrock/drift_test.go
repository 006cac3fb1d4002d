package bedrock_test

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestDrift holds the types against the schemas of Amazon's Go SDK, and lists
// the members that they lack. testdata/drift.txt has those that are known; a
// newer SDK that knows more fails this test, which prints what to do.
func TestDrift(t *testing.T) {
	d := drift{seen: map[reflect.Type]bool{}, missing: map[string]bool{}}
	d.compare(schemas.ConverseRequest, reflect.TypeFor[bedrock.ConverseRequest]())
	d.compare(schemas.ConverseResponse, reflect.TypeFor[bedrock.ConverseResponse]())
	d.compare(schemas.ConverseStreamRequest, reflect.TypeFor[bedrock.ConverseStreamRequest]())
	d.compare(schemas.ConverseStreamOutput, reflect.TypeFor[bedrock.ConverseStreamOutput]())
	d.compare(schemas.CountTokensRequest, reflect.TypeFor[bedrock.CountTokensRequest]())
	d.compare(schemas.CountTokensResponse, reflect.TypeFor[bedrock.CountTokensResponse]())
	d.compare(schemas.InvokeModelRequest, reflect.TypeFor[bedrock.InvokeModelRequest]())
	d.compare(schemas.InvokeModelResponse, reflect.TypeFor[bedrock.InvokeModelResponse]())

	known, err := os.ReadFile("testdata/drift.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(d.missing))
	if diff := cmp.Diff(strings.Fields(string(known)), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the SDK's shapes have other members than package bedrock (-known +now): take the new API models into "+
			"internal/shapegen and run go generate, or list them in testdata/drift.txt:\n%s", diff)
	}
	if len(d.seen) < 100 {
		t.Errorf("only %d types were compared", len(d.seen))
	}
}

type drift struct {
	seen    map[reflect.Type]bool
	missing map[string]bool
}

func (d *drift) compare(s *smithy.Schema, typ reflect.Type) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch s.Type() {
	case smithy.ShapeTypeList:
		d.compare(s.ListMember(), typ.Elem())
		return
	case smithy.ShapeTypeMap:
		d.compare(s.MapValue(), typ.Elem())
		return
	}
	if typ.Kind() != reflect.Struct || len(s.Members()) == 0 || d.seen[typ] {
		return
	}
	d.seen[typ] = true
	fields := wireFields(typ)
	for name, member := range s.Members() {
		if strings.HasSuffix(member.TargetID().Name, "Exception") {
			continue // an exception is an error here, not an event
		}
		field, ok := fields[name]
		if !ok {
			d.missing[typ.Name()+"."+name] = true
			continue
		}
		d.compare(member, field)
	}
}

// wireFields is the fields of a type by their names in the API. A field that
// travels elsewhere than in the body has the Go form of its name.
func wireFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			name = strings.ToLower(field.Name[:1]) + strings.ReplaceAll(field.Name[1:], "ID", "Id")
		}
		fields[name] = field.Type
	}
	return fields
}
