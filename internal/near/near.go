// Package near finds what somebody may have meant: the known words nearest to
// one that is not known. It is for error messages.
package near

import (
	"slices"
	"strings"
)

// maxWord bounds the words that are compared, in bytes; comparing costs the
// product of their lengths.
const maxWord = 128

// Words are the known words nearest to word, the nearest first, most of them
// at most. A word is near when about a third of its letters differ at most, or
// when it contains the other; upper and lower case are the same.
func Words(word string, known []string, most int) []string {
	type candidate struct {
		word     string
		distance int
	}
	word = strings.ToLower(word)
	if word == "" || len(word) > maxWord {
		return nil
	}
	var found []candidate
	for _, k := range known {
		lower := strings.ToLower(k)
		if k == "" || len(lower) > maxWord {
			continue
		}
		d := distance(word, lower)
		// A part of a word counts as nearer than as many wrong letters, and its
		// beginning as nearest: the rest was left out.
		if len(word) >= 3 && strings.HasPrefix(lower, word) {
			d = min(d, 1)
		} else if len(word) >= 3 && strings.Contains(lower, word) || len(lower) >= 3 && strings.Contains(word, lower) {
			d = min(d, 1+len(lower)/8)
		}
		if exchanged(word, lower) {
			d = 1
		}
		if d <= (max(len(word), len(lower))+1)/3 {
			found = append(found, candidate{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		if begins := strings.HasPrefix(strings.ToLower(a.word), word); begins != strings.HasPrefix(strings.ToLower(b.word), word) {
			if begins {
				return -1
			}
			return 1
		}
		if strings.HasPrefix(strings.ToLower(a.word), word) && len(a.word) != len(b.word) {
			return len(a.word) - len(b.word) // less of it was left out
		}
		return strings.Compare(a.word, b.word)
	})
	var words []string
	for _, c := range found[:min(len(found), most)] {
		words = append(words, c.word)
	}
	return words
}

// exchanged tells whether two neighbours have changed places, and nothing else
// differs: the commonest slip of all.
func exchanged(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 1; i < len(a); i++ {
		if a[i-1] != b[i-1] {
			return a[i-1] == b[i] && a[i] == b[i-1] && a[i+1:] == b[i+1:]
		}
	}
	return false
}

// distance is how many bytes must be changed, added or left out to make b of
// a: Levenshtein's, row by row.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
