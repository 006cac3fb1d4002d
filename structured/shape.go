package structured

// shape is a node of a lowered schema: what a back-end is asked for at one
// place, and how that relates to what the full schema demands there (view).
// Shapes form a graph; sharing and cycles become $defs.
type shape struct {
	kind shapeKind
	view view

	leaf    object   // keywords of a leaf, and of a mapping's key
	types   []string // of a leaf
	values  []any    // of a leaf with enum
	members []member // of an object
	item    *shape   // of a list, a mapping (the value) or a wrap
	tuple   []*shape // of a list whose first items have their own shapes
	choices []*shape // of a union
	counts  object   // of a list: minItems, maxItems
	open    bool     // of an object: other members are taken as well
	spread  bool     // of a union: written as an object of lists, see emit
	about   string   // description
	words   []string // constraints that only words can carry
}

type shapeKind int

const (
	neverShape   shapeKind = iota
	anyShape               // everything
	leafShape              // scalars
	objectShape            // an object with listed members
	mappingShape           // an object as a list of {key, value}
	listShape              // an array
	unionShape             // one of several
	textShape              // any JSON, as text in a string
	enumText               // one of several JSON texts
	wrapShape              // {"value": ...}
)

// member is one member of an object shape.
type member struct {
	name     string // in the full schema
	alias    string // in the lowered schema
	child    *shape
	required bool // by the full schema
	form     memberForm
	spill    bool // child is a mapping whose entries belong to this object
}

// memberForm is how a member that may be missing is written.
type memberForm int

const (
	plainMember    memberForm = iota // as it is: required or optional
	nullableMember                   // required; null for missing
	listedMember                     // required; a list of no or one value
)

func (s *shape) children() []*shape {
	var list []*shape
	for _, m := range s.members {
		list = append(list, m.child)
	}
	if s.item != nil {
		list = append(list, s.item)
	}
	list = append(list, s.tuple...)
	return append(list, s.choices...)
}

// replace returns a copy of s whose children went through f.
func (s *shape) replace(f func(*shape) *shape, copied *shape) {
	*copied = *s
	copied.members = make([]member, len(s.members))
	for i, m := range s.members {
		copied.members[i] = m
		copied.members[i].child = f(m.child)
	}
	if s.item != nil {
		copied.item = f(s.item)
	}
	copied.tuple = make([]*shape, len(s.tuple))
	for i, t := range s.tuple {
		copied.tuple[i] = f(t)
	}
	copied.choices = make([]*shape, len(s.choices))
	for i, c := range s.choices {
		copied.choices[i] = f(c)
	}
}
