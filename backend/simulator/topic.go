package simulator

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// topic is what a prompt seems to be about: a phrase of it, and single words
// that carry meaning. Its strings are parts of the prompt; an array holds
// them, so that finding a topic allocates nothing.
type topic struct {
	phrase string
	words  [maxKeywords]string
	n      int
	asked  askedLength // how long the answer is to be
}

const (
	maxKeywords   = 12
	maxTopicText  = 4 << 10 // bytes of the prompt that are looked at
	maxPhrase     = 5       // words
	maxPhraseText = 60      // bytes
)

// stopWords carry no topic: function words, and the verbs and nouns in which
// requests are put.
var stopWords = wordSet(`a about above after again against ago all almost alone along already also although always am among an
	and another any anyone anything are around as ask asked at away back be became because become been before behind being below
	best better between both but by call came can cannot come could did do does doing done down during each either else enough even
	ever every everyone everything exactly few first for found from full further gave get give given gives go goes going gone got had
	has have having he help her here hers herself him himself his how however i if in instead into is it its itself just keep kind
	know last later least less let like likely made make makes making many may maybe me mean might mine more most much must my myself
	near need never next no none nor not nothing now of off often on once one only onto or other others our ours ourselves out over
	own part per please put quite rather really right said same say see seem seen several shall she should show since so some someone
	something sometimes soon still such take tell than thank thanks that the their theirs them themselves then there therefore these
	they thing things think this those though through thus to together too toward two under until up upon us use used uses using very
	want was way we well were what whatever when where whether which while who whole whom whose why will with within without would
	yes yet you your yours yourself answer answers briefly create describe detail detailed discuss essay example examples explain
	explanation extract find following format generate great hello hey hi json list long output outline paragraph paragraphs poem
	produce provide question questions reply report respond response return sentence sentences short simple small story summarise
	summarize summary text write word words talk good piece new`)

// lowerWords is a set of words in lower case, at most maxWord bytes long. It
// keeps those of up to eight bytes as numbers, in a table of twice their
// number or more, since each word of a prompt is looked up.
type lowerWords struct {
	short [1024]uint64 // 0 is free; a word stands at its place, or on the next free one
	long  map[string]struct{}
}

func wordSet(words string) *lowerWords {
	set := &lowerWords{long: map[string]struct{}{}}
	for word := range strings.FieldsSeq(words) {
		if len(word) > 8 {
			set.long[word] = struct{}{}
			continue
		}
		number := lowerNumber(word)
		set.short[set.place(number)] = number
	}
	return set
}

// has looks a word up, whatever the case of its ASCII letters.
func (s *lowerWords) has(word string) bool {
	if len(word) <= 8 {
		number := lowerNumber(word)
		return s.short[s.place(number)] == number
	}
	if len(word) > maxWord {
		return false
	}
	var low [maxWord]byte
	for i := range len(word) {
		low[i] = word[i] | 0x20
	}
	_, ok := s.long[string(low[:len(word)])]
	return ok
}

// lowerNumber is a word of up to eight bytes as a number, in lower case: of
// what words are made of, the bit sets capitals apart, and nothing that it
// changes besides becomes a letter.
func lowerNumber(word string) (number uint64) {
	for i := range len(word) {
		number |= uint64(word[i]|0x20) << (8 * i)
	}
	return number
}

// place is where a short word stands, or would stand. It comes to an end as
// long as the table is not full.
func (s *lowerWords) place(number uint64) int {
	const free, golden = 0, 0x9e3779b97f4a7c15
	for i := int(number * golden >> (64 - 10)); ; i++ { // the table has 1<<10 places
		i %= len(s.short)
		if s.short[i] == number || s.short[i] == free {
			return i
		}
	}
}

// read finds a prompt's topic. The phrase is the longest run of words with
// meaning, the earlier of equals.
func (t *topic) read(text string) {
	if len(text) > maxTopicText {
		text = text[:maxTopicText]
	}
	start, end, run, best := 0, 0, 0, 0
	for word, at := range words(text) {
		t.asked.next(word)
		meaning := carries(word)
		if meaning {
			t.add(word)
		}
		// A run goes on over a single space only.
		if !meaning || run == 0 || at-end != 1 || text[end] != ' ' {
			run = 0
		}
		if !meaning {
			continue
		}
		if run == 0 {
			start = at
		}
		run++
		end = at + len(word)
		if run > best && run <= maxPhrase && end-start <= maxPhraseText {
			best, t.phrase = run, text[start:end]
		}
	}
}

func (t *topic) add(word string) {
	if t.n == maxKeywords {
		return
	}
	for i := range t.n {
		if len(t.words[i]) == len(word) && strings.EqualFold(t.words[i], word) {
			return
		}
	}
	t.words[t.n] = word
	t.n++
}

// words yields the words of a text and where each begins.
func words(text string) func(yield func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for at, end := nextWord(text, 0); at < end; at, end = nextWord(text, end) {
			if !yield(text[at:end], at) {
				return
			}
		}
	}
}

// nextWord finds where the next word of a text begins, from i on, and where it
// ends: letters, digits, and the apostrophes and hyphens between them. It is
// empty at the end of the text.
func nextWord(text string, i int) (start, end int) {
	for i < len(text) && !wordByte[text[i]] {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(text[i:]); inWord(r) {
				break
			}
		}
		i += size
	}
	start = i
	for i < len(text) {
		if wordByte[text[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !inWord(r) && (r != '-' && r != '\'' && r != '’' || !letterAt(text, i+size)) {
			break
		}
		i += size
	}
	return start, i
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return wordByte[r]
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

// wordByte marks the ASCII letters and digits, and the underscore.
var wordByte = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
	}
	return table
}()

func letterAt(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[i:])
	return inWord(r)
}

// maxWord keeps hashes and encoded data out of sentences.
const maxWord = 32

// carries tells whether a word says something about a topic.
func carries(word string) bool {
	if len(word) > maxWord || len(word) < 3 && word[0] < utf8.RuneSelf {
		return false
	}
	if c := word[0]; c >= '0' && c <= '9' {
		return false
	}
	// No apostrophe: don't, what's.
	return !stopWords.has(word) && strings.IndexByte(word, '\'') < 0
}
