package tokens

import (
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// A run is a stretch of bytes of one class: the unit a byte-pair tokenizer
// cuts text into before it merges anything. The scanner finds the runs that
// cl100k's splitting expression finds, near enough, and charges each the mean
// number of tokens such a run has (cost.go). What it cannot know is whether a
// word is in the vocabulary; only a word's length speaks for that.
//
// The kinds below index the cost table; every kind but the single-rune ones is
// followed by the run's length, clamped to maxRun.
const (
	kindWord     = iota // letters after a space: the space belongs to the token
	kindBare            // letters at the start of a line, or after a digit or a sign
	kindSub             // letters that continue an identifier: the Token in maxToken
	kindFragment        // ASCII letters beside an accented one
	kindCapitals        // two or more capitals
	kindDigits
	kindSign       // punctuation not followed by a letter
	kindSignLetter // punctuation before a letter, whose last sign joins the word
	kindRule       // one sign repeated: a rule of dashes, a line of equals signs
	kindSpaces     // two or more spaces or tabs; the last one joins a word
	kindLines      // white space with a line break in it
	kindRune       // single runes, by script
	kinds
)

const maxRun = 24

// Scripts of kindRune. Han, kana and Hangul are also summed apart, since
// vocabularies differ most in how many of those they hold.
const (
	runeLatin = iota // Latin letters beyond ASCII
	runeGreek
	runeCyrillic
	runeHebrew
	runeArabic
	runeIndic
	runeThai
	runeHan
	runeKana
	runeHangul
	runeMark  // general punctuation, arrows, box drawing, full-width forms
	runeEmoji // four-byte symbols
	runeOther
	runeInvalid // a byte that is not UTF-8
)

// Byte classes.
const (
	classLower = iota
	classUpper
	classDigit
	classSign
	classSpace
	classLine
	classHigh
)

var classOf = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case c >= 'a' && c <= 'z':
			t[i] = classLower
		case c >= 'A' && c <= 'Z':
			t[i] = classUpper
		case c >= '0' && c <= '9':
			t[i] = classDigit
		case c == '\n' || c == '\r':
			t[i] = classLine
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			t[i] = classSpace
		case c >= utf8.RuneSelf:
			t[i] = classHigh
		default:
			t[i] = classSign // control characters included
		}
	}
	return t
}()

// Size is what a text costs before a model's factor applies, in 1/64 of a
// token; Chinese, Japanese and Korean apart.
type Size struct{ text, cjk int }

// Plus is the sum of two sizes.
func (s Size) Plus(other Size) Size { return Size{s.text + other.text, s.cjk + other.cjk} }

// SizeOf measures a text for any model. Who puts a text together of parts that
// come again can measure each once, for sizes add up where no run of bytes goes
// on from one part to the next: when one ends in a letter or a digit and the
// next begins with a sign, and at a single space, after which a part has the
// size of [SizeAfterSpace].
func SizeOf(s string) Size { return scan(s, kindBare) }

// SizeAfterSpace measures a part of a text that follows a single space, which
// joins it and costs nothing.
func SizeAfterSpace(s string) Size { return scan(s, kindWord) }

// unit is the scale of the cost table.
const unit = 64

// asString views b as a string without copying it. The scanner keeps nothing
// of its argument, so b may change once the call has returned.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// scan sums the cost of the runs of s; glue is what a word would be that starts
// where the scan stands. It allocates nothing.
func scan(s string, glue int) (u Size) {
	for i := 0; i < len(s); {
		// Most of a text is words after single spaces.
		if s[i] == ' ' && i+1 < len(s) && classOf[s[i+1]] == classLower {
			end := endOfLower(s, i+2)
			u.text += costOf(kindWord, end-i-1)
			i, glue = end, kindSub
			continue
		}
		start := i
		switch classOf[s[i]] {
		case classLower:
			i = endOfLower(s, i+1)
			u.text += costOf(glue, i-start)
			glue = kindSub
		case classUpper:
			i = endOf(s, i+1, classUpper)
			if i < len(s) && classOf[s[i]] == classLower {
				// The last capital begins the word that follows: HTTPServer.
				if n := i - 1 - start; n > 0 {
					u.text += costOf(kindCapitals, n)
					glue = kindSub
				}
				word := i - 1
				i = endOfLower(s, i+1)
				u.text += costOf(glue, i-word)
			} else {
				u.text += costOf(kindCapitals, i-start)
			}
			glue = kindSub
		case classDigit:
			i = endOf(s, i+1, classDigit)
			u.text += costOf(kindDigits, i-start)
			glue = kindBare
		case classSign:
			var kind int
			i, kind = endOfSigns(s, i)
			u.text += costOf(kind, i-start)
			glue = kindBare
		case classSpace, classLine:
			i, glue = endOfSpace(s, i, &u)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			script := scriptOf(r, size)
			c := costOf(kindRune, script)
			if script == runeHan || script == runeKana || script == runeHangul {
				u.cjk += c
			} else {
				u.text += c
			}
			glue = kindBare
			if script == runeLatin {
				glue = kindFragment
			}
		}
	}
	return u
}

// endOf returns where the run of one class ends.
func endOf(s string, i int, class uint8) int {
	for i < len(s) && classOf[s[i]] == class {
		i++
	}
	return i
}

// endOfLower is endOf for classLower. It looks at eight bytes at a time: of
// seven bits, adding 0x80-'a' sets the eighth from 'a' on, and adding 0x7f-'z'
// after 'z'; what remains is told by its first byte that is neither.
func endOfLower(s string, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		t := s[i : i+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		seven := x &^ highs
		from, after := seven+ones*(0x80-'a'), seven+ones*(0x7f-'z')
		if other := ^(from &^ after &^ x) & highs; other != 0 {
			return i + bits.TrailingZeros64(other)/8
		}
	}
	return endOf(s, i, classLower)
}

// endOfSigns returns where a run of punctuation ends and what kind it is.
func endOfSigns(s string, i int) (end, kind int) {
	first, same := s[i], true
	n := i + 1
	for n < len(s) && classOf[s[n]] == classSign {
		same = same && s[n] == first
		n++
	}
	switch {
	case same && n-i > 2:
		return n, kindRule
	case n < len(s) && classOf[s[n]] <= classUpper:
		return n, kindSignLetter
	}
	return n, kindSign
}

// endOfSpace charges a run of white space and returns where it ends and what a
// word that follows is. A single space costs nothing: it joins what follows.
func endOfSpace(s string, i int, u *Size) (end, glue int) {
	start, lines := i, false
	for i < len(s) && (classOf[s[i]] == classSpace || classOf[s[i]] == classLine) {
		lines = lines || classOf[s[i]] == classLine
		i++
	}
	n := i - start
	switch {
	case lines:
		u.text += costOf(kindLines, n)
	case n > 1:
		u.text += costOf(kindSpaces, n)
	}
	if s[i-1] == ' ' {
		return i, kindWord
	}
	return i, kindBare
}

// scriptOf sorts a rune beyond ASCII into a script.
func scriptOf(r rune, size int) int {
	switch {
	case r == utf8.RuneError && size <= 1:
		return runeInvalid
	case r >= 0xC0 && r < 0x300, r >= 0x1E00 && r < 0x1F00:
		return runeLatin
	case r < 0xC0:
		return runeMark
	case r >= 0x370 && r < 0x400, r >= 0x1F00 && r < 0x2000:
		return runeGreek
	case r >= 0x400 && r < 0x530:
		return runeCyrillic
	case r >= 0x590 && r < 0x600:
		return runeHebrew
	case r >= 0x600 && r < 0x780:
		return runeArabic
	case r >= 0x900 && r < 0xE00:
		return runeIndic
	case r >= 0xE00 && r < 0xE80:
		return runeThai
	case r >= 0x3040 && r < 0x3100:
		return runeKana
	case r >= 0x3400 && r < 0xA000, r >= 0xF900 && r < 0xFB00, r >= 0x20000 && r < 0x33480:
		return runeHan
	case r >= 0xAC00 && r < 0xD7B0, r >= 0x1100 && r < 0x1200, r >= 0x3130 && r < 0x3190:
		return runeHangul
	case r >= 0x2000 && r < 0x3040, r >= 0xFF00 && r < 0x10000:
		return runeMark
	case r >= 0x1F000 && r < 0x20000:
		return runeEmoji
	}
	return runeOther
}
