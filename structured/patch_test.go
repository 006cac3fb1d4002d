package structured

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parse(tb testing.TB, text string) any {
	tb.Helper()
	v, err := parseExact(text, defaultMaxDepth)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

// The cases follow the examples of RFC 6902, appendix A.
func TestPatchApplies(t *testing.T) {
	for _, c := range []struct{ doc, patch, want string }{
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{`{"baz":"qux"}`, `[{"op":"replace","path":"/baz","value":null}]`, `{"baz":null}`},
		{`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{`{"foo":["a"]}`, `[{"op":"copy","from":"/foo","path":"/bar"}]`, `{"bar":["a"],"foo":["a"]}`},
		{`{"foo":1}`, `[{"op":"test","path":"/foo","value":1.0},{"op":"add","path":"","value":[]}]`, `[]`},
		{`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc"]}]`, `{"foo":["bar",["abc"]]}`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{`{"a":1}`, `{"op":"remove","path":"/a"}`, `{}`},
	} {
		patch, err := PatchFrom(parse(t, c.patch))
		if err != nil {
			t.Fatal(err)
		}
		got, err := patch.Apply(parse(t, c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.patch, err)
			continue
		}
		if plainJSON(got) != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.patch, c.doc, plainJSON(got), c.want)
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	for _, c := range []struct{ doc, patch, message string }{
		{`{}`, `[{"op":"remove","path":"/a"}]`, "nothing is there"},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":"1"}]`, "another value"},
		{`{}`, `[{"op":"add","path":"/a/b","value":1}]`, "on the way"},
		{`[]`, `[{"op":"add","path":"/1","value":1}]`, "no place in an array"},
		{`[1]`, `[{"op":"replace","path":"/01","value":1}]`, "nothing is there"},
		{`{}`, `[{"op":"spin","path":""}]`, "no known operation"},
		{`{}`, `[{"op":"add","path":"a","value":1}]`, "slash"},
		{`{}`, `[{"op":"add","path":"/a"}]`, "no value"},
		{`{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, "into itself"},
		{`{"a":[1,1,1,1,1,1,1,1]}`, `[` + strings.Repeat(`{"op":"copy","from":"","path":"/b"},{"op":"copy","from":"","path":"/c"},`, 40) + `{"op":"test","path":"","value":1}]`, "grows"},
	} {
		doc := parse(t, c.doc)
		patch, err := PatchFrom(parse(t, c.patch))
		if err == nil {
			_, err = patch.Apply(doc)
		}
		var pe *PatchError
		if !errors.As(err, &pe) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%.80s: %v, want %q", c.patch, err, c.message)
		}
		if plainJSON(doc) != c.doc {
			t.Errorf("%.80s: the document became %s", c.patch, plainJSON(doc))
		}
	}
}

// anyValue draws JSON values.
func anyValue(depth int) *rapid.Generator[any] {
	scalars := rapid.OneOf(
		rapid.Just(any(nil)),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.IntRange(-9, 9), func(n int) any { v, _ := Normalize(n); return v }),
		rapid.Map(rapid.StringMatching(`[a-c~/"\\]{0,3}`), func(s string) any { return s }),
	)
	if depth == 0 {
		return scalars
	}
	return rapid.OneOf(
		scalars,
		rapid.Map(rapid.SliceOfN(anyValue(depth-1), 0, 4), func(l []any) any {
			if l == nil {
				l = []any{}
			}
			return l
		}),
		rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-c~/]{0,2}`), anyValue(depth-1), 0, 4), func(m map[string]any) any {
			if m == nil {
				m = map[string]any{}
			}
			return m
		}),
	)
}

func TestDiffIsUndoneByApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := anyValue(3).Draw(t, "from"), anyValue(3).Draw(t, "to")
		before := plainJSON(from)
		got, err := Diff(from, to).Apply(from)
		if err != nil || !equalValues(got, to) {
			t.Fatalf("%s to %s: %v %v", before, plainJSON(to), plainJSON(got), err)
		}
		if plainJSON(from) != before {
			t.Fatal("the document was modified")
		}
	})
}

// A patch with a failing operation anywhere leaves the document alone.
func TestPatchIsAtomic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := anyValue(3).Draw(t, "from"), anyValue(3).Draw(t, "to")
		before := plainJSON(from)
		patch := Diff(from, to)
		at := rapid.IntRange(0, len(patch)).Draw(t, "at")
		broken := append(append(append(Patch{}, patch[:at]...), Operation{Op: "remove", Path: "/no/such/place"}), patch[at:]...)
		got, err := broken.Apply(from)
		var pe *PatchError
		if got != nil || !errors.As(err, &pe) || pe.Index != at {
			t.Fatalf("got %v, %v", got, err)
		}
		if plainJSON(from) != before {
			t.Fatal("the document was modified")
		}
	})
}

func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[1,2]}`, `[{"op":"move","from":"/a/0","path":"/a/-"}]`)
	f.Add(`[]`, `[{"op":"copy","from":"","path":"/0"}]`)
	f.Fuzz(func(t *testing.T, doc, patch string) {
		d, err := parseExact(doc, 64)
		if err != nil {
			return
		}
		v, err := parseExact(patch, 64)
		if err != nil {
			return
		}
		p, err := PatchFrom(v)
		if err != nil {
			return
		}
		before := plainJSON(d)
		if got, err := p.Apply(d); err != nil && got != nil {
			t.Fatal("a failed patch returned a value")
		}
		if plainJSON(d) != before {
			t.Fatal("the document was modified")
		}
	})
}
