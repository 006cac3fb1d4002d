package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// retrieved is an excerpt of an old turn.
type retrieved struct {
	turn int
	text string
}

const excerptHead = "Excerpts from earlier in this conversation, which may bear on what follows:"

// retrieve looks for old turns that bear on the new one and takes excerpts of
// them: first of the best, then of their neighbours, while there is room.
func (a *assembly) retrieve() {
	room := min(a.p.RetrieveTokens, a.room()-a.notesCost()-a.tail(a.chosen.start, a.chosen.pruned)) - a.m.text(excerptHead)
	if room < 30 {
		return
	}
	a.s.indexed(a.end)
	q := a.query()
	hits := a.s.index.search(q, a.p.RetrieveTurns, a.chosen.start+1)
	for len(hits) > 1 && hits[len(hits)-1].score < hits[0].score*0.2 {
		hits = hits[:len(hits)-1]
	}
	r := retriever{a: a, q: q, room: room, have: map[int]bool{}}
	for _, h := range hits {
		r.take(h.turn, max(60, room/6))
	}
	for _, h := range hits {
		r.take(h.turn+1, max(40, room/10))
		r.take(h.turn-1, max(40, room/10))
	}
	a.retrieved = r.out
	slices.SortFunc(a.retrieved, func(x, y retrieved) int { return cmp.Compare(x.turn, y.turn) })
}

type retriever struct {
	a    *assembly
	q    query
	room int
	have map[int]bool
	out  []retrieved
}

// take takes an excerpt of a turn, of at most limit tokens.
func (r *retriever) take(turn, limit int) {
	if r.room < 20 || turn < 1 || turn > r.a.chosen.start || r.have[turn] || !r.a.s.turns[turn-1].live {
		return
	}
	r.have[turn] = true
	text := r.excerpt(turn, min(limit, r.room))
	if text == "" {
		return
	}
	r.out = append(r.out, retrieved{turn, text})
	r.room -= r.a.m.text(text) + 1
}

// excerpt is a turn's text: the whole of it when it is short enough, and
// otherwise the sentences that the query's words stand in, and those around
// them, in order.
func (r *retriever) excerpt(turn, limit int) string {
	e := &r.a.s.turns[turn-1]
	lines := e.lines()
	head := fmt.Sprintf("Turn %d.", turn)
	whole := head + said(lines)
	if len(whole) < 40*limit && r.a.m.text(whole) <= limit {
		return whole
	}
	all, order := r.ranked(lines)
	kept := make([]bool, len(all))
	room := limit - r.a.m.text(head) - 4
	text := ""
	for _, i := range order {
		n := r.a.m.text(all[i].text) + 3
		if n > room {
			continue
		}
		kept[i], room = true, room-n
		var some []line
		for j := range all {
			if kept[j] {
				some = append(some, all[j])
			}
		}
		next := head + said(some)
		if r.a.m.text(next) > limit {
			kept[i] = false
			break
		}
		text = next
	}
	return text
}

// ranked is the sentences of lines, and their order by what they say of the
// query: a sentence gets half of what its neighbours are worth.
func (r *retriever) ranked(lines []line) (all []line, order []int) {
	x := &r.a.s.index
	var worth []float32
	for _, l := range lines {
		for _, text := range sentences(clip(l.text, maxIndexed)) {
			sum := float32(0)
			seen := map[int32]bool{}
			x.scan.words(text, func(word []byte) {
				term, ok := x.terms[string(word)]
				if !ok || seen[term] {
					return
				}
				seen[term] = true
				for _, w := range r.q.terms {
					if w.term == term {
						sum += w.weight
					}
				}
			})
			all = append(all, line{l.turn, l.who, text})
			worth = append(worth, sum)
		}
	}
	total := make([]float32, len(worth))
	for i := range worth {
		total[i] = worth[i]
		if i > 0 {
			total[i] += worth[i-1] / 2
		}
		if i+1 < len(worth) {
			total[i] += worth[i+1] / 2
		}
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(total[j], total[i]) })
	return all, order[:min(len(order), 40)]
}

func said(lines []line) string {
	var b strings.Builder
	who := ""
	for _, l := range lines {
		if l.who != who {
			who = l.who
			b.WriteString(" " + who + ":")
		}
		b.WriteString(" " + l.text)
	}
	return b.String()
}

// excerpts is the block of retrieved turns. Texts are counted one by one while
// they are chosen, and once more here, together.
func (a *assembly) excerpts() []bedrock.ContentBlock {
	room := min(a.p.RetrieveTokens, a.room()-a.notesCost()-a.tail(a.chosen.start, a.chosen.pruned))
	for len(a.retrieved) > 0 {
		var b strings.Builder
		b.WriteString(excerptHead)
		for _, r := range a.retrieved {
			b.WriteString("\n" + r.text)
		}
		if a.m.text(b.String()) <= room {
			return noteBlocks(b.String())
		}
		a.retrieved = a.retrieved[1:] // the oldest goes
	}
	return nil
}
