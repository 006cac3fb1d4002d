package document

import (
	"regexp"
	"strings"
)

// Kind tells what an item is.
type Kind string

// The kinds of items.
const (
	Paragraph Kind = "text"
	Method    Kind = "method"   // of the overview's list
	When      Kind = "when"     // "When to Use"
	Quota     Kind = "quota"    // "Quota Considerations"
	Practice  Kind = "practice" // "Best Practices"
	Row       Kind = "row"      // of a table
	Code      Kind = "code"
)

// Item is one statement of the document.
type Item struct {
	Kind     Kind
	Section  string // the second-level heading
	Line     int    // from 1
	Language string // of code
	Text     string // without its bullet or number; a row with its bars
}

// Title is the item in one line.
func (i *Item) Title() string {
	if i.Kind != Code {
		return strings.ReplaceAll(i.Text, "**", "")
	}
	return i.Language + ": " + strings.TrimSpace(named.FindString(i.Text))
}

var (
	named    = regexp.MustCompile(`(?m)^(def|class|aws) [\w-]+( [\w-]+)?`)
	numbered = regexp.MustCompile(`^\d+\. `)
	rule     = regexp.MustCompile(`^\|[-| ]+\|$`)
)

// Read takes a document apart, in its order. Headings and the front matter are
// no items.
func Read(text string) []Item {
	r := reader{kinds: map[string]Kind{
		"When to Use": When, "Quota Considerations": Quota, "Best Practices": Practice, "Overview of Inference Methods": Method,
	}}
	lines := strings.Split(text, "\n")
	for n := r.body(lines); n < len(lines); n++ {
		n = r.line(lines, n)
	}
	return r.items
}

type reader struct {
	kinds      map[string]Kind
	section    string
	subsection string
	header     bool // the line before was no row
	items      []Item
}

// body is where the document begins, behind its front matter.
func (r *reader) body(lines []string) int {
	r.header = true
	if lines[0] != "---" {
		return 0
	}
	for n := 1; n < len(lines); n++ {
		if lines[n] == "---" {
			return n + 1
		}
	}
	return 0
}

// line reads the item that begins at a line and returns its last line.
func (r *reader) line(lines []string, n int) int {
	line := lines[n]
	row := strings.HasPrefix(line, "|")
	defer func() { r.header = !row }()
	switch {
	case strings.HasPrefix(line, "## "):
		r.section, r.subsection = line[3:], line[3:]
	case strings.HasPrefix(line, "### "):
		r.subsection = line[4:]
	case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
	case strings.HasPrefix(line, "```"):
		end := n + 1
		for end < len(lines) && lines[end] != "```" {
			end++
		}
		r.add(n, Item{Kind: Code, Language: line[3:], Text: strings.Join(lines[n+1:min(end, len(lines))], "\n") + "\n"})
		return end
	case row:
		if !r.header && !rule.MatchString(line) {
			r.add(n, Item{Kind: Row, Text: line})
		}
	case strings.HasPrefix(line, "- "):
		r.add(n, Item{Kind: r.kind(), Text: line[2:]})
	case numbered.MatchString(line):
		r.add(n, Item{Kind: r.kind(), Text: numbered.ReplaceAllString(line, "")})
	default:
		r.add(n, Item{Kind: Paragraph, Text: line})
	}
	return n
}

func (r *reader) kind() Kind {
	if k, ok := r.kinds[r.subsection]; ok {
		return k
	}
	return Paragraph
}

func (r *reader) add(n int, i Item) {
	i.Section, i.Line = r.section, n+1
	r.items = append(r.items, i)
}
