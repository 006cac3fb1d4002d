package document

import (
	"os"
	"testing"
)

const file = "testdata/document.md"

func document(t *testing.T) []Item {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Read(string(text))
}

// TestRead counts what a reader of the document counts by hand.
func TestRead(t *testing.T) {
	got := map[Kind]int{}
	for _, i := range document(t) {
		got[i.Kind]++
	}
	for kind, want := range map[Kind]int{
		Method: 5, When: 20, Quota: 4 + 4 + 4 + 3 + 3, Practice: 20, Row: 10, Code: 5 + 3 + 1, Paragraph: 2 + 1 + 5 + 1 + 2,
	} {
		if got[kind] != want {
			t.Errorf("%d items of kind %s, want %d", got[kind], kind, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("---\na\n---\n## S\n- x\n```sh\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, i := range Read(text) {
			if i.Line < 1 || i.Kind == "" {
				t.Errorf("%+v", i)
			}
			_ = i.Title()
		}
	})
}
