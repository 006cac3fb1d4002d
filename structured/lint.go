package structured

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Report is what Lint has to say about a schema.
type Report struct {
	// Advice lists what makes answers longer, costlier or less certain than
	// need be, in the order of the schema, at most 200 entries.
	Advice []Advice `json:"advice"`
	// ExpectedTokens estimates the length of an answer: the mean of a few made
	// instances by a rough count. It is an estimate, not any model's count.
	ExpectedTokens int `json:"expectedTokens"`
	// Plans says what each back-end profile would change.
	Plans []PlanSummary `json:"plans"`
}

// Advice is one remark on a schema.
type Advice struct {
	Path    string     `json:"path"`
	Kind    AdviceKind `json:"kind"`
	Message string     `json:"message"`
}

// AdviceKind groups remarks.
type AdviceKind string

// The kinds of remarks.
const (
	UnboundedList AdviceKind = "unbounded-list"
	UnboundedText AdviceKind = "unbounded-text"
	OpenObject    AdviceKind = "open-object"
	Unneeded      AdviceKind = "unneeded"
	NoDescription AdviceKind = "no-description"
	Recursive     AdviceKind = "recursive"
	ManyOptional  AdviceKind = "many-optional"
	LooseType     AdviceKind = "loose-type"
	Impossible    AdviceKind = "impossible"
)

// PlanSummary is what a profile changes about a schema.
type PlanSummary struct {
	Profile    string      `json:"profile"`
	Identity   bool        `json:"identity"`
	Transforms []Transform `json:"transforms,omitempty"`
	Bytes      int         `json:"bytes"` // of the lowered schema
}

const maxAdvice = 200

// Lint looks a schema over before it is used. It costs about as much as making
// all plans and three instances.
func (s *Schema) Lint() Report {
	var r Report
	l := linter{schema: s, report: &r, seen: map[*jsonschema.Schema]bool{}}
	if why := s.Contradiction(); why != nil {
		l.say(why.Path, Impossible, "%s", why.Message)
	}
	l.visit(s.root, "")
	if len(backEdges((&lowering{schema: s, profile: LlamaCPP(), memo: map[string]*shape{}, log: map[Transform]*Transform{}}).shape(s.rules, decisions{}))) > 0 {
		l.say("", Recursive, "the schema refers back to itself; most back-ends take only a few levels")
	}
	const samples = 3
	made := 0
	for seed := range uint64(samples) {
		if v, err := s.Instance(Hints{}, seed+1); err == nil {
			r.ExpectedTokens += roughTokens(string(s.Encode(v)))
			made++
		}
	}
	if made > 0 {
		r.ExpectedTokens /= made
	}
	for _, p := range Profiles() {
		plan, err := s.Plan(p)
		if err != nil {
			continue
		}
		r.Plans = append(r.Plans, PlanSummary{p.Name, plan.Identity(), plan.Transforms, len(plan.lowered)})
	}
	return r
}

type linter struct {
	schema *Schema
	report *Report
	seen   map[*jsonschema.Schema]bool
}

func (l *linter) say(at string, kind AdviceKind, format string, args ...any) {
	if len(l.report.Advice) < maxAdvice {
		l.report.Advice = append(l.report.Advice, Advice{at, kind, fmt.Sprintf(format, args...)})
	}
}

func (l *linter) visit(s *jsonschema.Schema, name string) {
	if l.seen[s] {
		return
	}
	l.seen[s] = true
	at := fragment(s.Location)
	types := []string{}
	if s.Types != nil {
		types = s.Types.ToStrings()
	}
	has := func(t string) bool {
		for _, have := range types {
			if have == t {
				return true
			}
		}
		return false
	}
	switch {
	case has("array") && s.MaxItems == nil:
		l.say(at, UnboundedList, "the list has no maxItems, so an answer may be of any length")
	case has("string") && s.Enum == nil && s.Const == nil && s.Format == nil && s.Pattern == nil && s.MaxLength == nil:
		l.say(at, UnboundedText, "the text has no maxLength, enum, pattern or format")
	case len(types) == 0 && s.Bool != nil && *s.Bool && at != "":
		l.say(at, LooseType, "anything is allowed here, which no back-end can constrain")
	}
	if has("object") && s.AdditionalProperties == nil && s.UnevaluatedProperties == nil && len(s.Properties) > 0 {
		l.say(at, OpenObject, "members that the schema does not name are allowed; say additionalProperties false if they are not wanted")
	}
	if values, ok := viewOf(s).values(); ok && len(values) == 1 && name != "" {
		l.say(at, Unneeded, "the value is always %s: it need not be asked for", shortJSON(values[0]))
	}
	if s.ReadOnly || s.Deprecated {
		l.say(at, Unneeded, "the member is marked readOnly or deprecated")
	}
	if name != "" && s.Description == "" && s.Title == "" && len(words(name)) == 1 && len(name) < 4 && s.Ref == nil && s.Enum == nil {
		l.say(at, NoDescription, "the name %q tells little and there is no description", name)
	}
	if optional := len(s.Properties) - len(s.Required); optional > Bedrock().MaxOptional {
		l.say(at, ManyOptional, "%d members are optional; some back-ends take %d in all", optional, Bedrock().MaxOptional)
	}
	for _, member := range viewOf(s).names(l.schema.order) {
		if sub := s.Properties[member]; sub != nil {
			l.visit(sub, member)
		}
	}
	for _, sub := range append(inPlace(s), below(s)...) {
		l.visit(sub, "")
	}
}

// roughTokens counts about as common tokenizers do on JSON: a token for five
// letters, three digits or two marks.
func roughTokens(text string) int {
	tokens, run := 0, 0
	var kind, last int
	flush := func() {
		if run > 0 {
			per := [...]int{1: 5, 2: 3, 3: 2, 4: 8}[last]
			tokens += (run + per - 1) / per
		}
		run = 0
	}
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			kind = 2
		case strings.ContainsRune(" \t\r\n", c):
			kind = 4
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 0x7F:
			kind = 1
		default:
			kind = 3
		}
		if kind != last {
			flush()
			last = kind
		}
		run++
	}
	flush()
	return tokens
}
