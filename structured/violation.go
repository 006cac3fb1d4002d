package structured

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Violation is one place where a value does not keep to its schema.
type Violation struct {
	// Path is the JSON Pointer (RFC 6901) of the offending value, or of the
	// place where a missing member belongs.
	Path string `json:"path"`
	// Message says in plain words what is expected there.
	Message string `json:"message"`
	// Missing tells that nothing is at Path although something is required.
	Missing bool `json:"missing,omitempty"`
	// Unwanted tells that what is at Path must not be there.
	Unwanted bool `json:"unwanted,omitempty"`
}

// String renders a violation for a log or a prompt.
func (v Violation) String() string {
	if v.Path == "" {
		return "(the whole value): " + v.Message
	}
	return v.Path + ": " + v.Message
}

// violations flattens a validator's error tree into at most limit entries,
// sorted by path and message: the validator walks maps, so its own order is
// not stable.
func violations(err *jsonschema.ValidationError, limit int) []Violation {
	var out []Violation
	collect(err, &out)
	slices.SortFunc(out, func(a, b Violation) int {
		return cmp.Or(comparePointers(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	out = slices.Compact(out)
	if len(out) > limit {
		out = out[:limit:limit]
	}
	return out
}

// comparePointers orders pointers by token, array indexes by number.
func comparePointers(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		m, okM := arrayIndex(x[i])
		n, okN := arrayIndex(y[i])
		if okM && okN {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x[i], y[i])
	}
	return cmp.Compare(len(x), len(y))
}

// collect appends the leaves of an error tree. Of a failed union only the
// branch that came closest is reported, as nobody can act on all of them.
func collect(err *jsonschema.ValidationError, out *[]Violation) {
	at := joinPointer(err.InstanceLocation)
	add := func(format string, args ...any) {
		*out = append(*out, Violation{Path: at, Message: fmt.Sprintf(format, args...)})
	}
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		addMissing(at, k.Missing, "is required and missing", out)
	case *kind.Dependency:
		addMissing(at, k.Missing, fmt.Sprintf("is required because %q is there", k.Prop), out)
	case *kind.DependentRequired:
		addMissing(at, k.Missing, fmt.Sprintf("is required because %q is there", k.Prop), out)
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			*out = append(*out, Violation{
				Path: at + "/" + escapePointer(p), Unwanted: true,
				Message: "is not a member the schema allows",
			})
		}
	case *kind.PropertyNames:
		*out = append(*out, Violation{
			Path: at + "/" + escapePointer(k.Property), Unwanted: true,
			Message: "has a name the schema does not allow",
		})
	case *kind.FalseSchema:
		*out = append(*out, Violation{Path: at, Unwanted: true, Message: "nothing is allowed here"})
	case *kind.AnyOf:
		closest(err, "any", out)
	case *kind.OneOf:
		if k.Subschemas == nil {
			closest(err, "one", out)
			return
		}
		add("must match exactly one of the allowed forms, but matches forms %s", joinInts(k.Subschemas))
	case *kind.Contains:
		add("must contain an item of the form the schema asks for")
	case *kind.MinContains:
		add("must contain at least %d items of the form the schema asks for, has %d", k.Want, len(k.Got))
	case *kind.MaxContains:
		add("must contain at most %d items of the form the schema asks for, has %d", k.Want, len(k.Got))
	case *kind.Format:
		part, ok := errors.AsType[*partError](k.Err)
		if !ok {
			add("%s", explain(k))
			return
		}
		for _, v := range part.violations() {
			v.Path = at + v.Path
			*out = append(*out, v)
		}
	case *kind.Not:
		add("must not match a form that the schema excludes")
	default:
		if len(err.Causes) > 0 {
			for _, cause := range err.Causes {
				collect(cause, out)
			}
			return
		}
		add("%s", explain(err.ErrorKind))
	}
}

func addMissing(at string, names []string, why string, out *[]Violation) {
	for _, name := range names {
		*out = append(*out, Violation{Path: at + "/" + escapePointer(name), Message: why, Missing: true})
	}
}

// closestOf begins the remark that a message is about one of several forms.
const closestOf = " (closest of "

// closest reports the branch of a failed union whose errors lie deepest, since
// a branch that fails inside a member is nearer than one that fails at the
// top; ties go to the branch with fewer errors, then to the first.
func closest(err *jsonschema.ValidationError, which string, out *[]Violation) {
	var best []Violation
	bestDepth := math.MinInt
	for _, cause := range err.Causes {
		var found []Violation
		collect(cause, &found)
		depth := 1 << 30
		for _, v := range found {
			d := strings.Count(v.Path, "/") * 4
			if v.Missing || v.Unwanted {
				d -= 2
			}
			if strings.HasPrefix(v.Message, "must be of type") || strings.HasPrefix(v.Message, "must be exactly") {
				d--
			}
			depth = min(depth, d)
		}
		if len(found) > 0 && (depth > bestDepth || depth == bestDepth && len(found) < len(best)) {
			best, bestDepth = found, depth
		}
	}
	if len(err.Causes) > 1 {
		own := joinPointer(err.InstanceLocation)
		if types, ok := unionTypes(err.Causes, own); ok {
			best = []Violation{{Path: own, Message: "must be of type " + orList(types)}}
		}
		for i := range best {
			if best[i].Path == own && !strings.Contains(best[i].Message, closestOf) {
				best[i].Message += fmt.Sprintf("%s%d forms, %s of which must match)", closestOf, len(err.Causes), which)
			}
		}
	}
	*out = append(*out, best...)
}

// unionTypes tells whether every branch failed for the type of the same value,
// and which types they want.
func unionTypes(causes []*jsonschema.ValidationError, at string) ([]string, bool) {
	var types []string
	for _, cause := range causes {
		for len(cause.Causes) == 1 {
			cause = cause.Causes[0]
		}
		k, ok := cause.ErrorKind.(*kind.Type)
		if !ok || joinPointer(cause.InstanceLocation) != at {
			return nil, false
		}
		for _, t := range k.Want {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	return types, len(types) > 0
}

// explain puts a validator's finding into plain words.
func explain(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be of type %s, is %s", orList(k.Want), k.Got)
	case *kind.Enum:
		return "must be one of " + shortList(k.Want)
	case *kind.Const:
		return "must be exactly " + shortJSON(k.Want)
	case *kind.Format:
		if k.Want == "regex" {
			return "must be a regular expression"
		}
		return fmt.Sprintf("must have the format %s", k.Want)
	case *kind.Pattern:
		return fmt.Sprintf("must match the pattern %s", k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, has %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, has %d", k.Want, k.Got)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items more than the schema allows", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not repeat items, but items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d members, has %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d members, has %d", k.Want, k.Got)
	case *kind.Minimum:
		return "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "must be at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be greater than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + decimal(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + decimal(k.Want)
	case *kind.RefCycle:
		return "is described by a $ref that leads back to itself"
	case *kind.InvalidJsonValue:
		return "is not a JSON value"
	}
	if path := k.KeywordPath(); len(path) > 0 {
		return "does not satisfy " + strings.Join(path, "/")
	}
	return "does not satisfy the schema"
}

// decimal writes a number without an exponent or a fraction bar where it can.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	if digits, exact := r.FloatPrec(); exact && digits < 32 {
		return r.FloatString(digits)
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func orList(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(words, " or ")
}

func joinInts(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n + 1)
	}
	return strings.Join(words, " and ")
}

// shortJSON renders a value in at most about 80 bytes.
func shortJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	if len(text) > 80 {
		return strings.ToValidUTF8(string(text[:77]), "") + "..."
	}
	return string(text)
}

func shortList(values []any) string {
	const most = 12
	var words []string
	for _, v := range values[:min(len(values), most)] {
		words = append(words, shortJSON(v))
	}
	if len(values) > most {
		words = append(words, fmt.Sprintf("... (%d in all)", len(values)))
	}
	return strings.Join(words, ", ")
}
