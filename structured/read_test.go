package structured

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestReadMendsAndSaysSo(t *testing.T) {
	s := mustCompile(t, personSchema)
	const want = `{"age":42,"name":"John"}`
	for _, c := range []struct {
		text    string
		repairs []RepairKind
	}{
		{`{"name": "John", "age": 42}`, nil},
		{"```json\n{\"name\": \"John\", \"age\": 42}\n```", []RepairKind{Fence, Fence}},
		{`The {person} is {"name": "John", "age": 42}, I think.`, []RepairKind{Prose, Prose}},
		{`<think>{"name": "X", "age": 1}</think>{"name": "John", "age": 42}`, []RepairKind{Reasoning}},
		{`I thought about {"name": it.</think> {"name": "John", "age": 42}`, nil},
		{`{"name": "John", "age": 42,}`, []RepairKind{TrailingComma}},
		{`{'name': 'John', 'age': 42}`, []RepairKind{SingleQuotes, SingleQuotes, SingleQuotes}},
		{`{name: "John", age: 42}`, []RepairKind{BareName, BareName}},
		{`{"name": "John" "age": 42}`, []RepairKind{MissingComma}},
		{`{"name": "John", "age": 42 // years` + "\n}", []RepairKind{Comment}},
		{`{“name”: “John”, “age”: 42}`, []RepairKind{SmartQuotes, SmartQuotes, SmartQuotes}},
		{`{"name": John, "age": 42}`, []RepairKind{BareText}},
		{`{"name": "John", "age": +42}`, []RepairKind{NumberForm}},
		{"{\"name\":\u00a0\"John\", \"age\": 42}", []RepairKind{OddSpace}},
		{`{"name": "John", "age": 42}{"name": "John", "age": 42}`, []RepairKind{Repeated}},
		{`{"type": "object"} {"name": "John", "age": 42}`, []RepairKind{OtherValue}},
		{`"{\"name\": \"John\", \"age\": 42}"`, []RepairKind{EncodedTwice}},
		{`{"name": "John", "name": "John", "age": 42}`, nil},
	} {
		r, err := s.Read(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := plainJSON(r.Value); got != want || !r.Valid() {
			t.Errorf("%s: got %s, %v", c.text, got, r.Violations)
		}
		var kinds []RepairKind
		for _, k := range r.Repairs {
			kinds = append(kinds, k.Kind)
		}
		if c.repairs != nil && !reflect.DeepEqual(kinds, c.repairs) {
			t.Errorf("%s: repairs %v", c.text, r.Repairs)
		}
	}
}

func TestReadRefusesWhatIsNotClear(t *testing.T) {
	s := mustCompile(t, personSchema)
	for _, c := range []struct {
		text    string
		kind    ReadErrorKind
		partial string
	}{
		{`{"name": "John", "age": 42} or {"name": "John", "age": 43}`, Ambiguous, ""},
		{`{"name": "John", "age": 42, "age": 43}`, Ambiguous, ""},
		{`{"name": "John", "age": 4`, Truncated, `{"name":"John"}`},
		{`{"name": "Jo`, Truncated, `{}`},
		{`{"name": "John", "tags": [{"id": 1}, {"id": 2}, {"i`, Truncated, `{"name":"John","tags":[{"id":1},{"id":2},{}]}`},
		{`{"name": "John", "age"`, Truncated, `{"name":"John"}`},
		{`I cannot answer that.`, NoValue, ""},
		{``, NoValue, ""},
		{`{"name": @@@, "age": {"name": "John", "age": 42}}`, Malformed, ""},
		{`{"tags": [1,,2]}`, Malformed, ""},
		{strings.Repeat(`{"a":`, 2000), Malformed, ""},
	} {
		r, err := s.Read(c.text)
		var re *ReadError
		if !errors.As(err, &re) || re.Kind != c.kind {
			t.Errorf("%.80s: %+v, %v", c.text, r, err)
			continue
		}
		if c.partial != "" && plainJSON(re.Partial) != c.partial {
			t.Errorf("%s: partial %s", c.text, plainJSON(re.Partial))
		}
	}
}

func TestReadMarksTruncatedText(t *testing.T) {
	r, err := mustCompile(t, personSchema).Read(`{"age": 42, "name": "John"`)
	if err != nil || !r.Truncated || r.Valid() || plainJSON(r.Value) != `{"age":42,"name":"John"}` {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReadScalarsAndLines(t *testing.T) {
	for _, c := range []struct{ schema, text, want string }{
		{`{"type": "integer"}`, "```\n7\n```", `7`},
		{`{"type": "boolean"}`, " True ", `true`},
		{`{"enum": ["red", "green"]}`, `'red'`, `"red"`},
		{`{"type": "array", "items": {"type": "object", "required": ["a"]}}`, "{\"a\": 1}\n{\"a\": 2}\n", `[{"a":1},{"a":2}]`},
		{`{"type": "array", "items": {"type": "integer"}}`, "The list [of three]: [1, 2, 3]", ``},
	} {
		r, err := mustCompile(t, c.schema).Read(c.text)
		if c.want == "" {
			if err != nil {
				continue
			}
			if plainJSON(r.Value) != `[1,2,3]` {
				t.Errorf("%s: %s", c.text, plainJSON(r.Value))
			}
			continue
		}
		if err != nil || plainJSON(r.Value) != c.want || !r.Valid() {
			t.Errorf("%s: %+v, %v", c.text, r, err)
		}
	}
}

// The exact path must agree with encoding/json on every text.
func FuzzExact(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"x\u00e9\n",true,null]}`, `[[[]]]`, `"\ud83d\ude00"`, `01`, `{"a":1,"a":2}`, `1e5000`, "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseExact(text, 100)
		if err != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: accepted, encoding/json says %v", text, err)
		}
		if !reflect.DeepEqual(v, want) {
			t.Fatalf("%q: %v, encoding/json has %v", text, v, want)
		}
	})
}

// Whatever the text, Read ends, gives a typed error or a value, and reads its
// own value again exactly.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","age":1}`, `{'name': 'it's', age: +1,}`, "<think>x</think>```json\n{“name”: “x”}\n```", `{"a" "b"}`, `[1 2,,`, `{"name": "x\`,
		`{"name": "he said "hi", ok", "age": 1}`, `{"tags":[{"id":1 {"id":2}]`,
	} {
		f.Add(seed)
	}
	s := mustCompile(f, personSchema)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := s.Read(text)
		if err != nil {
			var re *ReadError
			if !errors.As(err, &re) {
				t.Fatalf("error is a %T", err)
			}
			return
		}
		again, err := s.Read(string(s.Encode(r.Value)))
		if err != nil || len(again.Repairs) > 0 && again.Repairs[0].Kind != EncodedTwice || len(again.Repairs) == 0 && !equalValues(again.Value, r.Value) {
			t.Fatalf("%q became %s: %v", text, plainJSON(r.Value), err)
		}
	})
}
