package document

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// check shows that an item is true. An item begins with the words in item; of
// code it is the title.
type check struct {
	item string
	run  func(p *probe, i Item)
}

// checks lie beside each other by the sections of the document.
func checks() []check {
	var all []check
	for _, list := range [][]check{overview, synchronous, streaming, asynchronous, conversational, constructed, tables, pattern} {
		all = append(all, list...)
	}
	return all
}

// TestDocument holds the document to its checks, and prints what they did. With
// OUTCROP_DOCUMENT_REPORT it writes the walk to that file.
func TestDocument(t *testing.T) {
	items, all := document(t), checks()
	used := make([]bool, len(all))
	walk := make([]string, len(items))
	shown := 0
	for n, i := range items {
		var found *check
		for c := range all {
			// A check serves one item, so that twins need one each.
			if !used[c] && strings.HasPrefix(strings.TrimLeft(i.Title(), "| "), all[c].item) {
				used[c], found = true, &all[c]
				break
			}
		}
		if found == nil {
			t.Errorf("%s:%d: no check shows that this is true: %s", file, i.Line, i.Title())
			continue
		}
		t.Run(fmt.Sprintf("%03d %s", i.Line, i.Kind), func(t *testing.T) {
			p := &probe{T: t, dir: t.TempDir()}
			result := "not shown"
			defer func() {
				if t.Skipped() {
					result = "skipped"
				}
				walk[n] = fmt.Sprintf("%s:%d %s [%s] %s\n%s\n", "document.md", i.Line, result, i.Kind, i.Title(), strings.Join(p.log, "\n"))
				t.Log(walk[n])
			}()
			found.run(p, i)
			if p.runs == 0 || p.held == 0 {
				t.Errorf("the check ran %d things and asserted %d", p.runs, p.held)
			}
			if !t.Failed() {
				result = "ok"
				shown++
			}
		})
	}
	for c := range all {
		if !used[c] {
			t.Errorf("the check %q belongs to no item", all[c].item)
		}
	}
	sum := fmt.Sprintf("%d of %d items shown: %d %%\n", shown, len(items), 100*shown/len(items))
	t.Log(sum)
	if report := os.Getenv("OUTCROP_DOCUMENT_REPORT"); report != "" {
		if err := os.WriteFile(report, []byte(strings.Join(walk, "\n")+"\n"+sum), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// TestPractices: docs/practices.md has a row for each best practice, with the
// line of its test.
func TestPractices(t *testing.T) {
	page, err := os.ReadFile("../../docs/practices.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range document(t) {
		if i.Kind != Practice {
			continue
		}
		name, _, _ := strings.Cut(i.Title(), " - ")
		found := false
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "| "+name+" |") && strings.HasSuffix(line, fmt.Sprintf("| %03d |\n", i.Line)) {
				found = true
			}
		}
		if !found {
			t.Errorf("no row for line %d: %s", i.Line, name)
		}
	}
}
