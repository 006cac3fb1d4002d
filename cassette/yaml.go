package cassette

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The files are YAML of a narrow kind, which needs no library and leaves no
// doubt: members in lines, two spaces for each level, values that are plain
// words, strings in JSON's form, or texts in literal blocks.
//
//	request:
//	  operation: Converse
//	  body: |
//	    {
//	      "messages": []
//	    }

// member is a line of a file: a name with a value, or with members under it.
type member struct {
	name    string
	value   string
	members []member // nil for a value
}

// appendMembers writes members, those without a value left out.
func appendMembers(dst []byte, members []member, depth int) []byte {
	indent := strings.Repeat("  ", depth)
	for _, m := range members {
		switch {
		case len(m.members) > 0:
			dst = append(dst, indent+word(m.name)+":\n"...)
			dst = appendMembers(dst, m.members, depth+1)
		case m.value == "":
		case isBlock(m.value):
			dst = append(dst, indent+word(m.name)+": |\n"...)
			for line := range strings.Lines(m.value) {
				dst = append(dst, indent+"  "+line...)
			}
		default:
			dst = append(dst, indent+word(m.name)+": "+word(m.value)+"\n"...)
		}
	}
	return dst
}

// isBlock tells whether a text can be a literal block: lines that are not
// empty, end with a line break, and hold what every editor shows.
func isBlock(text string) bool {
	if !strings.HasSuffix(text, "\n") || strings.HasPrefix(text, " ") || strings.Contains(text, "\n\n") || strings.HasPrefix(text, "\n") {
		return false
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

// word is a text as a plain word, when it cannot be taken for anything else,
// or as a string in JSON's form, which is YAML's as well.
func word(text string) string {
	if isPlain(text) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // cannot be: json.Marshal takes every string
	}
	return string(quoted)
}

// isPlain admits what begins with a letter and is no word that YAML knows, and
// durations, whose unit makes them no numbers.
func isPlain(text string) bool {
	if text == "" || !unicode.IsLetter(rune(text[0])) || text[0] >= utf8.RuneSelf || strings.HasSuffix(text, ":") {
		return false
	}
	if slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return text == "true"
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r > '~' || r != '-' && r != '.' && r != '_' && r != '/' && r != ':' && r != '+' &&
			!unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// parser reads such a file line by line.
type parser struct {
	lines []string
	at    int // the next line, from 0
}

// maxDepth is how many levels a file has at the most.
const maxDepth = 4

// parse reads a file's members.
func parse(text []byte) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	p := &parser{lines: strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")}
	members, err := p.members(0)
	if err == nil && p.at < len(p.lines) {
		err = errors.New("it is indented further than the line above allows")
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", min(p.at+1, len(p.lines)), err)
	}
	return members, nil
}

// members reads the lines of one level. A line of comment, and an empty one,
// is passed over between members.
func (p *parser) members(depth int) ([]member, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deep")
	}
	indent := strings.Repeat("  ", depth)
	var list []member
	for ; p.at < len(p.lines); p.at++ {
		line, ok := strings.CutPrefix(p.lines[p.at], indent)
		if strings.TrimSpace(p.lines[p.at]) == "" || strings.HasPrefix(strings.TrimSpace(p.lines[p.at]), "#") {
			continue
		}
		if !ok || strings.HasPrefix(line, " ") {
			break
		}
		m, err := p.member(line, depth)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(other member) bool { return other.name == m.name }) {
			return nil, fmt.Errorf("%.64q is there twice", m.name)
		}
		list = append(list, m)
	}
	return list, nil
}

// member reads a line, and the lines that belong to it. It leaves the parser
// at the last of them.
func (p *parser) member(line string, depth int) (member, error) {
	name, rest, err := splitName(line)
	if err != nil {
		return member{}, err
	}
	m := member{name: name}
	switch rest = strings.TrimSpace(rest); {
	case rest == "|":
		m.value = p.block(strings.Repeat("  ", depth+1))
	case rest == "":
		p.at++
		m.members, err = p.members(depth + 1)
		if err != nil {
			return m, err
		}
		p.at--
	case rest[0] == '"':
		if json.Unmarshal([]byte(rest), &m.value) != nil {
			return m, errors.New("the string is not in JSON's form")
		}
	case strings.ContainsAny(rest[:1], "'{[>|&*!%@`-?") || strings.Contains(rest, " #") || strings.Contains(rest, ": "):
		return m, errors.New("the value has to be a plain word, a string in double quotes, or a block after |")
	default:
		m.value = rest
	}
	return m, nil
}

// splitName takes the name off a line.
func splitName(line string) (name, rest string, err error) {
	if strings.HasPrefix(line, `"`) {
		decoder := json.NewDecoder(strings.NewReader(line))
		if err := decoder.Decode(&name); err != nil {
			return "", "", errors.New("the name is not a string in JSON's form")
		}
		rest, ok := strings.CutPrefix(line[decoder.InputOffset():], ":")
		if !ok {
			return "", "", errors.New("a name has to be followed by a colon")
		}
		return name, rest, nil
	}
	name, rest, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t'{[") || rest != "" && rest[0] != ' ' {
		return "", "", errors.New("it has to be a name, a colon and a value")
	}
	return name, rest, nil
}

// block reads the lines of a literal block.
func (p *parser) block(indent string) string {
	var b strings.Builder
	for p.at+1 < len(p.lines) {
		line, ok := strings.CutPrefix(p.lines[p.at+1], indent)
		if !ok {
			break
		}
		b.WriteString(line)
		b.WriteByte('\n')
		p.at++
	}
	return b.String()
}
