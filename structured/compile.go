package structured

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Config bounds what compiling and reading may cost. The zero value means the
// defaults.
type Config struct {
	// MaxBytes is the largest schema text accepted, in bytes. Default 1 MiB.
	MaxBytes int
	// MaxDepth is the deepest nesting of objects and arrays accepted in a
	// schema and in a value. Default 512.
	MaxDepth int
	// MaxSubschemas is the largest number of objects and booleans in a
	// schema's text, each of which may be a subschema; the validator compiles
	// in time quadratic in it. Default 30,000.
	MaxSubschemas int
	// MaxViolations is the most violations Validate reports. Default 64.
	MaxViolations int
	// MaxText is the longest reply text Read looks at, in bytes. Default 8 MiB.
	MaxText int
	// PatternTimeout ends a single match of a pattern that needs
	// backtracking. Default 100 ms.
	PatternTimeout time.Duration
	// CacheSize is the number of compiled schemas a Compiler keeps. Default
	// 256; negative keeps none.
	CacheSize int
	// CacheBytes bounds the total schema text the kept schemas were compiled
	// from. Default 16 MiB.
	CacheBytes int
}

const defaultMaxDepth = 512

func (c Config) withDefaults() Config {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&c.MaxBytes, 1<<20)
	set(&c.MaxDepth, defaultMaxDepth)
	set(&c.MaxSubschemas, 30_000)
	set(&c.MaxViolations, 64)
	set(&c.MaxText, 8<<20)
	set(&c.CacheSize, 256)
	set(&c.CacheBytes, 16<<20)
	if c.PatternTimeout == 0 {
		c.PatternTimeout = 100 * time.Millisecond
	}
	return c
}

// Schema is a compiled JSON Schema. It is immutable and safe for concurrent
// use.
type Schema struct {
	config Config
	text   string
	doc    any
	order  map[string][]string // member names by pointer, in the text's order
	root   *jsonschema.Schema
	rules  view // the root as a view, see view.go

	combined int // the most subschemas that apply to one value

	contradictory sync.Once
	contradiction *SchemaError // of contradictory

	planning sync.Mutex
	plans    []*Plan // made so far
}

// SchemaError says what is wrong with a schema and where.
type SchemaError struct {
	// Path is the JSON Pointer of the defect inside the schema.
	Path string
	// Message says in plain words what is wrong.
	Message string
	// Kind groups the causes.
	Kind SchemaErrorKind
}

func (e *SchemaError) Error() string {
	if e.Path == "" {
		return "schema: " + e.Message
	}
	return fmt.Sprintf("schema at %s: %s", e.Path, e.Message)
}

// SchemaErrorKind is the cause of a SchemaError.
type SchemaErrorKind string

// The causes of a SchemaError.
const (
	SchemaSyntax  SchemaErrorKind = "syntax"  // not JSON, or no schema at all
	SchemaTooBig  SchemaErrorKind = "too-big" // beyond a limit of Config
	SchemaRemote  SchemaErrorKind = "remote"  // refers to another document
	SchemaDefect  SchemaErrorKind = "defect"  // against the draft's rules
	SchemaDangles SchemaErrorKind = "dangles" // a reference that leads nowhere

	// SchemaImpossible is the kind of a contradiction, which Compile does not
	// look for; see Schema.Contradiction.
	SchemaImpossible SchemaErrorKind = "impossible"
)

// Compile compiles a schema with the default limits and without a cache; see
// [Compiler.Compile].
func Compile(schema []byte) (*Schema, error) {
	return compile(schema, Config{}.withDefaults())
}

const rootURL = "schema:///root"

func compile(text []byte, config Config) (*Schema, error) {
	if len(text) > config.MaxBytes {
		return nil, &SchemaError{
			Kind:    SchemaTooBig,
			Message: fmt.Sprintf("has %d bytes; the limit is %d", len(text), config.MaxBytes),
		}
	}
	s := &Schema{config: config, text: string(text)}
	if err := s.parse(); err != nil {
		return nil, err
	}
	root, err := compileDoc(s.doc, config)
	if err != nil {
		return nil, asSchemaError(err, s.doc)
	}
	s.root = root
	all := everySubschema(root)
	if at, ok := selfReference(all); ok {
		return nil, &SchemaError{Path: at, Kind: SchemaDefect, Message: "a $ref leads back to itself, so it describes nothing"}
	}
	var at string
	if s.combined, at = combined(all); s.combined > maxCombined {
		return nil, &SchemaError{
			Path: at, Kind: SchemaTooBig,
			Message: fmt.Sprintf("combines more than %d subschemas for one value", maxCombined),
		}
	}
	if wantsOnce(root, all) {
		if err := s.validateOnce(); err != nil {
			return nil, err
		}
	}
	s.rules = viewOf(root)
	return s, nil
}

// parse reads the schema text, which may also be a JSON string that holds the
// schema's text, as Bedrock's own APIs take it.
func (s *Schema) parse() error {
	for range 2 {
		doc, order, places, err := parseOrdered(s.text, s.config.MaxDepth)
		if errors.Is(err, errLongPointers) {
			return &SchemaError{Kind: SchemaTooBig, Message: fmt.Sprintf("%v: the JSON Pointers to its objects exceed the limit of %d bytes", err, maxPointers)}
		}
		if err != nil {
			return &SchemaError{Kind: SchemaSyntax, Message: "is not valid JSON: " + err.Error()}
		}
		inner, isString := doc.(string)
		if !isString {
			s.doc, s.order = doc, order
			if places > s.config.MaxSubschemas {
				return &SchemaError{
					Kind:    SchemaTooBig,
					Message: fmt.Sprintf("has %d objects and booleans; the limit is %d", places, s.config.MaxSubschemas),
				}
			}
			break
		}
		s.text = inner
	}
	switch s.doc.(type) {
	case map[string]any, bool:
	default:
		return &SchemaError{Kind: SchemaSyntax, Message: "must be an object or a boolean"}
	}
	return nil
}

// noNetwork refuses every document that is not the schema itself.
type noNetwork struct{}

type remoteError struct{ url string }

func (e *remoteError) Error() string { return "refers to the remote document " + e.url }

func (noNetwork) Load(url string) (any, error) { return nil, &remoteError{url} }

// compileDoc compiles under the draft that $schema names. Without one the
// newest draft is taken, and when the schema is none under it, the older ones
// that real schemas without $schema were written for.
func compileDoc(doc any, config Config) (*jsonschema.Schema, error) {
	var first error
	for _, draft := range []*jsonschema.Draft{jsonschema.Draft2020, jsonschema.Draft7, jsonschema.Draft4} {
		c := jsonschema.NewCompiler()
		c.UseLoader(noNetwork{})
		c.UseRegexpEngine(patternEngine(config.PatternTimeout))
		c.DefaultDraft(draft)
		c.AssertFormat()
		if err := c.AddResource(rootURL, doc); err != nil {
			return nil, err
		}
		root, err := c.Compile(rootURL)
		if err == nil {
			return root, nil
		}
		if first == nil {
			first = err
		}
		var invalid *jsonschema.SchemaValidationError
		if m, ok := doc.(map[string]any); !ok || m["$schema"] != nil || !errors.As(err, &invalid) {
			break
		}
	}
	return nil, first
}

// asSchemaError translates the validator's compile errors.
func asSchemaError(err error, doc any) error {
	var (
		invalid  *jsonschema.SchemaValidationError
		load     *jsonschema.LoadURLError
		remote   *remoteError
		dangling *jsonschema.JSONPointerNotFoundError
		anchor   *jsonschema.AnchorNotFoundError
		regex    *jsonschema.InvalidRegexError
		draft    *jsonschema.UnsupportedDraftError
		id       *jsonschema.DuplicateIDError
	)
	switch {
	case errors.As(err, &remote):
		at, _ := findReference(doc, "", remote.url)
		return &SchemaError{Path: at, Kind: SchemaRemote, Message: "refers to another document (" + remote.url + "), which is never fetched; put it under $defs"}
	case errors.As(err, &load):
		at, _ := findReference(doc, "", load.URL)
		return &SchemaError{Path: at, Kind: SchemaRemote, Message: "refers to another document (" + load.URL + "), which is never fetched; put it under $defs"}
	case errors.As(err, &invalid):
		var verr *jsonschema.ValidationError
		if errors.As(invalid.Err, &verr) {
			if found := violations(verr, 1); len(found) > 0 {
				message, _, _ := strings.Cut(found[0].Message, closestOf) // forms of the metaschema help nobody
				return &SchemaError{Path: fragment(invalid.URL) + found[0].Path, Kind: SchemaDefect, Message: message}
			}
		}
		return &SchemaError{Path: fragment(invalid.URL), Kind: SchemaDefect, Message: "is not a schema of its draft"}
	case errors.As(err, &dangling):
		at, _ := findReference(doc, "", "#"+fragment(dangling.URL))
		return &SchemaError{Path: at, Kind: SchemaDangles, Message: "refers to #" + fragment(dangling.URL) + ", which is not there"}
	case errors.As(err, &anchor):
		at, _ := findReference(doc, "", anchor.Reference)
		return &SchemaError{Path: at, Kind: SchemaDangles, Message: "refers to the anchor " + anchor.Reference + ", which is not there"}
	case errors.As(err, &regex):
		return &SchemaError{Path: fragment(regex.URL), Kind: SchemaDefect, Message: "the pattern " + shortJSON(regex.Regex) + " is not a regular expression"}
	case errors.As(err, &draft):
		return &SchemaError{Path: "/$schema", Kind: SchemaDefect, Message: "names a draft that is not known: " + draft.URL}
	case errors.As(err, &id):
		first, second := id.Ptr1, id.Ptr2
		if comparePointers(first, second) > 0 {
			first, second = second, first // the validator walks maps
		}
		return &SchemaError{Path: second, Kind: SchemaDefect, Message: "repeats the id " + id.ID + " of " + first}
	}
	return &SchemaError{Kind: SchemaDefect, Message: strings.TrimPrefix(err.Error(), "jsonschema: ")}
}

// fragment returns the JSON Pointer in a schema location.
func fragment(location string) string {
	_, f, _ := strings.Cut(location, "#")
	if p, err := url.PathUnescape(f); err == nil {
		return p
	}
	return f
}

// findReference looks for the keyword whose text refers to target.
func findReference(v any, at, target string) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema"} {
			ref, ok := v[k].(string)
			if !ok || ref == "" {
				continue
			}
			base, _, _ := strings.Cut(ref, "#")
			if ref == target || strings.HasSuffix(target, "/"+strings.TrimPrefix(base, "/")) && base != "" || base == target {
				return at + "/" + k, true
			}
		}
		for _, k := range sortedKeys(v) {
			if p, ok := findReference(v[k], at+"/"+escapePointer(k), target); ok {
				return p, true
			}
		}
	case []any:
		for i, e := range v {
			if p, ok := findReference(e, fmt.Sprintf("%s/%d", at, i), target); ok {
				return p, true
			}
		}
	}
	return "", false
}

// selfReference looks for a schema that applies itself to the same value
// again: validating it would never end, and it has no meaning.
func selfReference(all []*jsonschema.Schema) (string, bool) {
	const (
		open = 1
		done = 2
	)
	state := map[*jsonschema.Schema]int{}
	var cycle string
	var visit func(s *jsonschema.Schema) bool
	visit = func(s *jsonschema.Schema) bool {
		if s == nil || state[s] == done {
			return false
		}
		if state[s] == open {
			cycle = fragment(s.Location)
			return true
		}
		state[s] = open
		for _, next := range inPlace(s) {
			if visit(next) {
				return true
			}
		}
		state[s] = done
		return false
	}
	for _, s := range all {
		if visit(s) {
			return cycle, true
		}
	}
	return "", false
}

// maxCombined bounds how many subschemas apply to one value. References to the
// same definition from several branches multiply, so a schema of a few lines
// could keep the validator busy for ever. Real schemas combine tens.
const maxCombined = 1 << 12

// combined is the most subschemas that apply to one value, and where. There are
// no cycles any more when it is called.
func combined(all []*jsonschema.Schema) (most int, at string) {
	costs := map[*jsonschema.Schema]int{}
	var cost func(s *jsonschema.Schema) int
	cost = func(s *jsonschema.Schema) int {
		if c, ok := costs[s]; ok {
			return c
		}
		total := 1
		for _, next := range inPlace(s) {
			total = min(total+cost(next), maxCombined+1)
		}
		costs[s] = total
		return total
	}
	for _, s := range all {
		if c := cost(s); c > most {
			most, at = c, fragment(s.Location)
		}
	}
	return most, at
}

// Text returns the schema's own text.
func (s *Schema) Text() string { return s.text }

// Title returns the schema's title, "" if it has none.
func (s *Schema) Title() string { return s.root.Title }

// Validate checks a JSON value (as Read, Normalize or Instance return it)
// against the whole schema. It returns nil for a valid value, otherwise at
// most Config.MaxViolations violations in a stable order.
func (s *Schema) Validate(v any) []Violation {
	if s.combined > usualCombined && countValues(v) > maxChecks/s.combined {
		return []Violation{{Message: fmt.Sprintf("has too many parts to check: the schema combines up to %d subschemas for each", s.combined)}}
	}
	return s.validate(s.root, v)
}

// maxChecks bounds the subschemas that are checked for the parts of a value
// where they may be more than usualCombined for each: some seconds' worth.
const (
	maxChecks     = 1 << 22
	usualCombined = 128
)

// ValidateJSON checks exact JSON text. The error is for text that is not JSON.
func (s *Schema) ValidateJSON(text []byte) ([]Violation, error) {
	v, err := parseExact(string(text), s.config.MaxDepth)
	if err != nil {
		return nil, &ReadError{Kind: NoValue, Message: err.Error()}
	}
	return s.Validate(v), nil
}

func (s *Schema) validate(at *jsonschema.Schema, v any) (found []Violation) {
	defer func() {
		if r := recover(); r != nil {
			timeout, ok := r.(patternTimeout)
			if !ok {
				panic(r)
			}
			found = []Violation{{Message: fmt.Sprintf("the pattern %s takes too long to match", shortJSON(timeout.pattern))}}
		}
	}()
	err := check(at, v)
	if err == nil {
		return nil
	}
	var verr *jsonschema.ValidationError
	if !errors.As(err, &verr) {
		return []Violation{{Message: err.Error()}}
	}
	if found = violations(verr, s.config.MaxViolations); len(found) == 0 {
		found = []Violation{{Message: explain(&kind.Group{})}}
	}
	return found
}

// accepts tells whether a subschema accepts a value. One whose patterns take
// too long to say does not.
func accepts(at *jsonschema.Schema, v any) bool {
	ok, _ := judge(at, v)
	return ok
}

// judge tells whether a subschema accepts a value, and whether that is known:
// it is not where a pattern takes too long to match.
func judge(at *jsonschema.Schema, v any) (ok, known bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, timeout := r.(patternTimeout); !timeout {
				panic(r)
			}
			ok, known = false, false
		}
	}()
	return check(at, v) == nil, true
}
