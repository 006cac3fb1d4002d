package structured

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reading is what a model's reply text was understood to mean.
type Reading struct {
	// Value is the JSON value.
	Value any
	// Violations says where Value does not keep to the schema; nil if valid.
	Violations []Violation
	// Repairs lists what was mended to read the text, in order of place. It is
	// empty when the text was exact JSON.
	Repairs []Repair
	// Truncated tells that the text ended before the value was closed. Value
	// holds everything that was there, but more may have been meant.
	Truncated bool
}

// Valid tells whether the value was complete and keeps to the schema.
func (r *Reading) Valid() bool { return len(r.Violations) == 0 && !r.Truncated }

// Repair is one thing the reader mended.
type Repair struct {
	// Kind names what was wrong.
	Kind RepairKind `json:"kind"`
	// Offset is the byte in the text where it was.
	Offset int `json:"offset"`
}

// String renders a repair for a trace.
func (r Repair) String() string { return fmt.Sprintf("%s at byte %d", r.Kind, r.Offset) }

// RepairKind names a thing the reader mends.
type RepairKind string

// The things the reader mends.
const (
	Reasoning      RepairKind = "reasoning removed"
	Prose          RepairKind = "text around the value removed"
	Fence          RepairKind = "code fence removed"
	TrailingComma  RepairKind = "trailing comma removed"
	MissingComma   RepairKind = "missing comma added"
	SingleQuotes   RepairKind = "single quotes replaced"
	SmartQuotes    RepairKind = "typographic quotes replaced"
	BareName       RepairKind = "unquoted member name quoted"
	BareText       RepairKind = "unquoted text quoted"
	Literal        RepairKind = "literal of another language replaced"
	NumberForm     RepairKind = "number rewritten"
	Comment        RepairKind = "comment removed"
	RawControl     RepairKind = "raw control character kept"
	BadEscape      RepairKind = "backslash taken literally"
	InnerQuote     RepairKind = "unescaped quote kept"
	Unclosed       RepairKind = "missing closing bracket added"
	OddSpace       RepairKind = "unusual white space removed"
	Repeated       RepairKind = "repetition of the same value removed"
	OtherValue     RepairKind = "another value that does not fit the schema ignored"
	EncodedTwice   RepairKind = "value decoded from a JSON string"
	LinesCollected RepairKind = "separate values collected into an array"
	InvalidUTF8    RepairKind = "invalid UTF-8 replaced"
)

// ReadError says why a text could not be read as one value.
type ReadError struct {
	// Kind groups the causes.
	Kind ReadErrorKind
	// Message says in plain words what is wrong.
	Message string
	// Offset is the byte in the text where it shows.
	Offset int
	// Partial is what could be read of a truncated text: only values that were
	// complete. It is nil otherwise.
	Partial any
	// Candidates are the possible values of an ambiguous text, at most 8.
	Candidates []any
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("reply %s: %s (byte %d)", e.Kind, e.Message, e.Offset)
}

// ReadErrorKind is the cause of a ReadError.
type ReadErrorKind string

// The causes of a ReadError.
const (
	NoValue   ReadErrorKind = "holds no value"
	Malformed ReadErrorKind = "is malformed"
	Ambiguous ReadErrorKind = "has more than one meaning"
	Truncated ReadErrorKind = "ends too early"
	TooLong   ReadErrorKind = "is too long"
)

// Read turns a model's reply into the value it means. Exact JSON is read as it
// stands; anything else is mended with the schema's help and every mending is
// listed. Where two meanings are possible, or the text ends inside a value, it
// refuses with a *ReadError rather than guess. The value is validated against
// the whole schema; violations are part of the Reading, not an error.
//
// Linear time in the length of the text. Safe for concurrent use.
func (s *Schema) Read(text string) (*Reading, error) {
	if len(text) > s.config.MaxText {
		return nil, s.tooLong(text)
	}
	if v, err := parseExact(text, s.config.MaxDepth); err == nil {
		if inner, ok := s.encodedTwice(v); ok {
			return s.reading(inner, []Repair{{EncodedTwice, 0}}, false), nil
		}
		return s.reading(v, nil, false), nil
	}
	return s.readTolerantly(text)
}

func (s *Schema) tooLong(text string) error {
	return &ReadError{Kind: TooLong, Message: fmt.Sprintf("%d bytes; the limit is %d", len(text), s.config.MaxText)}
}

func (s *Schema) reading(v any, repairs []Repair, truncated bool) *Reading {
	return &Reading{Value: v, Violations: s.Validate(v), Repairs: repairs, Truncated: truncated}
}

// encodedTwice decodes a string that holds JSON where the schema wants no
// string.
func (s *Schema) encodedTwice(v any) (any, bool) {
	text, ok := v.(string)
	if !ok || guideOf(s.root).mayBe("string") {
		return nil, false
	}
	inner, err := parseExact(text, s.config.MaxDepth)
	return inner, err == nil
}

// escapedWhole reads JSON whose quotes are all escaped, as it stands inside a
// string, without the quotes around it.
func (s *Schema) escapedWhole(text string, from int) (any, int, bool) {
	start := strings.IndexAny(text[from:], "{[")
	end := strings.LastIndexAny(text, "}]")
	if start < 0 || end < from+start || !strings.Contains(text, `\"`) {
		return nil, 0, false
	}
	start += from
	inner, err := parseExact(`"`+text[start:end+1]+`"`, 1)
	if err != nil {
		return nil, 0, false
	}
	v, err := parseExact(inner.(string), s.config.MaxDepth)
	return v, start, err == nil
}

// candidate is one stretch of the text that reads as a value.
type candidate struct {
	value      any
	start, end int
	repairs    []Repair
	truncated  bool
	valid      bool
}

func (s *Schema) readTolerantly(text string) (*Reading, error) {
	var before []Repair
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		before = append(before, Repair{InvalidUTF8, 0})
	}
	body := skipReasoning(text)
	if body > 0 {
		before = append(before, Repair{Reasoning, 0})
	}
	found, err := s.candidates(text, body)
	if err != nil || len(found) == 0 {
		if v, at, ok := s.escapedWhole(text, body); ok {
			return s.reading(v, append(before, Repair{EncodedTwice, at}), false), nil
		}
	}
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return s.readScalar(text, body, before)
	}
	chosen, extra, err := s.choose(found)
	if err != nil {
		return nil, err
	}
	repairs := slices.Concat(before, around(text, body, chosen, found), chosen.repairs, extra)
	slices.SortStableFunc(repairs, func(a, b Repair) int { return a.Offset - b.Offset })
	return s.reading(chosen.value, repairs, chosen.truncated), nil
}

// reasoningTags are the tags that models put around their thinking.
var reasoningTags = []string{"think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis"}

// skipReasoning returns the offset at which the reply proper begins. Tags are
// only looked for where they can be no part of a value: at the start of the
// text, or, when a chat template has already consumed the opening tag, a
// closing tag that stands on no value.
func skipReasoning(text string) int {
	at := 0
	for {
		rest := strings.TrimLeftFunc(text[at:], unicode.IsSpace)
		start := len(text) - len(rest)
		next := -1
		for _, tag := range reasoningTags {
			open := "<" + tag + ">"
			if len(rest) < len(open) || !strings.EqualFold(rest[:len(open)], open) {
				continue
			}
			end := indexFold(rest, "</"+tag+">")
			if end < 0 {
				return at
			}
			next = start + end + len(tag) + 3
		}
		if next < 0 {
			break
		}
		at = next
	}
	if at > 0 {
		return at
	}
	for _, tag := range reasoningTags {
		end := indexFold(text, "</"+tag+">")
		if end < 0 || indexFold(text[:end], "<"+tag+">") >= 0 {
			continue
		}
		// Quotes balance before a tag outside a string.
		if prefix := text[:end]; !strings.ContainsAny(prefix, `{[`) || strings.Count(prefix, `"`)%2 == 0 {
			return end + len(tag) + 3
		}
	}
	return 0
}

// indexFold is strings.Index without regard to ASCII case.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		j := strings.IndexByte(s[i:], sub[0])
		if j < 0 {
			return -1
		}
		i += j
		if i+len(sub) <= len(s) && strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

// candidates reads every object or array that the text holds, leaving out
// those inside another.
func (s *Schema) candidates(text string, from int) ([]candidate, error) {
	g := guideOf(s.root)
	starts := ""
	if g.mayBe("object") {
		starts += "{"
	}
	// An array is read where the schema wants one; where it only could be one,
	// prose such as [1] must not be taken for a value.
	lines := false
	if g.mayBe("array") {
		starts += "["
		lines = !g.mayBe("object")
	}
	if lines {
		starts += "{"
	}
	var (
		found  []candidate
		failed error
	)
	budget := 64*len(text) + 1<<16
	for at := from; at < len(text) && starts != ""; {
		next := strings.IndexAny(text[at:], starts)
		if next < 0 {
			break
		}
		at += next
		r := tolerant{text: text, pos: at, maxDepth: s.config.MaxDepth, budget: budget}
		here := g
		if lines && text[at] == '{' {
			here = g.item(0)
		}
		v, err := r.value(here)
		budget = r.budget
		if err != nil {
			if budget <= 0 {
				return nil, &ReadError{Kind: Malformed, Offset: at, Message: "too much of the text looks like a value and is none"}
			}
			if !r.meant(at, err) {
				at++
				continue
			}
			// It began like a value and went wrong: whatever stands inside it
			// is a part, not the answer.
			if failed == nil {
				failed = err
			}
			at = max(r.pos, at+1)
			continue
		}
		found = append(found, candidate{value: v, start: at, end: r.pos, repairs: r.repairs, truncated: r.truncated})
		at = r.pos
	}
	if failed != nil {
		return nil, failed
	}
	return found, nil
}

// meant tells whether what failed to read was meant as a value rather than as
// a bracket in prose: it had members or items, quotes follow the bracket, or
// it was never closed.
func (r *tolerant) meant(start int, err error) bool {
	if r.members > 0 {
		return true
	}
	if e, ok := errors.AsType[*ReadError](err); ok && e.Kind != Malformed {
		return true
	}
	rest := r.text[start+1 : min(len(r.text), start+1+lookahead)]
	rest = strings.TrimLeft(rest, " \t\r\n{[")
	return rest != "" && (rest[0] == '\\' || rest[0] == '"')
}

// choose picks the one meaning of several candidates.
func (s *Schema) choose(found []candidate) (candidate, []Repair, error) {
	var valid []candidate
	for i := range found {
		if found[i].valid = len(s.Validate(found[i].value)) == 0; found[i].valid {
			valid = append(valid, found[i])
		}
	}
	if len(valid) == 0 && len(found) > 1 {
		if c, ok := s.collectLines(found); ok {
			return c, []Repair{{LinesCollected, found[0].start}}, nil
		}
	}
	pool := valid
	if len(pool) == 0 {
		pool = found
	}
	var extra []Repair
	for _, c := range pool[1:] {
		if !equalValues(c.value, pool[0].value) {
			err := &ReadError{Kind: Ambiguous, Offset: c.start, Message: fmt.Sprintf("it holds %d different values", len(pool))}
			for _, c := range pool[:min(len(pool), 8)] {
				err.Candidates = append(err.Candidates, c.value)
			}
			return candidate{}, nil, err
		}
		extra = append(extra, Repair{Repeated, c.start})
	}
	if len(pool) < len(found) {
		for _, c := range found {
			if !c.valid {
				extra = append(extra, Repair{OtherValue, c.start})
			}
		}
	}
	return pool[0], extra, nil
}

// collectLines reads one value a line as the array the schema wants.
func (s *Schema) collectLines(found []candidate) (candidate, bool) {
	all := candidate{start: found[0].start, end: found[len(found)-1].end}
	list := make([]any, len(found))
	for i, c := range found {
		if c.truncated {
			return all, false
		}
		list[i] = c.value
		all.repairs = append(all.repairs, c.repairs...)
	}
	all.value = list
	return all, len(s.Validate(list)) == 0
}

// around logs the text that was left out around the chosen value.
func around(text string, from int, chosen candidate, found []candidate) []Repair {
	var repairs []Repair
	note := func(start, end int) {
		for _, c := range found {
			if c.start >= start && c.end <= end {
				return // logged as another value
			}
		}
		rest := strings.TrimSpace(text[start:end])
		if rest == "" {
			return
		}
		kind := Prose
		if tag, ok := strings.CutPrefix(rest, "```"); ok && !strings.ContainsAny(strings.TrimSpace(tag), " \n") {
			kind = Fence
		}
		repairs = append(repairs, Repair{kind, start})
	}
	note(from, chosen.start)
	note(chosen.end, len(text))
	return repairs
}

// readScalar reads a reply whose value is no object or array: nothing but the
// value may stand in it, apart from a fence.
func (s *Schema) readScalar(text string, from int, repairs []Repair) (*Reading, error) {
	body := strings.TrimSpace(text[from:])
	if inner, ok := unfence(body); ok {
		body = inner
		repairs = append(repairs, Repair{Fence, from})
	}
	none := &ReadError{Kind: NoValue, Offset: from, Message: "nothing in it reads as a value of the schema"}
	if body == "" {
		return nil, none
	}
	g := guideOf(s.root)
	r := tolerant{text: body, maxDepth: s.config.MaxDepth, budget: 64*len(body) + 1<<16}
	v, err := r.value(g)
	r.skip()
	if err != nil || r.pos != len(body) {
		return nil, none
	}
	if str, ok := v.(string); ok {
		if inner, err := parseExact(str, s.config.MaxDepth); err == nil && !g.mayBe("string") {
			return s.reading(inner, append(repairs, Repair{EncodedTwice, from}), r.truncated), nil
		}
	}
	return s.reading(v, append(repairs, r.repairs...), r.truncated), nil
}

// unfence takes the content out of a code fence that spans the whole text.
func unfence(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "```")
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, "```")
	if !ok {
		return "", false
	}
	if line, body, ok := strings.Cut(rest, "\n"); ok && !strings.ContainsAny(line, " \"{[") {
		rest = body
	}
	return strings.TrimSpace(rest), true
}
