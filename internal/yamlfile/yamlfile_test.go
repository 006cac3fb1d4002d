package yamlfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// dump writes a tree on one line, with the lines of its scalars.
func dump(n *yamlfile.Node) string {
	var b strings.Builder
	switch n.Kind {
	case yamlfile.Null:
		b.WriteString("~")
	case yamlfile.Scalar:
		fmt.Fprintf(&b, "%s@%d", n.Text, n.Line)
		if n.Quoted {
			b.WriteString("q")
		}
	case yamlfile.List:
		b.WriteString("[")
		for _, item := range n.Items {
			b.WriteString(dump(item) + " ")
		}
		b.WriteString("]")
	case yamlfile.Map:
		b.WriteString("{")
		for _, m := range n.Members {
			fmt.Fprintf(&b, "%s@%d: %s ", m.Key, m.Line, dump(m.Value))
		}
		b.WriteString("}")
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "~",
		"# only a comment\n":                "~",
		"a: 1\n":                            "{a@1: 1@1 }",
		"a: 0123\nb: '0123'\nc: true\n":     "{a@1: 0123@1 b@2: 0123@2q c@3: true@3 }",
		"a:\nb: ~\n":                        "{a@1: ~ b@2: ~ }",
		"a:\n  b: x # y\n  \"c\": \"d\"\n":  "{a@1: {b@2: x@2 c@3: d@3q } }",
		"- 1\n- {a: b}\n-\n  - c\n":         "[1@1 {a@2: b@2 } [c@4 ] ]",
		"a: |\n  one\n  two\n":              "{a@1: one\ntwo\n@1q }",
		"---\na: http://127.0.0.1:1/v1#x\n": "{a@2: http://127.0.0.1:1/v1#x@2 }",
		"on: off\n1: 2\n":                   "{on@1: off@1 1@2: 2@2 }",
	} {
		n, err := yamlfile.Parse("f.yaml", "a file", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := dump(n); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// TestErrors: every error is one line that begins with the file, and shows no
// value: all of them are "hush" here.
func TestErrors(t *testing.T) {
	for text, says := range map[string]string{
		"a: 1\nb: hush\na: hush\n":                    `f.yaml:3: mapping key "a" already defined`,
		"a: [hush\n":                                  "f.yaml:1: ",
		"a: &x hush\n":                                "f.yaml:1: anchors",
		"a: *hush\n":                                  "f.yaml:1: ",
		"a: !!str hush\n":                             "f.yaml:1: tags",
		"x: {a: 1}\ny:\n  <<: {b: hush}\n":            "f.yaml:3: ",
		"? [a, hush]\n: 1\n":                          "f.yaml:2: ",
		"a: hush\n---\nb: hush\n":                     "a second document",
		"a: \"hush":                                   "f.yaml:1: ",
		"\tb: hush":                                   "f.yaml:1: ",
		strings.Repeat("[", 100_000) + "hush":         "f.yaml: not a file in YAML",
		strings.Repeat("- ", 500_000) + "hush\n":      "f.yaml: not a file in YAML",
		strings.Repeat("- ", 250) + "hush\n":          "f.yaml: not a file in YAML",
		strings.Repeat("{a: ", 100_000) + "hush":      "f.yaml: not a file in YAML",
		strings.Repeat("? ", 100_000) + "hush":        "f.yaml: not a file in YAML",
		"# , '\na: " + strings.Repeat("[", 100_000):   "f.yaml: not a file in YAML",
		"b: |\n  - '\na: " + strings.Repeat("[", 300): "f.yaml: not a file in YAML",
		strings.Repeat("- [ - [", 100_000) + "hush":   "f.yaml: not a file in YAML",
	} {
		_, err := yamlfile.Parse("f.yaml", "a file", []byte(text))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: got %v, want %q", text, err, says)
			continue
		}
		if s := err.Error(); strings.Contains(s, "hush") || strings.Contains(s, "\n") || !strings.HasPrefix(s, "f.yaml:") {
			t.Errorf("%.40q: the error shows too much: %s", text, s)
		}
	}
}

// TestBracketsInTexts: only what the parser would go down into counts as
// nesting.
func TestBracketsInTexts(t *testing.T) {
	deep := strings.Repeat("[", 300)
	for _, text := range []string{
		"a: '" + deep + "'\n", `a: "\"` + deep + `"`, "a: |\n  " + deep + "\n", "a: 1 # " + deep + "\n", "a: it's " + deep + "\n",
		"a:\n" + strings.Repeat("-\n", 300), "a: [" + strings.Repeat("[x], ", 300) + "]\n",
	} {
		if _, err := yamlfile.Parse("f.yaml", "a file", []byte(text)); err != nil {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	var into struct {
		A string `yaml:"a"`
	}
	if err := yamlfile.Decode("f.yaml", "a file", nil, &into); err != nil {
		t.Errorf("an empty file: %+v, %v", into, err)
	}
	if err := yamlfile.Decode("f.yaml", "a file", []byte("a: x\n"), &into); err != nil || into.A != "x" {
		t.Errorf("%+v, %v", into, err)
	}
	err := yamlfile.Decode("f.yaml", "a file", []byte("a: x\nb: hush\n"), &into)
	if err == nil || err.Error() != `f.yaml:2: unknown field "b"` {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, _, err := yamlfile.Read(path, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, _, err := yamlfile.Read(path, 4); err == nil || !strings.Contains(err.Error(), "larger than 4 bytes") {
		t.Errorf("a large file: %v", err)
	}
	if _, _, err := yamlfile.Read(path+"x", 4); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzParse: no text panics or hangs, errors name the file on one line, and
// what is read has lines of the text and no key twice.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1\nb: [x, {c: d}]\n", "a: |\n  x\n", "- - - a\n", "? a\n: b\n", "a: &x 1\nb: *x\n", "%YAML 1.2\n---\na\n...\n", "a: \"\\u00", "<<: {a: 1}\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := yamlfile.Parse("f.yaml", "a file", []byte(text))
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "f.yaml") || n != nil {
				t.Fatalf("error %q with %v", s, n)
			}
			return
		}
		check(t, n, strings.Count(text, "\n")+strings.Count(text, "\r")+1)
	})
}

func check(t *testing.T, n *yamlfile.Node, lines int) {
	if n.Line < 1 || n.Line > lines {
		t.Fatalf("line %d of %d: %s", n.Line, lines, dump(n))
	}
	for _, item := range n.Items {
		check(t, item, lines)
	}
	seen := map[string]bool{}
	for _, m := range n.Members {
		if seen[m.Key] {
			t.Fatalf("the key %q twice", m.Key)
		}
		seen[m.Key] = true
		check(t, m.Value, lines)
	}
}
