package structured

import (
	"encoding/json"
	"fmt"
)

// Profile describes which JSON Schema a back-end's constrained decoding takes.
type Profile struct {
	// Name identifies the profile in traces.
	Name string
}

// Full is the profile of a back-end that takes every schema as it is: the
// simulator, and every model that is only prompted.
func Full() Profile { return Profile{Name: "full"} }

// Effect says what a transform does to the set of accepted values.
type Effect string

// The effects of a transform.
const (
	// Narrowing: what the lowered schema accepts, the full one accepts too.
	Narrowing Effect = "narrowing"
	// Widening: the lowered schema also accepts values that the full schema
	// refuses; validation afterwards finds them.
	Widening Effect = "widening"
	// Reshaping: the same values in another form, undone by Up.
	Reshaping Effect = "reshaping"
)

// Transform is one change a plan made to the schema.
type Transform struct {
	Name   string `json:"name"`
	Effect Effect `json:"effect"`
	// Path is the JSON Pointer of the first place in the schema it was applied
	// to, Count how many places there were.
	Path  string `json:"path"`
	Count int    `json:"count"`
	// Reason says why it was needed.
	Reason string `json:"reason"`
}

// Plan is a schema lowered to what a back-end takes, and the way back. It is
// immutable and safe for concurrent use.
type Plan struct {
	// Profile is what the plan was made for.
	Profile Profile
	// Transforms lists what was changed, empty for an identity.
	Transforms []Transform

	schema  *Schema
	lowered []byte
}

// Plan lowers the schema to a profile.
func (s *Schema) Plan(p Profile) (*Plan, error) {
	if p.Name != "full" {
		return nil, fmt.Errorf("profile %q is not known", p.Name)
	}
	return &Plan{Profile: p, schema: s, lowered: []byte(s.text)}, nil
}

// Schema returns the lowered schema's text.
func (p *Plan) Schema() json.RawMessage { return append(json.RawMessage(nil), p.lowered...) }

// Up turns a value of the lowered schema into one of the full schema. It does
// not validate.
func (p *Plan) Up(v any) (any, error) { return v, nil }

// Down turns a value of the full schema into the lowered form, for examples.
func (p *Plan) Down(v any) (any, error) { return v, nil }
