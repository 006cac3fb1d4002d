package simulator

import (
	"strings"

	"github.com/outcrop-ai/outcrop/tokens"
)

// Templates of sentences. %T stands for the topic's phrase, %A and %B for two
// of its words, which may be of any kind: so they stand where any word can,
// as the name of a subject, after a space and before a space or a sign. None of
// them claims a fact.
var (
	openings = templates(
		"The subject of %T is best taken one step at a time.",
		"Here is a short overview of %T.",
		"To understand %T, it helps to begin with what the question is for.",
		"There are several sides to %T, and they are worth keeping apart.",
		"When it comes to %T, a clear definition is the place to start.",
		"A useful way into %T is to look at one concrete case.",
		"The main idea behind %T can be put in a few sentences.",
		"Before going into the details of %T, the outline matters most.",
	)
	bodies = templates(
		"The part about %A comes first, because the rest depends on it.",
		"It is easy to mix up %A with %B, although the two call for different steps.",
		"A closer look at %A shows where %B comes in.",
		"In practice, %A is where most of the work lies.",
		"What matters about %A is how it changes over time.",
		"The link between %A and %B is often overlooked.",
		"One way to test this is to leave %A out and see what remains.",
		"For %A, a small example says more than a long list.",
		"With %B in view, the role of %A becomes easier to describe.",
		"Each step can be checked on its own, from %A to %B.",
		"The same holds for %A, though with fewer exceptions.",
		"Where %A is uncertain, it is better to say so than to guess.",
		"A common mistake is to treat %A as if it settled the question of %B.",
		"This is also why %A deserves a second look.",
		"Once %A is settled, the question of %B follows.",
		"The details of %A differ from case to case, but the order stays the same.",
	)
	closings = templates(
		"In short, %T rewards a careful first step.",
		"That is the core of %T; the rest is detail.",
		"Taken together, these points give a first picture of %T.",
		"From here, the next question about %T is which detail to look at first.",
	)
	resultOpenings = templates(
		"Based on the result of %A:",
		"Here is what %A returned:",
		"According to %A:",
	)
	errorOpenings = templates(
		"The tool %A reported an error:",
		"I could not complete this, because %A failed:",
	)
	thoughts = templates(
		"The request is about %T.",
		"First I should be clear about %A.",
		"The connection between %A and %B matters here.",
		"A short answer in plain words fits best.",
		"I will begin with %A and then come to %B.",
	)
)

// writer writes sentences about a topic. It sums up the size of its text as it
// goes: to measure the text afterwards takes longer than to write it.
type writer struct {
	strings.Builder
	random random
	topic  topic
	last   int
	size   tokens.Size
	joined bool // parts have run into one another, so that the sum is not the size
}

// measured is the size of the text.
func (w *writer) measured() tokens.Size {
	if w.joined {
		return tokens.SizeOf(w.String())
	}
	return w.size
}

// begin writes the first sentence.
func (w *writer) begin(text string) {
	w.WriteString(text)
	w.size = tokens.SizeOf(text)
}

// word is one of the topic's words.
func (w *writer) word(not string) string {
	t := &w.topic
	switch {
	case t.n == 0 && not == "":
		return "the request"
	case t.n == 0 || t.n == 1 && t.words[0] == not:
		return "the context"
	}
	i := w.random.below(t.n)
	if t.words[i] == not {
		i = (i + 1) % t.n
	}
	return t.words[i]
}

func (w *writer) phrase() string {
	if w.topic.phrase == "" {
		return "this request"
	}
	return w.topic.phrase
}

// template is a sentence cut at its slots: each part is a text, its size, and
// the slot after it, 'T', 'A', 'B', or 0 at the end.
type template []part

type part struct {
	text string
	size tokens.Size // of the first part, after a space
	slot byte
}

func templates(sentences ...string) []template {
	list := make([]template, len(sentences))
	for i, rest := range sentences {
		measure := tokens.SizeAfterSpace
		for {
			text, after, found := strings.Cut(rest, "%")
			p := part{text: text, size: measure(strings.TrimSuffix(text, " "))} // the space joins what fills the slot
			measure = tokens.SizeOf
			if !found {
				list[i] = append(list[i], p)
				break
			}
			p.slot, rest = after[0], after[1:]
			list[i] = append(list[i], p)
		}
	}
	return list
}

// sentence writes one filled template, after a space if need be.
func (w *writer) sentence(t template) {
	if w.Len() > 0 {
		w.WriteByte(' ')
		w.size = w.size.Plus(t[0].size)
	} else {
		w.size = tokens.SizeOf(strings.TrimSuffix(t[0].text, " "))
	}
	used := ""
	for i := range t {
		w.WriteString(t[i].text)
		if i > 0 {
			w.size = w.size.Plus(t[i].size)
		}
		switch t[i].slot {
		case 0:
			return
		case 'T':
			w.fill(w.phrase())
		default:
			used = w.word(used)
			w.fill(used)
		}
	}
}

// fill writes what stands in a slot.
func (w *writer) fill(text string) {
	w.WriteString(text)
	w.size = w.size.Plus(tokens.SizeAfterSpace(text))
	w.joined = w.joined || text[len(text)-1] == '_' // a sign, which may go on after the slot
}

// pick chooses a template, not the one before it.
func pick(w *writer, templates []template) template {
	i := w.random.below(len(templates))
	if i == w.last {
		i = (i + 1) % len(templates)
	}
	w.last = i
	return templates[i]
}

// write writes n sentences: an opening, and from three on a closing.
func (w *writer) write(n int) {
	w.Grow(72 * n)
	w.last = -1
	w.sentence(pick(w, openings))
	w.last = -1
	for i := 1; i < n; i++ {
		if i == n-1 && n >= 3 {
			w.last = -1
			w.sentence(pick(w, closings))
			return
		}
		w.sentence(pick(w, bodies))
	}
}

// length is how many sentences a reply to the text has: as many as it asks
// for, and otherwise more for a longer prompt.
func length(text string, t *topic, r *random) int {
	if t.asked.sentences > 0 {
		return t.asked.sentences
	}
	return 2 + min(len(text)/120, 6) + r.below(3)
}

const (
	sentenceWords = 11 // of the templates above, filled, about
	maxSentences  = 600
)

// askedLength finds "in 3 sentences", "one sentence", "500 words" among the
// words of a prompt: the first of them counts.
type askedLength struct {
	sentences int    // 0 until it is found
	before    string // the word before
}

func (a *askedLength) next(word string) {
	before := a.before
	a.before = word
	if a.sentences > 0 {
		return
	}
	perSentence := 0
	switch word {
	case "sentence", "sentences":
		perSentence = 1
	case "word", "words":
		perSentence = sentenceWords
	case "paragraph", "paragraphs":
		perSentence = -5
	default:
		return
	}
	n, found := number(before)
	switch {
	case !found:
	case perSentence < 0:
		a.sentences = min(n*-perSentence, maxSentences)
	default:
		a.sentences = min(max((n+perSentence-1)/perSentence, 1), maxSentences)
	}
}

func number(word string) (int, bool) {
	switch word {
	case "one", "a", "single":
		return 1, true
	case "two":
		return 2, true
	case "three":
		return 3, true
	case "four":
		return 4, true
	case "five":
		return 5, true
	}
	n := 0
	if word == "" || len(word) > 6 {
		return 0, false
	}
	for i := range len(word) {
		c := word[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n > 0
}
