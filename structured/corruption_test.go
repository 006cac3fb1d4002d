package structured

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

// A corruption spoils the text of a document in one of the ways models do. It
// fixes before anything is read whether the document can be told from what is
// left; ok is false where the corruption does not apply to the document.
type corruption struct {
	name  string
	apply func(doc string, rng *rand.Rand) (text string, recoverable, ok bool)
}

// tokens splits exact JSON into its tokens, white space included.
func jsonTokens(doc string) []string {
	var out []string
	for i := 0; i < len(doc); {
		j := i + 1
		switch c := doc[i]; {
		case c == '"':
			for doc[j] != '"' {
				if doc[j] == '\\' {
					j++
				}
				j++
			}
			j++
		case strings.IndexByte(" \n\t\r", c) >= 0:
			for j < len(doc) && strings.IndexByte(" \n\t\r", doc[j]) >= 0 {
				j++
			}
		case strings.IndexByte("{}[],:", c) < 0:
			for j < len(doc) && strings.IndexByte("{}[],: \n\t\r", doc[j]) < 0 {
				j++
			}
		}
		out = append(out, doc[i:j])
		i = j
	}
	return out
}

// isKey tells whether token i is a member name.
func isKey(tokens []string, i int) bool {
	for j := i + 1; j < len(tokens); j++ {
		if strings.TrimSpace(tokens[j]) != "" {
			return tokens[j] == ":"
		}
	}
	return false
}

func mapTokens(doc string, f func(tokens []string, i int) string) string {
	tokens := jsonTokens(doc)
	var b strings.Builder
	for i := range tokens {
		b.WriteString(f(tokens, i))
	}
	return b.String()
}

func changed(doc, text string) (string, bool, bool) { return text, true, text != doc }

var corruptions []corruption

func init() { corruptions = allCorruptions }

var allCorruptions = []corruption{
	{"fence", func(doc string, rng *rand.Rand) (string, bool, bool) {
		return []string{"```json\n", "```\n", "```JSON\n"}[rng.IntN(3)] + doc + "\n```", true, true
	}},
	{"prose", func(doc string, rng *rand.Rand) (string, bool, bool) {
		before := []string{"Sure! Here is the JSON you asked for:\n\n", "Here's the result (as requested): ", "The answer is:\n"}[rng.IntN(3)]
		after := []string{"\n\nLet me know if you need anything else!", " I hope this helps.", "\n\nNote: I followed the schema."}[rng.IntN(3)]
		return before + doc + after, true, true
	}},
	{"reasoning", func(doc string, rng *rand.Rand) (string, bool, bool) {
		tag := []string{"think", "thinking", "reasoning"}[rng.IntN(3)]
		return "<" + tag + ">The user wants {something} like {\"a\": 1}. Let me see: [1, 2].\n</" + tag + ">\n" + doc, true, true
	}},
	{"trailing comma", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			before := ""
			for j := i - 1; j >= 0 && before == ""; j-- {
				before = strings.TrimSpace(tokens[j])
			}
			if (tokens[i] == "}" || tokens[i] == "]") && before != "{" && before != "[" {
				return "," + tokens[i]
			}
			return tokens[i]
		}))
	}},
	{"single quotes", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			return pythonString(tokens[i])
		}))
	}},
	{"unquoted names", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			t := tokens[i]
			if t[0] == '"' && isKey(tokens, i) && isIdentifier(t[1:len(t)-1]) {
				return t[1 : len(t)-1]
			}
			return t
		}))
	}},
	{"missing comma", func(doc string, rng *rand.Rand) (string, bool, bool) {
		tokens := jsonTokens(doc)
		var commas []int
		for i, t := range tokens {
			// Between numbers a comma cannot be missed without joining them, so
			// a line end takes its place, as where models forget it.
			if t == "," {
				commas = append(commas, i)
			}
		}
		if len(commas) == 0 {
			return "", false, false
		}
		tokens[commas[rng.IntN(len(commas))]] = "\n"
		return strings.Join(tokens, ""), true, true
	}},
	{"closers cut off", func(doc string, rng *rand.Rand) (string, bool, bool) {
		closers := len(doc) - len(strings.TrimRight(doc, "}] \n"))
		if closers == 0 || strings.HasSuffix(doc[:len(doc)-closers], ",") {
			return "", false, false
		}
		text := doc[:len(doc)-1-rng.IntN(closers)]
		last := strings.TrimRight(text, " \n")
		// A number at the very end may have had more digits.
		ends := last[len(last)-1]
		return text, strings.IndexByte(`"}]el`, ends) >= 0 && !strings.HasSuffix(last, ":"), true
	}},
	{"cut off", func(doc string, rng *rand.Rand) (string, bool, bool) {
		return doc[:1+rng.IntN(len(doc)-1)], false, true
	}},
	{"Python literals", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			switch tokens[i] {
			case "true":
				return "True"
			case "false":
				return "False"
			case "null":
				return "None"
			}
			return tokens[i]
		}))
	}},
	{"comments", func(doc string, rng *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			if (tokens[i] == "," || tokens[i] == "{") && rng.IntN(2) == 0 {
				return tokens[i] + []string{" // what's this: {}\n", " /* a \"comment\" */ ", " # note\n"}[rng.IntN(3)]
			}
			return tokens[i]
		}))
	}},
	{"smart quotes", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			t := tokens[i]
			if t[0] == '"' && !strings.ContainsAny(t, "“”\\") {
				return "“" + t[1:len(t)-1] + "”"
			}
			return t
		}))
	}},
	{"raw control characters", func(doc string, _ *rand.Rand) (string, bool, bool) {
		// Line ends and tabs stand for spaces in the strings; wanted below makes
		// the same change with escapes.
		return changed(doc, mapTokens(doc, func(tokens []string, i int) string {
			if tokens[i][0] == '"' && !isKey(tokens, i) {
				return strings.NewReplacer(" ", "\n", "-", "\t").Replace(tokens[i])
			}
			return tokens[i]
		}))
	}},
	{"apostrophes not escaped", func(doc string, _ *rand.Rand) (string, bool, bool) {
		text := mapTokens(doc, func(tokens []string, i int) string {
			if t := tokens[i]; t[0] == '"' {
				return "'" + strings.ReplaceAll(t[1:len(t)-1], `\"`, `"`) + "'"
			}
			return tokens[i]
		})
		return text, !loneQuote.MatchString(doc), strings.Contains(doc, "'")
	}},
	{"quotes not escaped", func(doc string, _ *rand.Rand) (string, bool, bool) {
		return strings.ReplaceAll(doc, `\"`, `"`), !strings.ContainsAny(strings.ReplaceAll(doc, `\"`, "\x00"), "\x00\\"), strings.Contains(doc, `\"`)
	}},
	{"all quotes escaped", func(doc string, _ *rand.Rand) (string, bool, bool) {
		quoted, err := json.Marshal(doc)
		return string(quoted[1 : len(quoted)-1]), true, err == nil
	}},
	{"several at once", func(doc string, rng *rand.Rand) (string, bool, bool) {
		text := doc
		for _, name := range []string{"Python literals", "trailing comma", "unquoted names", "single quotes", "fence", "prose", "reasoning"} {
			for _, c := range corruptions {
				if c.name != name || rng.IntN(2) == 0 {
					continue
				}
				if next, _, ok := c.apply(text, rng); ok {
					text = next
				}
			}
		}
		return changed(doc, text)
	}},
	{"given twice", func(doc string, rng *rand.Rand) (string, bool, bool) {
		return doc + []string{"\n", "\n\nOr, once more:\n\n", ""}[rng.IntN(3)] + doc, true, true
	}},
	{"two meanings", func(doc string, rng *rand.Rand) (string, bool, bool) {
		// Another value of the same shape: no reader can know which is meant.
		done := false
		other := mapTokens(doc, func(tokens []string, i int) string {
			t := tokens[i]
			if !done && t[0] == '"' && !isKey(tokens, i) && len(t) > 4 {
				done = true
				return t[:len(t)-1] + `x"`
			}
			return t
		})
		return doc + "\nor perhaps\n" + other, false, done
	}},
}

// wanted returns the value that a corrupted document is to be read as.
func wanted(c corruption, d document) any {
	if c.name != "raw control characters" {
		return d.value
	}
	v, err := parseExact(mapTokens(d.text, func(tokens []string, i int) string {
		if tokens[i][0] == '"' && !isKey(tokens, i) {
			return strings.NewReplacer(" ", `\n`, "-", `\t`).Replace(tokens[i])
		}
		return tokens[i]
	}), defaultMaxDepth)
	if err != nil {
		return d.value
	}
	return v
}

// loneQuote is an apostrophe that is not inside a word: no reader can tell it
// from the end of a string.
var loneQuote = regexp.MustCompile(`[^a-zA-Z]'|'[^a-zA-Z]`)

func isIdentifier(s string) bool {
	if s == "" {
		return false
	}
	for i, c := range s {
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

// pythonString writes a JSON string as Python's repr does.
func pythonString(token string) string {
	if token[0] != '"' {
		return token
	}
	var s string
	if err := json.Unmarshal([]byte(token), &s); err != nil {
		return token
	}
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var b strings.Builder
	b.WriteString(quote)
	for _, c := range s {
		switch {
		case string(c) == quote || c == '\\':
			b.WriteRune('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		default:
			b.WriteRune(c)
		}
	}
	return b.String() + quote
}

// document is a valid value of a schema, with its text.
type document struct {
	name   string
	schema *Schema
	value  any
	text   string
}

// suiteDocuments returns the suite's valid objects and arrays, every second
// one indented, and made instances of schemas that came without any.
func suiteDocuments(tb testing.TB) []document {
	var docs []document
	for _, c := range maskbench.Load(tb) {
		s, err := Compile(c.Schema)
		if err != nil {
			continue
		}
		var values []any
		for _, in := range c.Tests {
			if in.Valid {
				v, err := parseExact(string(in.Data), defaultMaxDepth)
				if err == nil {
					values = append(values, v)
				}
			}
		}
		if len(values) == 0 {
			if v, err := s.Instance(Hints{}, 7); err == nil {
				values = append(values, v)
			}
		}
		for i, v := range values {
			switch v.(type) {
			case map[string]any, []any:
			default:
				continue
			}
			text := string(s.Encode(v))
			if len(docs)%2 == 1 {
				var b bytes.Buffer
				if json.Indent(&b, []byte(text), "", "  ") == nil {
					text = b.String()
				}
			}
			docs = append(docs, document{fmt.Sprintf("%s/%d", c.Name, i), s, v, text})
		}
	}
	return docs
}

func TestCorruptedDocuments(t *testing.T) {
	docs := suiteDocuments(t)
	if maskbench.Long() && len(docs) < 500 {
		t.Fatalf("only %d documents", len(docs))
	}
	total, restored, silent, recoverable, all := 0, 0, 0, 0, 0
	for k, c := range corruptions {
		n, ok, wrong, hopeless, refused := 0, 0, 0, 0, 0
		for i, d := range docs {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			text, canBe, applies := c.apply(d.text, rng)
			if !applies {
				continue
			}
			all++
			reading, err := d.schema.Read(text)
			good := err == nil && equalValues(reading.Value, wanted(c, d))
			if err == nil && !reading.Truncated && !good {
				wrong++
				t.Logf("%s, %s: silently wrong: %.300q became %.200s", c.name, d.name, text, plainJSON(reading.Value))
			}
			if !canBe {
				hopeless++
				if err != nil || reading.Truncated {
					refused++
				}
				continue
			}
			n++
			if good {
				ok++
			} else {
				t.Logf("%s, %s: not restored: %v: %.400q", c.name, d.name, err, text)
			}
		}
		t.Logf("%-24s %5d recoverable, %5d restored; %5d not recoverable, %5d refused or marked; %d silently wrong", c.name, n, ok, hopeless, refused, wrong)
		total += n
		restored += ok
		silent += wrong
		recoverable += n
	}
	t.Logf("in all %d texts, %d recoverable, %d restored exactly (%.2f %%), %d silently wrong (%.3f %%)",
		all, total, restored, 100*float64(restored)/float64(total), silent, 100*float64(silent)/float64(all))
	if restored*100 < total*99 {
		t.Errorf("restored %d of %d", restored, total)
	}
	if silent*1000 > all {
		t.Errorf("%d of %d silently wrong", silent, all)
	}
}
