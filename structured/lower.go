package structured

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// lowering turns views into shapes that a profile takes.
type lowering struct {
	schema  *Schema
	profile Profile
	memo    map[string]*shape
	log     map[Transform]*Transform
}

// maxShapes bounds the graph: products of unions can grow without end.
const maxShapes = 20_000

// decisions are the unions of one value that have been settled on the way, and
// how many forms they were multiplied out into.
type decisions struct {
	owners []any
	forms  int
}

// maxForms bounds the forms that several unions of one value multiply to.
const maxForms = 64

// shape returns the shape of a view.
func (l *lowering) shape(w view, settled decisions) *shape {
	key := w.key()
	for _, owner := range settled.owners {
		key += fmt.Sprintf(" %p", owner)
	}
	if s := l.memo[key]; s != nil {
		return s
	}
	s := &shape{view: w, about: w.description()}
	l.memo[key] = s
	if len(l.memo) > maxShapes {
		l.asText(s, "the schema has too many combinations")
		return s
	}
	l.fill(s, w, settled)
	return s
}

func (l *lowering) fill(s *shape, w view, settled decisions) {
	if w.never() {
		s.kind = neverShape
		return
	}
	if values, ok := w.values(); ok {
		l.fillEnum(s, w, values)
		return
	}
	if l.fillUnion(s, &w, &settled) {
		return
	}
	s.view = w
	l.dropConditions(s, w)
	types, restricted := w.types()
	if !restricted {
		if types = impliedTypes(w); len(types) == 0 {
			l.fillAny(s)
			return
		}
		l.note("assume type", Narrowing, w, "the schema leaves the type open, its keywords do not")
	}
	types = withoutInteger(types)
	var scalars, containers []string
	for _, t := range types {
		if t == "object" || t == "array" {
			containers = append(containers, t)
		} else {
			scalars = append(scalars, t)
		}
	}
	switch {
	case len(types) == 0:
		s.kind = neverShape
	case len(types) == len(allTypes)-1 && w.freeOfContent():
		l.fillAny(s)
	case len(containers) == 0:
		l.fillScalar(s, w, scalars)
	case len(types) == 1:
		l.fillContainer(s, w, types[0])
	default:
		s.kind = unionShape
		if len(scalars) > 0 {
			c := &shape{view: w, about: s.about}
			l.fillScalar(c, w, scalars)
			s.choices = append(s.choices, c)
		}
		for _, t := range containers {
			c := &shape{view: w, about: s.about}
			l.fillContainer(c, w, t)
			s.choices = append(s.choices, c)
		}
	}
}

func (l *lowering) fillContainer(s *shape, w view, typ string) {
	if typ == "object" {
		l.fillObject(s, w)
		return
	}
	l.fillList(s, w)
}

// withoutInteger drops "integer" where "number" is allowed too.
func withoutInteger(types []string) []string {
	types = slices.Clone(types)
	if slices.Contains(types, "number") {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "integer" })
	}
	return types
}

// freeOfContent tells whether nothing is said about the content of containers.
func (w view) freeOfContent() bool { return len(impliedTypes(w)) == 0 }

// impliedTypes returns the types that a view's keywords speak of.
func impliedTypes(w view) []string {
	var types []string
	add := func(t string) {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	for _, s := range w {
		if len(s.Properties)+len(s.Required)+len(s.PatternProperties) > 0 || s.AdditionalProperties != nil ||
			s.MinProperties != nil || s.MaxProperties != nil || s.PropertyNames != nil {
			add("object")
		}
		if s.Items != nil || s.Items2020 != nil || len(s.PrefixItems) > 0 || s.MinItems != nil || s.MaxItems != nil || s.UniqueItems {
			add("array")
		}
		if s.Pattern != nil || s.Format != nil || s.MinLength != nil || s.MaxLength != nil {
			add("string")
		}
		if s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
			add("number")
		}
	}
	return types
}

// fillAny asks for anything: as it is where the profile takes open schemas,
// else as JSON text.
func (l *lowering) fillAny(s *shape) {
	if l.profile.OpenObjects {
		s.kind = anyShape
		return
	}
	l.asText(s, "the back-end takes no schema that allows everything")
}

func (l *lowering) asText(s *shape, reason string) {
	l.note("JSON as text", Reshaping, s.view, reason)
	*s = shape{kind: textShape, view: s.view, about: s.about}
}

// fillEnum keeps the values that the whole view accepts.
func (l *lowering) fillEnum(s *shape, w view, values []any) {
	values = slices.DeleteFunc(slices.Clone(values), func(v any) bool { return !w.accepts(v) })
	if len(values) == 0 {
		s.kind = neverShape
		return
	}
	s.kind = leafShape
	for _, v := range values {
		t := typeName(v)
		if t == "object" || t == "array" {
			s.kind = enumText
		}
		if !slices.Contains(s.types, t) {
			s.types = append(s.types, t)
		}
	}
	if s.types = withoutInteger(s.types); s.kind == enumText {
		l.note("enum as text", Reshaping, w, "the back-end takes only scalars in enum")
	}
	if l.profile.MaxEnum > 0 && len(values) > l.profile.MaxEnum {
		l.note("drop enum", Widening, w, "the enum has too many values")
		if s.kind == enumText {
			s.kind = textShape
		}
		return
	}
	s.values = values
}

// maxProduct bounds branches times members when a union is multiplied out.
const maxProduct = 600

// fillUnion multiplies the view's first union out into a union of whole
// shapes. It reports false, with the view narrowed by unions that had only one
// possible branch, when there is none left to multiply out.
func (l *lowering) fillUnion(s *shape, w *view, settled *decisions) bool {
	names := len(w.names(l.schema.order))
	for _, c := range choices(*w) {
		if slices.Contains(settled.owners, c.owner) || !c.union {
			continue
		}
		var possible []view
		for _, option := range c.options {
			wider := *w
			for _, sub := range option.add {
				wider = wider.with(sub)
			}
			if !impossible(wider) {
				possible = append(possible, wider)
			}
		}
		if c.exclusive {
			l.note("oneOf to anyOf", Widening, *w, "the back-end cannot exclude that two forms match")
		}
		settled.owners = append(slices.Clone(settled.owners), c.owner)
		forms := max(settled.forms, 1) * len(possible)
		switch {
		case len(possible) == 0:
			s.kind = neverShape
			return true
		case len(possible) == 1:
			*w = possible[0]
			continue
		case forms > maxForms && settled.forms > 1, forms*(1+names) > maxProduct*max(settled.forms, 1):
			l.note("drop union", Widening, *w, "multiplied out it would be too large")
			s.words = append(s.words, c.words())
			continue
		}
		s.kind = unionShape
		next := decisions{settled.owners, forms}
		for _, p := range possible {
			child := l.shape(p, next)
			if child.kind != neverShape && !slices.Contains(s.choices, child) {
				s.choices = append(s.choices, child)
			}
		}
		return true
	}
	return false
}

// impossible tells whether a view obviously accepts nothing.
func impossible(w view) bool {
	types, _ := w.types()
	if w.never() || len(types) == 0 {
		return true
	}
	values, restricted := w.values()
	return restricted && len(values) == 0
}

// words describes a union that is not written out.
func (c choice) words() string {
	var forms []string
	for _, o := range c.options {
		for _, s := range o.add {
			if len(s.Required) > 0 {
				forms = append(forms, strings.Join(s.Required, " and "))
			}
		}
	}
	if len(forms) == len(c.options) {
		return "needs " + strings.Join(forms, ", or ")
	}
	return fmt.Sprintf("takes one of %d forms", len(c.options))
}

// dropConditions notes what no profile takes.
func (l *lowering) dropConditions(s *shape, w view) {
	for _, sub := range w {
		if sub.Not != nil {
			l.note("drop not", Widening, w, "the back-end has no exclusions")
		}
		if sub.If != nil {
			l.note("drop if", Widening, w, "the back-end has no conditions")
		}
		for _, name := range sortedKeys(sub.DependentRequired) {
			s.words = append(s.words, fmt.Sprintf("with %s comes %s", name, strings.Join(sub.DependentRequired[name], ", ")))
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
		for _, name := range sortedKeys(sub.Dependencies) {
			if list, ok := sub.Dependencies[name].([]string); ok {
				s.words = append(s.words, fmt.Sprintf("with %s comes %s", name, strings.Join(list, ", ")))
			}
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
		if len(sub.DependentSchemas) > 0 {
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
	}
}

// fillScalar makes a leaf for the given scalar types.
func (l *lowering) fillScalar(s *shape, w view, types []string) {
	s.kind, s.types = leafShape, types
	if slices.Contains(types, "string") {
		l.fillText(s, w)
	}
	if slices.Contains(types, "integer") || slices.Contains(types, "number") {
		l.fillNumber(s, w)
	}
}

func (l *lowering) say(s *shape, w view, keyword, words string) {
	s.words = append(s.words, words)
	l.note("drop "+keyword, Widening, w, "the back-end does not take "+keyword+"; the description says it")
}

func (l *lowering) fillText(s *shape, w view) {
	formatKept := false
	for _, f := range w.formats() {
		if slices.Contains(l.profile.Formats, f) && !formatKept {
			s.leaf = append(s.leaf, field{"format", f})
			formatKept = true
		} else {
			l.say(s, w, "format", "format "+f)
		}
	}
	patternKept := false
	for _, p := range w.stringPatterns() {
		if !patternKept && l.takesPattern(p) {
			s.leaf = append(s.leaf, field{"pattern", p.String()})
			patternKept = true
		} else {
			l.say(s, w, "pattern", "matches "+p.String())
		}
	}
	length := w.length()
	if length.low == 0 && length.high < 0 {
		return
	}
	if l.profile.Lengths {
		if length.low > 0 {
			s.leaf = append(s.leaf, field{"minLength", length.low})
		}
		if length.high >= 0 {
			s.leaf = append(s.leaf, field{"maxLength", length.high})
		}
		return
	}
	if p := lengthPattern(length); p != "" && !patternKept && !formatKept && l.profile.Patterns != NoPatterns {
		s.leaf = append(s.leaf, field{"pattern", p})
		l.note("length as pattern", Reshaping, w, "the back-end takes patterns but no lengths")
		return
	}
	if !patternKept && !formatKept && length.low > 0 && l.profile.Patterns != NoPatterns {
		s.leaf = append(s.leaf, field{"pattern", lengthPattern(span{min(length.low, maxRepeat), -1})})
	}
	if length.high >= 0 {
		l.say(s, w, "maxLength", fmt.Sprintf("at most %d characters", length.high))
	}
	if length.low > 0 && (patternKept || formatKept || length.low > maxRepeat || l.profile.Patterns == NoPatterns) {
		l.say(s, w, "minLength", fmt.Sprintf("at least %d characters", length.low))
	}
}

// maxRepeat is the largest bounded repetition written into a pattern: larger
// ones blow up the automata that back-ends compile.
const maxRepeat = 32

// lengthPattern writes a length as a pattern, "" where it would be too large.
func lengthPattern(r span) string {
	switch {
	case r.low > maxRepeat || r.high > maxRepeat:
		return ""
	case r.high < 0 && r.low == 1:
		return `^[\s\S]+$`
	case r.high < 0:
		return fmt.Sprintf(`^[\s\S]{%d,}$`, r.low)
	}
	return fmt.Sprintf(`^[\s\S]{%d,%d}$`, r.low, r.high)
}

// takesPattern tells whether the profile takes a pattern.
func (l *lowering) takesPattern(p jsonschema.Regexp) bool {
	source := p.String()
	if _, ok := p.(re2Pattern); !ok || l.profile.Patterns == NoPatterns || strings.Contains(source, `\b`) || strings.Contains(source, `\B`) ||
		strings.Contains(source, `\p`) || strings.Contains(source, `\P`) || strings.Contains(source, "(?") && !strings.Contains(source, "(?:") {
		return false
	}
	if largeRepeat(source) {
		return false
	}
	if l.profile.Patterns == AnchoredPatterns {
		return strings.HasPrefix(source, "^") && strings.HasSuffix(source, "$") && !strings.HasSuffix(source, `\$`) && !strings.Contains(source[1:len(source)-1], "|")
	}
	return true
}

// largeRepeat tells whether a pattern has a repetition with a count of 1,000
// or more.
func largeRepeat(source string) bool {
	for i := strings.IndexByte(source, '{'); i >= 0 && i < len(source); i++ {
		digits := 0
		for j := i + 1; j < len(source) && source[j] >= '0' && source[j] <= '9'; j++ {
			digits++
		}
		if digits > 3 {
			return true
		}
		next := strings.IndexByte(source[i+1:], '{')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

// maxIntegerEnum is the longest integer range written as an enum.
const maxIntegerEnum = 64

func (l *lowering) fillNumber(s *shape, w view) {
	low, high := w.numberRange()
	steps := w.multiples()
	if low.value == nil && high.value == nil && len(steps) == 0 {
		return
	}
	if slices.ContainsFunc(steps, (*big.Rat).IsInt) {
		// Multiples of a whole number are whole: a type every back-end knows.
		s.types = slices.Clone(s.types)
		for i, t := range s.types {
			if t == "number" {
				s.types[i] = "integer"
			}
		}
	}
	whole := len(s.types) == 1 && s.types[0] == "integer"
	if l.profile.Ranges || l.profile.IntegerRanges && whole {
		l.keepRange(s, low, high, whole && !l.profile.Ranges)
		for i, step := range steps {
			if i == 0 && l.profile.Ranges {
				s.leaf = append(s.leaf, field{"multipleOf", number(step)})
			} else {
				l.say(s, w, "multipleOf", "multiple of "+decimal(step))
			}
		}
		return
	}
	if values, ok := integersBetween(low, high, w); ok && whole {
		s.values = values
		l.note("range as enum", Reshaping, w, "the back-end takes enums but no ranges")
		return
	}
	for _, b := range []struct {
		bound
		keyword, inclusive, exclusive string
	}{{low, "minimum", "at least ", "more than "}, {high, "maximum", "at most ", "less than "}} {
		if b.value == nil {
			continue
		}
		word := b.inclusive
		if b.bound.exclusive {
			word = b.exclusive
		}
		l.say(s, w, b.keyword, word+decimal(b.value))
	}
	for _, step := range steps {
		l.say(s, w, "multipleOf", "multiple of "+decimal(step))
	}
}

// keepRange writes a range. inclusive is for back-ends that know integers with
// inclusive bounds only.
func (l *lowering) keepRange(s *shape, low, high bound, inclusive bool) {
	write := func(b bound, name, exclusiveName string, step int64) {
		switch {
		case b.value == nil:
		case inclusive:
			v := gridUp(b.value, big.NewRat(1, 1))
			if step < 0 && v.Cmp(b.value) > 0 || b.exclusive && v.Cmp(b.value) == 0 {
				v.Add(v, big.NewRat(step, 1))
			}
			s.leaf = append(s.leaf, field{name, number(v)})
		case b.exclusive:
			s.leaf = append(s.leaf, field{exclusiveName, number(b.value)})
		default:
			s.leaf = append(s.leaf, field{name, number(b.value)})
		}
	}
	write(low, "minimum", "exclusiveMinimum", 1)
	write(high, "maximum", "exclusiveMaximum", -1)
}

// integersBetween lists the integers of a short range.
func integersBetween(low, high bound, w view) ([]any, bool) {
	if low.value == nil || high.value == nil {
		return nil, false
	}
	width := new(big.Rat).Sub(high.value, low.value)
	if width.Sign() < 0 || width.Cmp(big.NewRat(maxIntegerEnum, 1)) > 0 {
		return nil, false
	}
	var values []any
	for r := gridUp(low.value, big.NewRat(1, 1)); r.Cmp(high.value) <= 0; r = new(big.Rat).Add(r, big.NewRat(1, 1)) {
		if n := json.Number(r.Num().String()); w.accepts(n) {
			values = append(values, n)
		}
	}
	return values, len(values) > 0
}

// fillList makes an array.
func (l *lowering) fillList(s *shape, w view) {
	s.kind = listShape
	n := w.tuple()
	rest := w.item(n)
	if n > 0 {
		for i := range n {
			s.tuple = append(s.tuple, l.shape(w.item(i), decisions{}))
		}
		l.note("tuple to list", Widening, w, "the back-end has one schema for all items")
		s.words = append(s.words, fmt.Sprintf("the first %d items have forms of their own, in this order", n))
	}
	if !rest.never() && (n == 0 || len(rest) > 0) {
		s.item = l.shape(rest, decisions{})
	}
	count := w.count()
	switch {
	case l.profile.Counts:
		if count.low > 0 {
			s.counts = append(s.counts, field{"minItems", count.low})
		}
		if count.high >= 0 {
			s.counts = append(s.counts, field{"maxItems", count.high})
		}
	default:
		if count.low > 0 {
			s.counts = append(s.counts, field{"minItems", 1})
		}
		if count.low > 1 {
			l.say(s, w, "minItems", fmt.Sprintf("at least %d items", count.low))
		}
		if count.high >= 0 {
			l.say(s, w, "maxItems", fmt.Sprintf("at most %d items", count.high))
		}
	}
	if w.unique() {
		l.say(s, w, "uniqueItems", "no item twice")
	}
	if _, need := w.contains(); need > 0 {
		l.note("drop contains", Widening, w, "the back-end does not take contains")
	}
}

// fillObject makes an object, or a mapping where all names are free.
func (l *lowering) fillObject(s *shape, w view) {
	s.kind = objectShape
	required := w.required()
	names := w.names(l.schema.order)
	for _, name := range required {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	aliases := map[string]bool{}
	for _, name := range names {
		child, _ := w.member(name)
		c := l.shape(child, decisions{})
		must := slices.Contains(required, name)
		if c.kind == neverShape && !must {
			continue
		}
		s.members = append(s.members, member{name: name, alias: l.alias(name, aliases, w), child: c, required: must})
	}
	l.fillOthers(s, w, aliases)
	if size := w.size(); size.low > 0 || size.high >= 0 {
		l.note("drop member counts", Widening, w, "the back-end does not take minProperties and maxProperties")
		if size.low > 0 {
			s.words = append(s.words, fmt.Sprintf("at least %d members", size.low))
		}
		if size.high >= 0 {
			s.words = append(s.words, fmt.Sprintf("at most %d members", size.high))
		}
	}
}

// alias returns the name a member has in the lowered schema.
func (l *lowering) alias(name string, taken map[string]bool, w view) string {
	alias := name
	if l.profile.PlainNames && !isPlainName(name) {
		alias = strings.Map(func(c rune) rune {
			if isPlainName(string(c)) {
				return c
			}
			return '_'
		}, name)
		alias = alias[:min(len(alias), 48)]
		if alias == "" {
			alias = "_"
		}
		l.note("rename member", Reshaping, w, "the back-end restricts member names")
	}
	for i := 2; taken[alias]; i++ {
		alias = fmt.Sprintf("%s_%d", strings.TrimSuffix(alias, fmt.Sprintf("_%d", i-1)), i)
	}
	taken[alias] = true
	return alias
}

func isPlainName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// fillOthers deals with members whose names the schema does not list.
func (l *lowering) fillOthers(s *shape, w view, aliases map[string]bool) {
	kinds, key, free := l.others(w)
	switch {
	case l.profile.OpenObjects:
		s.open = free || len(kinds) > 0
		if len(kinds) > 0 && !free {
			s.item = l.anyOf(kinds, w)
		}
	case len(kinds) > 0:
		if free {
			l.note("close object", Narrowing, w, "the back-end takes only closed objects")
		}
		value := l.anyOf(kinds, w)
		if value.kind == neverShape {
			return
		}
		entries := &shape{kind: mappingShape, view: w, leaf: key, item: value}
		l.note("map to list of key and value", Reshaping, w, "the back-end takes no members of free names")
		if len(s.members) == 0 {
			entries.about = s.about
			*s = *entries
			return
		}
		s.members = append(s.members, member{alias: l.alias("other_members", aliases, w), child: entries, spill: true})
	case free && len(s.members) == 0:
		l.asText(s, "the back-end takes no object of free members")
	case free:
		l.note("close object", Narrowing, w, "the back-end takes only closed objects")
	}
}

// others returns what members of unlisted names must be: one view for each
// kind, the schema of their names, and whether they are free altogether.
func (l *lowering) others(w view) (kinds []view, key object, free bool) {
	patterns := w.patterns()
	closed := w.closed()
	for _, p := range patterns {
		kind := viewOf(p.schema)
		// The other subschemas of the view may have something to say too, but
		// only a name can tell; validation afterwards does.
		if !kind.never() {
			kinds = append(kinds, kind)
		}
	}
	additional := view{}
	for _, sub := range w {
		if a, ok := sub.AdditionalProperties.(*jsonschema.Schema); ok {
			additional = additional.with(a)
		}
		if sub.UnevaluatedProperties != nil {
			additional = additional.with(sub.UnevaluatedProperties)
		}
	}
	switch {
	case closed:
	case len(additional) > 0 && !additional.free():
		kinds = append(kinds, additional)
	default:
		free = true
	}
	key = object{{"type", "string"}}
	if closed && len(patterns) == 1 && l.takesPattern(patterns[0].pattern) {
		key = append(key, field{"pattern", patterns[0].pattern.String()})
	}
	if free && allFree(kinds) {
		kinds = nil
	}
	return kinds, key, free
}

func allFree(kinds []view) bool {
	return !slices.ContainsFunc(kinds, func(w view) bool { return !w.free() })
}

// anyOf returns the union of several views, or the one there is.
func (l *lowering) anyOf(kinds []view, w view) *shape {
	var list []*shape
	for _, k := range kinds {
		if c := l.shape(k, decisions{}); c.kind != neverShape && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	switch len(list) {
	case 0:
		return &shape{kind: neverShape, view: w}
	case 1:
		return list[0]
	}
	return &shape{kind: unionShape, choices: list}
}
