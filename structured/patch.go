package structured

import (
	"fmt"
	"strconv"
)

// Patch is a JSON Patch (RFC 6902).
type Patch []Operation

// Operation is one step of a patch.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	From  string `json:"from,omitempty"`
	Value any    `json:"value,omitempty"`
}

// PatchError says which operation of a patch cannot be applied and why.
type PatchError struct {
	Index   int    // of the operation; -1 for the patch as a whole
	Op      string // its name
	Path    string // its path
	Message string
}

func (e *PatchError) Error() string {
	if e.Index < 0 {
		return "patch: " + e.Message
	}
	return fmt.Sprintf("patch operation %d (%s %s): %s", e.Index, e.Op, e.Path, e.Message)
}

// Limits of a patch. Copying a value into itself doubles it, so the number of
// values in the outcome is bounded too.
const (
	maxOperations  = 1000
	maxPatchedSize = 1 << 20
)

// PatchFrom reads a patch from its JSON value: an array of operations, or one
// operation alone.
func PatchFrom(v any) (Patch, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > maxOperations {
		return nil, &PatchError{Index: -1, Message: fmt.Sprintf("has %d operations; the limit is %d", len(list), maxOperations)}
	}
	patch := make(Patch, len(list))
	for i, e := range list {
		op, problem := operationFrom(e)
		if problem != "" {
			return nil, &PatchError{Index: i, Op: op.Op, Path: op.Path, Message: problem}
		}
		patch[i] = op
	}
	return patch, nil
}

func operationFrom(v any) (op Operation, problem string) {
	obj, ok := v.(map[string]any)
	if !ok {
		return op, "is not an object"
	}
	op.Op, _ = obj["op"].(string)
	path, hasPath := obj["path"].(string)
	op.Path = path
	from, hasFrom := obj["from"].(string)
	op.From = from
	value, hasValue := obj["value"]
	op.Value = value
	switch {
	case !hasPath:
		return op, "has no path"
	case op.Op == "add" || op.Op == "replace" || op.Op == "test":
		if !hasValue {
			return op, "has no value"
		}
	case op.Op == "move" || op.Op == "copy":
		if !hasFrom {
			return op, "has no from"
		}
	case op.Op != "remove":
		return op, "is no known operation"
	}
	return op, ""
}

// Apply returns the document after all operations, or an error and no change
// at all: the document itself is never modified.
func (p Patch) Apply(doc any) (any, error) {
	if len(p) > maxOperations {
		return nil, &PatchError{Index: -1, Message: fmt.Sprintf("has %d operations; the limit is %d", len(p), maxOperations)}
	}
	doc = cloneValue(doc)
	size := countValues(doc)
	for i, op := range p {
		var err error
		if doc, err = op.apply(doc, &size); err != nil {
			return nil, &PatchError{Index: i, Op: op.Op, Path: op.Path, Message: err.Error()}
		}
	}
	return doc, nil
}

func countValues(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += countValues(e)
		}
	case []any:
		for _, e := range v {
			n += countValues(e)
		}
	}
	return n
}

func (op Operation) apply(doc any, size *int) (any, error) {
	path, err := splitPointer(op.Path)
	if err != nil {
		return nil, err
	}
	insert := func(v any) (any, error) {
		if *size += countValues(v); *size > maxPatchedSize {
			return nil, fmt.Errorf("the document grows beyond %d values", maxPatchedSize)
		}
		return addAt(doc, path, cloneValue(v))
	}
	switch op.Op {
	case "test":
		v, ok := lookup(doc, path)
		if !ok {
			return nil, fmt.Errorf("nothing is there")
		}
		if !equalValues(v, op.Value) {
			return nil, fmt.Errorf("another value is there")
		}
		return doc, nil
	case "add":
		return insert(op.Value)
	case "remove":
		return removeAt(doc, path)
	case "replace":
		if _, ok := lookup(doc, path); !ok {
			return nil, fmt.Errorf("nothing is there to replace")
		}
		if len(path) == 0 {
			return insert(op.Value)
		}
		return setAt(doc, path, op.Value, size)
	case "move", "copy":
		from, err := splitPointer(op.From)
		if err != nil {
			return nil, err
		}
		v, ok := lookup(doc, from)
		if !ok {
			return nil, fmt.Errorf("nothing is at %s", op.From)
		}
		if op.Op == "copy" {
			return insert(v)
		}
		if len(path) > len(from) && joinPointer(path[:len(from)]) == joinPointer(from) {
			return nil, fmt.Errorf("a value cannot move into itself")
		}
		if len(from) == len(path) && op.From == op.Path {
			return doc, nil
		}
		if doc, err = removeAt(doc, from); err != nil {
			return nil, err
		}
		return addAt(doc, path, v)
	}
	return nil, fmt.Errorf("is no known operation")
}

// edit calls f with the container that holds the last token of path, and puts
// what f returns in the container's place: an array may be a new one.
func edit(doc any, path []string, f func(container any, last string) (any, error)) (any, error) {
	if len(path) == 1 {
		return f(doc, path[0])
	}
	child, ok := lookup(doc, path[:1])
	if !ok {
		return nil, fmt.Errorf("there is no %s on the way", path[0])
	}
	changed, err := edit(child, path[1:], f)
	if err != nil {
		return nil, err
	}
	switch c := doc.(type) {
	case map[string]any:
		c[path[0]] = changed
	case []any:
		i, _ := arrayIndex(path[0])
		c[i] = changed
	}
	return doc, nil
}

func addAt(doc any, path []string, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	return edit(doc, path, func(container any, last string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			c[last] = v
			return c, nil
		case []any:
			i, ok := len(c), true
			if last != "-" {
				i, ok = arrayIndex(last)
			}
			if !ok || i > len(c) {
				return nil, fmt.Errorf("%q is no place in an array of %d", last, len(c))
			}
			c = append(c, nil)
			copy(c[i+1:], c[i:])
			c[i] = v
			return c, nil
		}
		return nil, fmt.Errorf("a scalar has no members")
	})
}

func setAt(doc any, path []string, v any, size *int) (any, error) {
	if *size += countValues(v); *size > maxPatchedSize {
		return nil, fmt.Errorf("the document grows beyond %d values", maxPatchedSize)
	}
	return edit(doc, path, func(container any, last string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			c[last] = cloneValue(v)
		case []any:
			i, _ := arrayIndex(last)
			c[i] = cloneValue(v)
		}
		return container, nil
	})
}

func removeAt(doc any, path []string) (any, error) {
	if len(path) == 0 {
		return nil, fmt.Errorf("the whole document cannot be removed")
	}
	if _, ok := lookup(doc, path); !ok {
		return nil, fmt.Errorf("nothing is there to remove")
	}
	return edit(doc, path, func(container any, last string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			delete(c, last)
		case []any:
			i, _ := arrayIndex(last)
			return append(c[:i:i], c[i+1:]...), nil
		}
		return container, nil
	})
}

// Diff returns a patch that turns one value into another. It compares arrays
// item by item and does not look for moved ones.
func Diff(from, to any) Patch {
	var patch Patch
	diff(from, to, "", &patch)
	return patch
}

func diff(from, to any, at string, patch *Patch) {
	if equalValues(from, to) {
		return
	}
	switch a := from.(type) {
	case map[string]any:
		b, ok := to.(map[string]any)
		if !ok {
			break
		}
		for _, name := range sortedKeys(a) {
			here := at + "/" + escapePointer(name)
			if v, there := b[name]; there {
				diff(a[name], v, here, patch)
			} else {
				*patch = append(*patch, Operation{Op: "remove", Path: here})
			}
		}
		for _, name := range sortedKeys(b) {
			if _, there := a[name]; !there {
				*patch = append(*patch, Operation{Op: "add", Path: at + "/" + escapePointer(name), Value: b[name]})
			}
		}
		return
	case []any:
		b, ok := to.([]any)
		if !ok {
			break
		}
		for i := range min(len(a), len(b)) {
			diff(a[i], b[i], at+"/"+strconv.Itoa(i), patch)
		}
		for i := len(a) - 1; i >= len(b); i-- {
			*patch = append(*patch, Operation{Op: "remove", Path: at + "/" + strconv.Itoa(i)})
		}
		for i := len(a); i < len(b); i++ {
			*patch = append(*patch, Operation{Op: "add", Path: at + "/-", Value: b[i]})
		}
		return
	}
	*patch = append(*patch, Operation{Op: "replace", Path: at, Value: to})
}

// MarshalJSON writes the value also when it is null, which "add" needs.
func (op Operation) MarshalJSON() ([]byte, error) {
	out := object{{"op", op.Op}}
	if op.Op == "move" || op.Op == "copy" {
		out = append(out, field{"from", op.From})
	}
	out = append(out, field{"path", op.Path})
	if op.Op == "add" || op.Op == "replace" || op.Op == "test" {
		out = append(out, field{"value", op.Value})
	}
	return out.MarshalJSON()
}
