package structured

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hostileTexts are replies that tempt a reader into looking at the same bytes
// again and again.
func hostileTexts(n int) map[string]string {
	r := strings.Repeat
	return map[string]string{
		"braces":       r("{", n),
		"brackets":     r("[", n),
		"members":      r(`{"a":`, n/5),
		"quotes":       `{"name":` + r(`"`, n),
		"apostrophes":  `{'name': '` + r(`' `, n/2),
		"names":        `{` + r(`"a" `, n/4),
		"spaces":       `{"name": "` + r(`"`+r(" ", 100)+"x", n/102),
		"commas":       `{` + r(",", n),
		"comments":     `{` + r("/* */", n/5),
		"open comment": `{` + r("/*", n/2),
		"fences":       r("```", n/3),
		"reasoning":    r("<think>", n/7),
		"closing":      r("</think>", n/8),
		"prose":        r("{a} ", n/4),
		"escapes":      `{"name":"` + r(`\`, n),
		"objects":      r(`{"name":"x","age":1}`, n/20),
	}
}

func TestHostileTextsEndInAnAnswer(t *testing.T) {
	s := mustCompile(t, personSchema)
	for name, text := range hostileTexts(200_000) {
		r, err := s.Read(text)
		var re *ReadError
		if err != nil && !errors.As(err, &re) || err == nil && r == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each would take hours if the reader looked at the same bytes again.
func TestHostileXMLEndsInAnAnswer(t *testing.T) {
	s := mustCompile(t, orderSchema)
	for name, text := range map[string]string{
		"brackets": strings.Repeat("<", 4<<20),
		"names":    strings.Repeat("<order", 1<<20),
	} {
		_, err := s.ReadXML(text)
		if re, ok := errors.AsType[*ReadError](err); !ok || re.Kind != NoValue {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A long list costs time by its length, also where the schema knows thousands of
// names for each item.
func TestManyNamesInALongXMLList(t *testing.T) {
	var names strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&names, `"p%d": {"type": "string"}, `, i)
	}
	s := mustCompile(t, `{"title": "r", "properties": {"l": {"type": "array", "items": {"type": "object", "properties": {`+names.String()+`"z": {"type": "string"}}}}}}`)
	v, err := parseExact(`{"l": [`+strings.Repeat(`{"z": "x"}, `, 2000)+`{"z": "y"}]}`, defaultMaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.EncodeXML(v)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.ReadXML(string(text))
	if err != nil || !equalValues(r.Value, v) {
		t.Errorf("%v: %d bytes of XML do not read back", err, len(text))
	}
	if _, err := s.ReadXML(strings.Repeat("<r/>", 2000)); err != nil {
		t.Error(err)
	}
}

// A pattern that takes too long is tried a few times, not for each value: there
// are hours of them here.
func TestManySlowPatternsEndInAnAnswer(t *testing.T) {
	var values []string
	for i := range 20_000 {
		values = append(values, fmt.Sprintf(`"%s%d"`, strings.Repeat("a", 40), i))
	}
	const slow = `"pattern": "^(?!b)(a+)+$"`
	s := mustCompile(t, `{"enum": [`+strings.Join(values, ", ")+`], `+slow+`}`)
	if why := s.Contradiction(); why != nil {
		t.Errorf("a contradiction that nobody has proved: %v", why)
	}
	plan, err := s.Plan(LlamaCPP())
	if err != nil || !strings.Contains(string(plan.Schema()), values[len(values)-1]) {
		t.Errorf("values are lost that may be allowed: %v", err)
	}
	if _, err := s.Instance(Hints{}, 1); !errors.Is(err, ErrNoInstance) {
		t.Error(err)
	}
}

// The time for each byte must not grow with the length.
func BenchmarkReadHostile(b *testing.B) {
	s := mustCompile(b, personSchema)
	for _, n := range []int{10_000, 100_000} {
		for name, text := range hostileTexts(n) {
			b.Run(name+"/"+map[bool]string{true: "10k", false: "100k"}[n == 10_000], func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					_, _ = s.Read(text)
				}
			})
		}
	}
}
