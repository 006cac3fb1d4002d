package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Model is the part of an AWS API model that the generator reads.
type Model struct {
	Operations map[string]*Operation `json:"operations"`
	Shapes     map[string]*Shape     `json:"shapes"`

	// Merge, in Outcrop's own file, changes shapes of the other models.
	Merge map[string]*Change `json:"merge"`
}

// Change is what an extension does to a shape.
type Change struct {
	Required []string       `json:"required"` // replaces the list
	Union    *bool          `json:"union"`
	Members  orderedMembers `json:"members"` // are added
}

// extend adds Outcrop's operations and shapes to the runtime's model, and
// changes the shapes of whichever model has them.
func (m *Model) extend(service string, extension *Model) {
	if service == "bedrock-runtime" {
		maps.Copy(m.Operations, extension.Operations)
		maps.Copy(m.Shapes, extension.Shapes)
	}
	for name, change := range extension.Merge {
		s, ok := m.Shapes[name]
		if !ok {
			continue
		}
		if change.Required != nil {
			s.Required = change.Required
		}
		if change.Union != nil {
			s.Union = *change.Union
		}
		for _, member := range change.Members {
			if m.Shapes[member.Shape] == nil {
				m.Shapes[member.Shape] = &Shape{Type: "string"}
			}
			s.Members = append(s.Members, member)
		}
	}
}

// Operation is one call of a service.
type Operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input   Ref `json:"input"`
	Output  Ref `json:"output"`
	service string
}

// Ref is a use of a shape: a member, a list's element, an input.
type Ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
}

// Shape is one named type with its constraints.
type Shape struct {
	Type      string         `json:"type"`
	Members   orderedMembers `json:"members"`
	Required  []string       `json:"required"`
	Member    Ref            `json:"member"`
	Key       Ref            `json:"key"`
	Value     Ref            `json:"value"`
	Enum      []string       `json:"enum"`
	Min       *float64       `json:"min"`
	Max       *float64       `json:"max"`
	Pattern   string         `json:"pattern"`
	Union     bool           `json:"union"`
	Document  bool           `json:"document"`
	Exception bool           `json:"exception"`
	Events    bool           `json:"eventstream"`
	Payload   string         `json:"payload"`
}

type generator struct {
	operations []*Operation
	shapes     map[string]*Shape
	reached    map[string]bool
	inputs     map[string]bool // what a request can hold, so what is validated
}

// add takes over a model: its operations, and the shapes that the served ones
// reach. Two models may define one shape name differently where it only
// carries constraints of strings; structures must agree.
func (g *generator) add(service string, m *Model) error {
	names := make([]string, 0, len(m.Operations))
	for name := range m.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		op := m.Operations[name]
		op.service = service
		g.operations = append(g.operations, op)
		if !slices.Contains(served[service], name) {
			continue
		}
		for _, ref := range []Ref{op.Input, op.Output} {
			if err := g.reach(service, m, ref.Shape); err != nil {
				return err
			}
		}
		g.markInput(op.Input.Shape)
	}
	return nil
}

func (g *generator) markInput(name string) {
	if g.inputs[name] || g.shapes[name] == nil {
		return
	}
	g.inputs[name] = true
	for _, ref := range g.shapes[name].refs() {
		g.markInput(ref.Shape)
	}
}

func (g *generator) reach(service string, m *Model, name string) error {
	s, ok := m.Shapes[name]
	if !ok {
		return fmt.Errorf("%s: shape %q is used and not defined", service, name)
	}
	if old, ok := g.shapes[name]; ok && !reflect.DeepEqual(old, s) {
		if s.Type == "structure" || s.Type == "list" {
			return fmt.Errorf("%s: shape %q differs between the two models", service, name)
		}
		// A constrained string: rename this model's one, and its uses.
		renamed := "Control" + name
		m.Shapes[renamed] = s
		for _, user := range m.Shapes {
			user.rename(name, renamed)
		}
		return g.reach(service, m, renamed)
	}
	if g.reached[name] || s.Exception {
		return nil
	}
	g.reached[name], g.shapes[name] = true, s
	for _, ref := range s.refs() {
		if err := g.reach(service, m, ref.Shape); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shape) refs() []Ref {
	var refs []Ref
	for _, member := range s.Members {
		refs = append(refs, member.Ref)
	}
	for _, ref := range []Ref{s.Member, s.Key, s.Value} {
		if ref.Shape != "" {
			refs = append(refs, ref)
		}
	}
	return refs
}

func (s *Shape) rename(from, to string) {
	for i := range s.Members {
		if s.Members[i].Shape == from {
			s.Members[i].Shape = to
		}
	}
	for _, ref := range []*Ref{&s.Member, &s.Key, &s.Value} {
		if ref.Shape == from {
			ref.Shape = to
		}
	}
}

// names of the reached shapes of the given kind, sorted.
func (g *generator) names(keep func(*Shape) bool) []string {
	var names []string
	for name := range g.reached {
		if keep(g.shapes[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func isStructure(s *Shape) bool { return s.Type == "structure" && !s.Document }

// goName turns a wire name into a Go one: initialisms in capitals.
func goName(wire string) string {
	var b strings.Builder
	for _, word := range words(wire) {
		if word == "Ids" {
			b.WriteString("IDs")
			continue
		}
		if initialisms[strings.ToUpper(word)] {
			b.WriteString(strings.ToUpper(word))
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

var initialisms = map[string]bool{
	"ID": true, "ARN": true, "URI": true, "URL": true, "JSON": true, "S3": true, "KMS": true, "TTL": true, "VPC": true, "XML": true,
}

// words splits camelCase, snake_case and kebab-case.
func words(s string) []string {
	var out []string
	start := 0
	for i := 1; i <= len(s); i++ {
		if i == len(s) || isUpper(s[i]) && !isUpper(s[i-1]) || !isWord(s[i]) {
			if start < i {
				out = append(out, s[start:i])
			}
			start = i
			if i < len(s) && !isWord(s[i]) {
				start = i + 1
			}
		}
	}
	return out
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || isUpper(c) || '0' <= c && c <= '9'
}
