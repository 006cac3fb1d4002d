package structured

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func mustCompile(tb testing.TB, schema string) *Schema {
	tb.Helper()
	s, err := Compile([]byte(schema))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const personSchema = `{
	"title": "Person",
	"type": "object",
	"properties": {
		"name": {"type": "string"},
		"age": {"type": "integer", "minimum": 0},
		"tags": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
		"mood": {"enum": ["good", "bad"]}
	},
	"required": ["name", "age"],
	"additionalProperties": false
}`

func describeUpdates(list []Update) string {
	var b strings.Builder
	for _, u := range list {
		if u.Open {
			fmt.Fprintf(&b, "%s+%q ", u.Path, u.Text)
			continue
		}
		fmt.Fprintf(&b, "%s=%s ", u.Path, plainJSON(u.Value))
	}
	return strings.TrimSpace(b.String())
}

func TestStreamReportsWhatIsSettled(t *testing.T) {
	s := mustCompile(t, personSchema).Stream()
	for _, step := range []struct{ feed, want string }{
		{"<think>{\"name\": \"no\"}", ""},
		{"</think>\n```json\n{\"na", ""},
		{"me\": \"Jo", `/name+"Jo"`},
		{"hn \\u00e", `/name+"hn "`},
		{"9!", `/name+"é!"`},
		{"\", \"age\": 4", `/name="John é!"`},
		{"2,", `/age=42`},
		{"\"tags\": [{\"id\": 1}, {\"id\"", `/tags/0/id=1 /tags/0={"id":1}`},
		{": \"x\"}", ""}, // keeps not to its subschema, so it is held back
		{"], \"mood\": \"go", ""},
		{"od\"}\n```", `/mood="good"`},
	} {
		if got := describeUpdates(s.Feed(step.feed)); got != step.want {
			t.Fatalf("after %q: got %s, want %s", step.feed, got, step.want)
		}
	}
	r, err := s.Close()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Violations) != 1 || r.Violations[0].Path != "/tags/1/id" {
		t.Errorf("violations %v", r.Violations)
	}
}

func TestStreamValueHoldsOpenContainers(t *testing.T) {
	s := mustCompile(t, personSchema).Stream()
	s.Feed(`{"name":"J","tags":[{"id":1},{"id":2`)
	if got, want := plainJSON(s.Value()), `{"name":"J","tags":[{"id":1},{}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever the pieces, every update holds in the final value and the open text
// of a string adds up to a prefix of it.
func TestSuiteStreamNeverTakesBack(t *testing.T) {
	reported := 0
	for i, d := range suiteDocuments(t) {
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		s := d.schema.Stream()
		opened := map[string]string{}
		closed := map[string]bool{}
		for rest := d.text; rest != ""; {
			n := min(len(rest), 1+rng.IntN(24))
			for _, u := range s.Feed(rest[:n]) {
				reported++
				tokens, err := splitPointer(u.Path)
				if err != nil {
					t.Fatal(err)
				}
				final, there := lookup(d.value, tokens)
				if !there {
					t.Fatalf("%s: %s is not in the final value", d.name, u.Path)
				}
				if u.Open {
					opened[u.Path] += u.Text
					if text, _ := final.(string); closed[u.Path] || !strings.HasPrefix(text, opened[u.Path]) {
						t.Fatalf("%s: %s: %q is no prefix of %q", d.name, u.Path, opened[u.Path], text)
					}
					continue
				}
				closed[u.Path] = true
				if !equalValues(u.Value, final) {
					t.Fatalf("%s: %s: reported %v, is %v", d.name, u.Path, u.Value, final)
				}
			}
			rest = rest[n:]
		}
		if !equalValues(s.Value(), d.value) {
			t.Fatalf("%s: ends as %s", d.name, plainJSON(s.Value()))
		}
	}
	if reported == 0 {
		t.Error("nothing was reported")
	}
}

func TestStreamStopsAtDeviations(t *testing.T) {
	for _, text := range []string{`{'name': "x"}`, `{"name": "a", "name": "b"}`, `{"name": tru}`, `{"a" 1}`, `Here: {"name": "x"}`} {
		s := mustCompile(t, personSchema).Stream()
		for _, u := range s.Feed(text) {
			if u.Path == "/name" && !u.Open && u.Value != "a" {
				t.Errorf("%s: reported %+v", text, u)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(`{"name":"a","age":3,"tags":[{"id":1}]}`, uint8(3))
	f.Add("<think>x</think>```json\n{\"name\":\"\\ud83d\\ude00\"}\n```", uint8(1))
	s := mustCompile(f, personSchema)
	f.Fuzz(func(t *testing.T, text string, step uint8) {
		st := s.Stream()
		for rest := text; rest != ""; {
			n := min(len(rest), int(step)+1)
			for _, u := range st.Feed(rest[:n]) {
				if _, err := splitPointer(u.Path); err != nil {
					t.Fatal(err)
				}
			}
			rest = rest[n:]
		}
		if st.Text() != text {
			t.Fatal("text lost")
		}
	})
}

// longPerson is a document of about n tags.
func longPerson(n int) string {
	var b strings.Builder
	b.WriteString(`{"name":"John","age":42,"tags":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d}`, i)
	}
	b.WriteString(`],"mood":"good"}`)
	return b.String()
}

// The time for each byte must not grow with the length: compare the ns/byte.
func BenchmarkStream(b *testing.B) {
	s := mustCompile(b, personSchema)
	for _, n := range []int{100, 1000, 10000} {
		text := longPerson(n)
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				st := s.Stream()
				for i := 0; i < len(text); i += 16 {
					st.Feed(text[i:min(i+16, len(text))])
				}
			}
		})
	}
}

// Parts of an object are not settled where the schema wants none.
func TestStreamStopsAtTheWrongContainer(t *testing.T) {
	for schema, text := range map[string]string{
		`{"type":"array"}`:                       `{"a":1}`,
		`{"type":"boolean"}`:                     `{"a":1}`,
		`{"type":"object"}`:                      `["a"]`,
		`{"enum":["a",["b"]]}`:                   `{"a":1}`,
		`{"properties":{"a":{"type":"string"}}}`: `{"a":{"b":1}}`,
	} {
		s, err := Compile([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Stream().Feed(text); len(got) > 0 {
			t.Errorf("%s: %s settles %v", schema, text, got)
		}
	}
}
