package memory

import (
	"unicode"
	"unicode/utf8"
)

// wordScanner cuts texts into the words that retrieval compares: runs of
// letters and digits in lower case, lightly stemmed; and, for scripts written
// without spaces, each pair of neighbouring characters. The zero value is
// ready.
type wordScanner struct {
	buf []byte
}

// longestWord bounds words, in bytes: what is longer is data.
const longestWord = 64

// words calls emit for each word of the text, in order. The bytes are valid
// during the call.
func (w *wordScanner) words(text string, emit func(word []byte)) {
	w.buf = w.buf[:0]
	previous := rune(0) // the unspaced character just before, if any
	alone := false      // which no pair has covered yet
	single := func() {
		if alone {
			emit(utf8.AppendRune(w.buf[:0], previous))
			w.buf = w.buf[:0]
		}
		previous, alone = 0, false
	}
	for _, r := range text {
		switch {
		case unspaced(r):
			w.flush(emit)
			if previous != 0 {
				emit(utf8.AppendRune(utf8.AppendRune(w.buf[:0], previous), r))
				w.buf = w.buf[:0]
				alone = false
			} else {
				alone = true
			}
			previous = r
		case r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9'):
			single()
			w.buf = append(w.buf, byte(r))
		case r < utf8.RuneSelf && r >= 'A' && r <= 'Z':
			single()
			w.buf = append(w.buf, byte(r)+'a'-'A')
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)):
			single()
			w.buf = utf8.AppendRune(w.buf, unicode.ToLower(r))
		case (r == '\'' || r == '’') && len(w.buf) > 0:
			// Anna's: the rest is a word of one letter, which is passed over.
			w.flush(emit)
		default:
			single()
			w.flush(emit)
		}
	}
	single()
	w.flush(emit)
}

func (w *wordScanner) flush(emit func([]byte)) {
	word := w.buf
	w.buf = w.buf[:0]
	if n := len(word); n < 2 && (n == 0 || word[0] >= 'a' && word[0] <= 'z') || n > longestWord {
		return
	}
	emit(stem(word))
}

// unspaced tells of the scripts that write no spaces between words.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Hangul)
}

// stem takes the commonest English endings off a word: a lesser form of the
// S-stemmer of Harman (How effective is suffixing?, JASIS 1991), with -ing and
// -ed. Words of other languages lose an ending alike in text and question, so
// it does them no harm.
func stem(w []byte) []byte {
	n := len(w)
	if n < 4 || w[n-1] >= utf8.RuneSelf {
		return w
	}
	switch {
	case n > 4 && ends(w, "ies"):
		w[n-3] = 'y'
		return w[:n-2]
	case n > 4 && (ends(w, "sses") || ends(w, "xes") || ends(w, "ches") || ends(w, "shes")):
		return w[:n-2]
	case w[n-1] == 's' && w[n-2] != 's' && w[n-2] != 'u' && w[n-2] != 'i':
		return dropE(w[:n-1])
	case n > 5 && ends(w, "ing"):
		return dropE(undouble(w[:n-3]))
	case n > 4 && ends(w, "ed") && w[n-3] != 'e':
		return dropE(undouble(w[:n-2]))
	}
	return dropE(w)
}

// dropE takes a last e off, so that "move" meets "moving".
func dropE(w []byte) []byte {
	if n := len(w); n > 3 && w[n-1] == 'e' {
		return w[:n-1]
	}
	return w
}

// undouble makes "plann" of "planning" "plan".
func undouble(w []byte) []byte {
	n := len(w)
	if n > 3 && w[n-1] == w[n-2] && w[n-1] != 'l' && w[n-1] != 's' && w[n-1] != 'z' {
		return w[:n-1]
	}
	return w
}

func ends(w []byte, suffix string) bool {
	return len(w) >= len(suffix) && string(w[len(w)-len(suffix):]) == suffix
}
