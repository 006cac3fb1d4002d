package memory

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/outcrop-ai/outcrop/tokens"
)

// extract summarises lines without a model: it keeps the sentences that say
// most, in their order, up to about limit tokens. A sentence counts for more
// the rarer its words are among the others, when it has names and numbers, and
// when the user says it; a question counts for less. Equal lines give equal
// text.
func extract(lines []line, limit int) string {
	all := scored(lines)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[b].score, all[a].score) })
	room := limit
	var kept []int
	for _, i := range order {
		n := tokens.Text(all[i].text) + 2
		if n > room {
			continue
		}
		room -= n
		kept = append(kept, i)
	}
	slices.Sort(kept)
	var b strings.Builder
	who := ""
	for _, i := range kept {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if all[i].who != who && all[i].who != "" {
			who = all[i].who
			b.WriteString(who + ": ")
		}
		b.WriteString(all[i].text)
	}
	return b.String()
}

type sentence struct {
	who   string
	text  string
	words []string
	score float64
}

func scored(lines []line) []sentence {
	var all []sentence
	var scan wordScanner
	in := map[string]int{} // sentences a word stands in
	for _, l := range lines {
		for _, text := range sentences(l.text) {
			s := sentence{who: l.who, text: text}
			scan.words(text, func(w []byte) {
				if !slices.Contains(s.words, string(w)) {
					s.words = append(s.words, string(w))
				}
			})
			for _, w := range s.words {
				in[w]++
			}
			all = append(all, s)
		}
	}
	for i := range all {
		all[i].score = all[i].worth(in, len(all))
	}
	return all
}

func (s *sentence) worth(in map[string]int, n int) float64 {
	if len(s.words) == 0 {
		return 0
	}
	sum := 0.0
	for _, w := range s.words {
		sum += math.Log1p(float64(n) / float64(in[w]))
	}
	score := sum / (6 + float64(len(s.words)))
	digits, names := false, 0
	for i, r := range s.text {
		digits = digits || unicode.IsDigit(r)
		if i > 0 && unicode.IsUpper(r) && s.text[i-1] == ' ' {
			names++
		}
	}
	if digits {
		score *= 1.4
	}
	score *= 1 + 0.2*float64(min(names, 3))
	if last, _ := utf8.DecodeLastRuneInString(s.text); last == '?' || last == '？' {
		score *= 0.4
	}
	switch s.who {
	case "User":
		score *= 1.5
	case "Tool", "Tool call":
		score *= 0.5
	}
	return score
}
