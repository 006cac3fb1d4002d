package structured

import (
	"encoding/json"
	"errors"
	"testing"
)

const orderSchema = `{
	"title": "Order form",
	"type": "object",
	"xml": {"name": "order", "namespace": "urn:shop", "prefix": "s"},
	"properties": {
		"id": {"type": "integer", "xml": {"attribute": true}},
		"customer": {"type": "string", "xml": {"name": "client"}},
		"tags": {"type": "array", "items": {"type": "string", "xml": {"name": "tag"}}},
		"lines": {"type": "array", "xml": {"wrapped": true}, "items": {
			"type": "object", "xml": {"name": "line"},
			"properties": {"sku": {"type": "string"}, "count": {"type": "integer"}, "gift": {"type": "boolean"}}
		}},
		"note": {"type": ["string", "null"]}
	},
	"required": ["id"]
}`

func TestEncodeXMLFollowsAnnotations(t *testing.T) {
	s := mustCompile(t, orderSchema)
	v, err := Normalize(map[string]any{
		"id": 7, "customer": "A & B <c>", "tags": []string{"x", "y"},
		"lines": []any{map[string]any{"sku": "1", "count": 2, "gift": true}},
		"note":  nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.EncodeXML(v)
	if err != nil {
		t.Fatal(err)
	}
	const want = `<s:order xmlns:json="urn:outcrop:json" xmlns:s="urn:shop" id="7"><client>A &amp; B &lt;c&gt;</client><tag>x</tag><tag>y</tag>` +
		`<lines><line><sku>1</sku><count>2</count><gift>true</gift></line></lines><note json:type="null"/></s:order>`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r, err := s.ReadXML(string(got))
	if err != nil {
		t.Fatal(err)
	}
	if !equalValues(r.Value, v) || !r.Valid() {
		t.Errorf("read back %s, %v", plainJSON(r.Value), r.Violations)
	}
}

func TestReadXMLAsModelsWriteIt(t *testing.T) {
	s := mustCompile(t, orderSchema)
	r, err := s.ReadXML("<think>an <order> it is</think>Sure:\n```xml\n<?xml version=\"1.0\"?>\n<order id=\"7\">\n  <client>Smith & Sons</client>\n  <tag>x</tag>\n" +
		"  <lines>\n    <line><sku>007</sku><count> 2 </count></line>\n  </lines>\n</order>\n```\nDone.")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"customer":"Smith & Sons","id":7,"lines":[{"count":2,"sku":"007"}],"tags":["x"]}`
	if got := plainJSON(r.Value); got != want || !r.Valid() {
		t.Errorf("got %s (%v), want %s", got, r.Violations, want)
	}
	for text, kind := range map[string]ReadErrorKind{
		"no xml at all":                  NoValue,
		"<order id='7'><client>Jo":       Truncated,
		"<order id='1'/><order id='2'/>": Ambiguous,
		"<order id='1'><client>a</client><client>b</client></order>": Ambiguous,
	} {
		var re *ReadError
		if _, err := s.ReadXML(text); !errors.As(err, &re) || re.Kind != kind {
			t.Errorf("%s: %v, want %s", text, err, kind)
		}
	}
}

func TestXMLNeedsARootName(t *testing.T) {
	s := mustCompile(t, `{"type": "object"}`)
	if _, err := s.EncodeXML(map[string]any{}); !errors.Is(err, ErrNoRootName) {
		t.Error(err)
	}
	if _, err := s.ReadXML("<a/>"); !errors.Is(err, ErrNoRootName) {
		t.Error(err)
	}
}

// Every valid document of the suite comes back from XML as it was.
func TestSuiteXMLRoundTrip(t *testing.T) {
	documents, failed := 0, 0
	titled := map[string]*Schema{}
	for _, d := range suiteDocuments(t) {
		s := d.schema
		if _, err := s.rootName(); err != nil {
			// Give the schema the name it lacks.
			if titled[s.text] == nil {
				doc, ok := cloneValue(s.doc).(map[string]any)
				if !ok {
					continue
				}
				doc["title"] = "Document"
				text, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				if titled[s.text], err = Compile(text); err != nil {
					continue
				}
			}
			s = titled[s.text]
			if _, err := s.rootName(); err != nil {
				continue // a $ref hides the title
			}
		}
		documents++
		text, err := s.EncodeXML(d.value)
		if err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		r, err := s.ReadXML(string(text))
		if err != nil || !equalValues(r.Value, d.value) {
			if failed++; failed < 12 {
				got := ""
				if err == nil {
					got = plainJSON(r.Value)
				}
				t.Errorf("%s: %v\nwas %.600s\nxml %.900s\nnow %.600s", d.name, err, plainJSON(d.value), text, got)
			}
		}
	}
	t.Logf("%d documents, %d not restored", documents, failed)
}

func FuzzReadXML(f *testing.F) {
	f.Add(`<order id="7"><client>x</client><lines><line><sku>1</sku></line></lines></order>`)
	f.Add("```xml\n<s:order xmlns:s='urn:shop'/>\n```")
	s := mustCompile(f, orderSchema)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := s.ReadXML(text)
		if err != nil || len(r.Violations) > 0 {
			return
		}
		out, err := s.EncodeXML(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.ReadXML(string(out))
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !equalValues(again.Value, r.Value) {
			t.Fatalf("%s became %s", plainJSON(r.Value), plainJSON(again.Value))
		}
	})
}
