package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

const excerptHead = "Excerpts from earlier in this conversation, which may bear on what follows:"

// How passages are ranked beyond BM25: rareShare is what a passage's rarity
// counts beside its score, bestShare the share of the room that goes to the
// best passages before their neighbours.
const (
	rareShare = 1.5
	bestShare = 0.9
)

// retrieve looks for passages of old turns that bear on the new one: the best
// first, then their neighbours, one on either side, while there is room.
func (a *assembly) retrieve() {
	room := a.excerptRoom() - a.m.text(excerptHead)
	if room < 30 {
		return
	}
	a.s.indexed(a.end)
	x := &a.s.index
	hits := x.search(a.query(), a.p.RetrievePassages, a.chosen.start+1)
	for i := range hits {
		hits[i].score += rareShare * x.rarity(hits[i].doc)
	}
	hits = best(hits, len(hits))
	r := retriever{a: a, room: int(bestShare * float64(room)), turns: map[int]bool{}, said: map[string]bool{}}
	for i, h := range hits {
		if !r.take(h.doc) {
			hits = hits[:i]
			break
		}
	}
	r.room += room - int(bestShare*float64(room))
	for _, h := range hits {
		if !r.take(h.doc+1) || !r.take(h.doc-1) {
			break
		}
	}
	slices.Sort(r.docs)
	a.retrieved = r.docs
}

// excerptRoom is what excerpts may cost.
func (a *assembly) excerptRoom() int {
	return min(a.p.RetrieveTokens, a.room()-a.notesCost()-a.tail(a.chosen.start, a.chosen.pruned))
}

type retriever struct {
	a     *assembly
	room  int             // tokens
	turns map[int]bool    // that have a passage
	said  map[string]bool // what is there already
	docs  []int
}

// take takes a passage, unless the same is there. It tells whether there is
// room for more.
func (r *retriever) take(doc int) bool {
	x := &r.a.s.index
	if doc < 0 || doc >= len(x.passages) {
		return true
	}
	p := &x.passages[doc]
	if p.turn > r.a.chosen.start || r.said[p.text] {
		return true
	}
	cost := r.a.m.text(p.text) + 2 // and who says it
	if !r.turns[p.turn] {
		cost += 5 // "[1234] "
	}
	if cost > r.room {
		return r.room > 40 // a shorter one may fit
	}
	r.room -= cost
	r.said[p.text] = true
	r.turns[p.turn] = true
	r.docs = append(r.docs, doc)
	return true
}

// excerpts is the block of retrieved passages, by turn. They are counted one by
// one while they are chosen, and once more here, together.
func (a *assembly) excerpts() []bedrock.ContentBlock {
	if len(a.retrieved) == 0 {
		return nil
	}
	room := a.excerptRoom()
	for docs := a.retrieved; len(docs) > 0; docs = docs[1+len(docs)/20:] { // the oldest go
		if text := a.excerptText(docs); a.m.text(text) <= room {
			return noteBlocks(text)
		}
	}
	return nil
}

func (a *assembly) excerptText(docs []int) string {
	var b strings.Builder
	b.WriteString(excerptHead)
	before := line{}
	for i, doc := range docs {
		l := a.s.index.passages[doc]
		switch {
		case l.turn != before.turn:
			fmt.Fprintf(&b, "\n[%d] %s: ", l.turn, l.who)
		case l.who != before.who:
			b.WriteString(" " + l.who + ": ")
		case docs[i-1] != doc-1:
			b.WriteString(" … ")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(l.text)
		before = l
	}
	return b.String()
}

// best is the k best hits in order. It reorders hits.
func best(hits []hit, k int) []hit {
	better := func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.doc, a.doc))
	}
	if len(hits) > 4*k { // keep the k best in front, in order, as they come
		top := make([]hit, 0, k+1)
		for _, h := range hits {
			if len(top) == k && better(top[k-1], h) < 0 {
				continue
			}
			at, _ := slices.BinarySearchFunc(top, h, better)
			top = slices.Insert(top, at, h)[:min(len(top)+1, k)]
		}
		return top
	}
	slices.SortFunc(hits, better)
	return hits[:min(len(hits), k)]
}
