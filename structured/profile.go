package structured

import "slices"

// Profile describes which JSON Schema a back-end's constrained decoding takes.
// Start from one of the functions below and change fields where a back-end is
// known to differ.
type Profile struct {
	// Name identifies the profile in traces.
	Name string
	// Verbatim takes every schema as it is.
	Verbatim bool
	// Ranges allows minimum, maximum and multipleOf.
	Ranges bool
	// IntegerRanges allows minimum and maximum of integers only.
	IntegerRanges bool
	// Lengths allows minLength and maxLength.
	Lengths bool
	// Counts allows any minItems and maxItems; otherwise minItems 1 is the
	// only count kept.
	Counts bool
	// Patterns says which patterns are taken.
	Patterns PatternSupport
	// Formats lists the formats taken.
	Formats []string
	// Recursion allows $ref cycles.
	Recursion bool
	// OpenObjects allows additionalProperties other than false.
	OpenObjects bool
	// MaxOptional is the number of optional members allowed in the whole
	// schema; negative means any.
	MaxOptional int
	// MaxUnions is the number of anyOf and type lists allowed; negative means
	// any.
	MaxUnions int
	// PlainNames restricts member names to 1 to 64 of [a-zA-Z0-9_.-].
	PlainNames bool
	// RootObject requires an object at the root.
	RootObject bool
	// MaxEnum is the number of values an enum may have; 0 means any.
	MaxEnum int
	// MaxDepth is the deepest nesting of objects and arrays; 0 means any.
	MaxDepth int
	// Unroll is how many levels of recursion are written out where Recursion
	// is false; below them the value is JSON text in a string.
	Unroll int
	// Unseen tells that the model is held to the schema without being shown
	// it, so that the prompt must hold it as well.
	Unseen bool
	// MaxNodes is the size of a lowered schema, counted in places for a value, beyond which recursion
	// is unrolled less and then what lies deepest becomes JSON text; 0 means
	// any.
	MaxNodes int
}

// PatternSupport is how much of regular expressions a back-end takes.
type PatternSupport int

// The degrees of pattern support.
const (
	NoPatterns       PatternSupport = iota
	AnchoredPatterns                // only ^...$, without look-around and back-references
	PlainPatterns                   // any without look-around, back-references and word boundaries
)

// Full is the profile of a back-end that takes every schema as it is: the
// simulator, and every model that is only prompted.
func Full() Profile { return Profile{Name: "full", Verbatim: true} }

// Bedrock is the subset that Bedrock's structured output and Anthropic's share:
// closed objects, no recursion, ranges or lengths, and at most 24 optional
// members and 16 unions (Anthropic's documented limits for strict schemas).
func Bedrock() Profile {
	return Profile{
		Name:        "bedrock",
		Patterns:    PlainPatterns,
		Formats:     []string{"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
		MaxOptional: 24,
		MaxUnions:   16,
		PlainNames:  true,
		RootObject:  true,
		Unroll:      3,
		MaxNodes:    5000,
	}
}

// OpenAIStrict is the subset of OpenAI's strict mode: every member required,
// closed objects, an object at the root.
func OpenAIStrict() Profile {
	return Profile{
		Name:       "openai-strict",
		Ranges:     true,
		Counts:     true,
		Patterns:   PlainPatterns,
		Formats:    []string{"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
		Recursion:  true,
		MaxUnions:  -1,
		RootObject: true,
		MaxEnum:    500,
		MaxDepth:   10,
		MaxNodes:   5000,
	}
}

// LlamaCPP is what llama.cpp turns into a grammar; it skips other keywords
// silently, and shows the model nothing of the schema.
func LlamaCPP() Profile {
	return Profile{
		Name:          "llama.cpp",
		IntegerRanges: true,
		Lengths:       true,
		Counts:        true,
		Patterns:      AnchoredPatterns,
		Formats:       []string{"date-time", "time", "date", "uuid"},
		Recursion:     true,
		OpenObjects:   true,
		Unseen:        true,
		MaxOptional:   -1,
		MaxUnions:     -1,
		MaxNodes:      5000,
	}
}

// ToolInput is for a schema that has no object at its root where one must be,
// as the input of a tool: nothing else is taken away that can be helped. It is
// no back-end's own and not among the built-in profiles.
func ToolInput() Profile {
	return Profile{
		Name:          "tool",
		Ranges:        true,
		IntegerRanges: true,
		Lengths:       true,
		Counts:        true,
		Patterns:      PlainPatterns,
		Formats: []string{
			"date-time", "time", "date", "duration", "email", "idn-email", "hostname", "idn-hostname", "uri", "uri-reference",
			"iri", "iri-reference", "uri-template", "ipv4", "ipv6", "uuid", "json-pointer", "relative-json-pointer", "regex",
		},
		Recursion:   true,
		OpenObjects: true,
		MaxOptional: -1,
		MaxUnions:   -1,
		RootObject:  true,
		MaxNodes:    5000,
	}
}

// Profiles lists the built-in profiles.
func Profiles() []Profile { return []Profile{Full(), Bedrock(), OpenAIStrict(), LlamaCPP()} }

// ProfileNamed returns a built-in profile.
func ProfileNamed(name string) (Profile, bool) {
	i := slices.IndexFunc(Profiles(), func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return Profiles()[i], true
}
