package structured

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Hints are what a prompt gives away about the value it asks for. The zero
// value holds none. A Hints may be used for any number of instances.
type Hints struct {
	pairs   []hintPair
	names   []string // capitalised phrases, such as "John Doe"
	numbers []json.Number
	texts   map[string][]string // by format: email, uri, date, ...
	prompt  string              // in lower case

	used map[string]bool // what one instance has taken already
}

type hintPair struct{ name, value string }

var (
	pairPattern   = regexp.MustCompile(`(?m)["']?\b([A-Za-z][A-Za-z0-9_ -]{0,40}?)["']?\s*(?::|=|\bis\b)\s*("[^"\n]*"|'[^'\n]*'|[^,;\n{}\[\]]{1,200})`)
	phrasePattern = regexp.MustCompile(`\b\p{Lu}[\p{L}'’.-]*(?:[ ]\p{Lu}[\p{L}'’.-]*)*`)
	numberPattern = regexp.MustCompile(`(?:^|[^\w.])(-?\d+(?:\.\d+)?)(?:[^\w.]|\.?$|\.\s|$)`)
	formatFinders = map[string]*regexp.Regexp{
		"email":     regexp.MustCompile(`[\w.+-]+@[\w-]+\.[\w.-]*\w`),
		"uri":       regexp.MustCompile(`https?://[^\s"'<>)]*[^\s"'<>).,;]`),
		"date-time": regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})`),
		"date":      regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b`),
		"uuid":      regexp.MustCompile(`\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`),
		"ipv4":      regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`),
	}
)

// maxHintText bounds how much of a prompt is looked at, in bytes.
const maxHintText = 16 << 10

// instructionWords begin sentences of a prompt and are nobody's name.
var instructionWords = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`a an the extract give make create return write generate produce describe list find
		tell what who when where how why please json xml text from and or if for with use this that these those here
		output answer question input example schema it he she they we you i is in on at to my his her their our`) {
		instructionWords[w] = true
	}
}

// HintsFrom looks through a prompt for pairs ("age: 42", "age is 42"), names,
// numbers, addresses and dates. It takes time linear in at most 16 KiB of the
// prompt; of a longer one the end counts, where the data usually stands.
func HintsFrom(prompt string) Hints {
	if len(prompt) > maxHintText {
		prompt = strings.ToValidUTF8(prompt[len(prompt)-maxHintText:], "")
	}
	h := Hints{texts: map[string][]string{}, prompt: strings.ToLower(prompt)}
	for _, m := range pairPattern.FindAllStringSubmatch(prompt, 256) {
		value := strings.TrimSpace(m[2])
		value = strings.TrimSuffix(strings.Trim(value, `"'`), ".")
		if value != "" {
			h.pairs = append(h.pairs, hintPair{plainName(m[1]), value})
		}
	}
	for _, phrase := range phrasePattern.FindAllString(prompt, 256) {
		for {
			first, rest, more := strings.Cut(phrase, " ")
			if !instructionWords[strings.ToLower(strings.Trim(first, ".'’"))] {
				break
			}
			if phrase = rest; !more {
				break
			}
		}
		if phrase = strings.TrimRight(phrase, ".'’-"); phrase != "" {
			h.names = append(h.names, phrase)
		}
	}
	for at := 0; at < len(prompt) && len(h.numbers) < 256; {
		m := numberPattern.FindStringSubmatchIndex(prompt[at:])
		if m == nil {
			break
		}
		if n := prompt[at+m[2] : at+m[3]]; numberLength(n) == len(n) {
			h.numbers = append(h.numbers, json.Number(n))
		}
		at += m[3]
	}
	for format, re := range formatFinders {
		h.texts[format] = re.FindAllString(prompt, 64)
	}
	return h
}

// fresh returns the hints with nothing taken yet.
func (h Hints) fresh() Hints {
	h.used = map[string]bool{}
	return h
}

func (h *Hints) take(key string) bool {
	if h.used == nil || h.used[key] {
		return false
	}
	h.used[key] = true
	return true
}

// plainName reduces a name to its letters and digits.
func plainName(name string) string {
	return strings.Join(words(name), "")
}

// pair returns the value a prompt gives for a member: the whole name, or its
// last word, or a pair whose name ends in it.
func (h *Hints) pair(name string) (string, bool) {
	plain := plainName(name)
	if plain == "" || len(h.pairs) == 0 {
		return "", false
	}
	for _, p := range h.pairs {
		if p.name == plain {
			return p.value, true
		}
	}
	for _, p := range h.pairs {
		if len(plain) > 2 && strings.HasSuffix(p.name, plain) {
			return p.value, true
		}
	}
	return "", false
}

// speaksOf tells whether the prompt has a pair for a member.
func (h *Hints) speaksOf(name string) bool {
	_, ok := h.pair(name)
	return ok
}

// number returns a number of the prompt that fits the member.
func (h *Hints) number(name string, fits func(*big.Rat) bool) (json.Number, bool) {
	usable := func(n json.Number) bool {
		r, ok := rational(n)
		return ok && fits(r)
	}
	if v, ok := h.pair(name); ok {
		first := strings.Trim(strings.SplitN(v, " ", 2)[0], "$€£%,")
		if n := json.Number(first); numberLength(first) == len(first) && first != "" && usable(n) {
			h.take("number " + first)
			return n, true
		}
	}
	for _, n := range h.numbers {
		if usable(n) && h.take("number "+string(n)) {
			return n, true
		}
	}
	return "", false
}

// boolean returns what the prompt says of a yes-or-no member.
func (h *Hints) boolean(name string) (value, ok bool) {
	v, ok := h.pair(name)
	if !ok {
		return false, false
	}
	switch strings.ToLower(v) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// mentions returns the index of the first value the prompt names.
func (h *Hints) mentions(name string, values []any) (int, bool) {
	if h.prompt == "" {
		return 0, false
	}
	given, _ := h.pair(name)
	best, at := -1, len(h.prompt)
	for i, v := range values {
		s, ok := v.(string)
		if !ok || s == "" {
			continue
		}
		if strings.EqualFold(s, given) {
			return i, true
		}
		if j := indexWord(h.prompt, strings.ToLower(s)); j >= 0 && j < at {
			best, at = i, j
		}
	}
	return best, best >= 0
}

// indexWord finds a word that is not part of a longer one.
func indexWord(text, word string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(word)
		if (i == 0 || !isWordByte(text[i-1])) && (end == len(text) || !isWordByte(text[end])) {
			return i
		}
		from = i + 1
	}
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// namingWords end the names of members that hold somebody's or something's
// name.
var namingWords = []string{"name", "person", "author", "user", "customer", "title", "city", "country", "location", "place", "company", "organization", "employee", "contact", "recipient", "sender"}

// text returns a text of the prompt that fits a string member.
func (h *Hints) text(name string, formats []string, fits func(string) bool) (string, bool) {
	if v, ok := h.pair(name); ok && fits(v) {
		h.take("name " + v)
		return v, true
	}
	for _, f := range formats {
		for _, v := range h.texts[f] {
			if fits(v) && h.take("text "+v) {
				return v, true
			}
		}
	}
	if len(formats) > 0 {
		return "", false
	}
	list := words(name)
	if len(list) == 0 {
		return "", false
	}
	last := list[len(list)-1]
	if found := h.texts[map[string]string{"email": "email", "mail": "email", "url": "uri", "link": "uri", "website": "uri", "date": "date"}[last]]; len(found) > 0 {
		for _, v := range found {
			if fits(v) && h.take("text "+v) {
				return v, true
			}
		}
	}
	if !slices.Contains(namingWords, last) {
		return "", false
	}
	for _, v := range h.names {
		part := v
		if given, family, ok := strings.Cut(v, " "); ok && len(list) > 1 {
			switch list[0] {
			case "first", "given":
				part = given
			case "last", "family":
				part = family
			}
		}
		if fits(part) && (part != v || h.take("name "+v)) {
			return part, true
		}
	}
	return "", false
}
