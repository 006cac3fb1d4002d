package awscli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/jmespath-community/go-jmespath"
)

// CheckOutput refuses a --output or a --query before anybody is asked.
func CheckOutput(output, query string) error {
	switch output {
	case "", "json", "text", "table", "yaml", "off":
	default:
		return fmt.Errorf("--output: %q is none of json, text, table, yaml, off", output)
	}
	if query == "" {
		return nil
	}
	if _, err := jmespath.Compile(query); err != nil {
		return fmt.Errorf("--query: %w", err)
	}
	return nil
}

// Write prints a reply's JSON as the AWS CLI does: in the format of --output
// and cut down by the JMESPath expression of --query. Both may be empty. An
// empty reply prints nothing.
func Write(w io.Writer, reply []byte, output, query string) error {
	if len(bytes.TrimSpace(reply)) == 0 || string(bytes.TrimSpace(reply)) == "{}" || output == "off" {
		return nil
	}
	if query == "" && (output == "" || output == "json") {
		var b bytes.Buffer // as it came, so that members keep their order
		if err := json.Indent(&b, reply, "", "    "); err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err := w.Write(b.Bytes())
		return err
	}
	var value any
	if err := json.Unmarshal(reply, &value); err != nil {
		return err
	}
	if query != "" {
		var err error
		if value, err = jmespath.Search(query, value); err != nil {
			return fmt.Errorf("--query: %w", err)
		}
	}
	var text string
	switch output {
	case "text":
		text = asText(value)
	case "table":
		text = asTable(value)
	case "yaml":
		b, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		text = string(b)
	default:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "    ")
		if err := e.Encode(value); err != nil {
			return err
		}
		text = b.String()
	}
	_, err := io.WriteString(w, text)
	return err
}

// asText is a value as lines of words between tabs: a structure's plain values
// in the order of their names on one line, then what lies in it, each line
// beginning with its name in capitals.
func asText(value any) string {
	var b strings.Builder
	writeText(&b, "", value)
	return b.String()
}

func writeText(b *strings.Builder, name string, value any) {
	line := func(words []string) {
		if name != "" {
			words = append([]string{strings.ToUpper(name)}, words...)
		}
		b.WriteString(strings.Join(words, "\t") + "\n")
	}
	switch value := value.(type) {
	case map[string]any:
		var words []string
		for _, k := range sortedNames(value) {
			if plain(value[k]) {
				words = append(words, plainText(value[k]))
			}
		}
		if len(words) > 0 {
			line(words)
		}
		for _, k := range sortedNames(value) {
			if !plain(value[k]) {
				writeText(b, k, value[k])
			}
		}
	case []any:
		if !slices.ContainsFunc(value, func(v any) bool { return !plain(v) }) {
			var words []string
			for _, v := range value {
				words = append(words, plainText(v))
			}
			if len(words) > 0 {
				line(words)
			}
			return
		}
		for _, v := range value {
			writeText(b, name, v)
		}
	default:
		line([]string{plainText(value)})
	}
}

func sortedNames(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func plain(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case float64:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	}
	return fmt.Sprint(v)
}

// asTable is a value as boxes: a list of structures as one with a column for
// each plain member, a structure as one of two columns.
func asTable(value any) string {
	var b strings.Builder
	writeTable(&b, "", value)
	return b.String()
}

func writeTable(b *strings.Builder, title string, value any) {
	type inner struct {
		name  string
		value any
	}
	var rows [][]string
	var below []inner
	switch value := value.(type) {
	case map[string]any:
		for _, k := range sortedNames(value) {
			if plain(value[k]) {
				rows = append(rows, []string{k, plainText(value[k])})
			} else {
				below = append(below, inner{k, value[k]})
			}
		}
	case []any:
		var columns []string
		for _, v := range value {
			if m, ok := v.(map[string]any); ok {
				for k := range m {
					if plain(m[k]) && !slices.Contains(columns, k) {
						columns = append(columns, k)
					}
				}
			}
		}
		slices.Sort(columns)
		if len(columns) > 0 {
			rows = append(rows, columns)
		}
		for _, v := range value {
			switch v := v.(type) {
			case map[string]any:
				row := make([]string, len(columns))
				for i, k := range columns {
					if cell, there := v[k]; there {
						row[i] = plainText(cell)
					}
				}
				rows = append(rows, row)
				for _, k := range sortedNames(v) {
					if !plain(v[k]) {
						below = append(below, inner{k, v[k]})
					}
				}
			case []any:
				below = append(below, inner{title, v})
			default:
				rows = append(rows, []string{plainText(v)})
			}
		}
	default:
		rows = [][]string{{plainText(value)}}
	}
	box(b, title, rows)
	for _, i := range below {
		writeTable(b, i.name, i.value)
	}
}

// box draws rows with a frame around them.
func box(b *strings.Builder, title string, rows [][]string) {
	rows = slices.DeleteFunc(rows, func(row []string) bool { return len(row) == 0 }) // of what has nothing plain
	if len(rows) == 0 {
		return
	}
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	widths := make([]int, columns)
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := "+"
	for _, w := range widths {
		rule += strings.Repeat("-", w+2) + "+"
	}
	if title != "" {
		b.WriteString(title + "\n")
	}
	b.WriteString(rule + "\n")
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
	}
	b.WriteString(rule + "\n")
}
