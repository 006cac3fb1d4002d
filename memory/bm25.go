package memory

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// index finds passages of turns, about a sentence each, by their words, ranked
// by BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009,
// equation 3.15) with the idf that is never negative:
// ln(1 + (N − df + ½) / (df + ½)). Passages rather than turns, since what is
// asked for is often one sentence of a turn about something else, and a budget
// holds more of them. Turns are added in ascending order; adding one costs time
// by its length only.
type index struct {
	terms    map[string]int32
	postings [][]posting // by term, ascending by document
	passages []line      // by document
	lengths  []int32     // in words, by document
	starts   []int32     // by document: where its terms begin in all
	all      []int32     // the terms of all passages, one after the other
	total    int         // words of all passages
	upTo     int         // turns that were looked at; see State.indexed

	scan   wordScanner
	found  map[int32]uint16 // the words of the passage that is being added
	rare   [64]float32      // idf by small df, for rareOf passages
	rareOf int
	scores []float32 // by document, all zero between searches
	hit    []int32   // the documents with a score
}

type posting struct {
	doc   int32
	count uint16
}

// The constants of BM25, as they are commonly set, and the bound of what one
// search looks at: common words come last, and tell least.
const (
	bmK1         = 1.2
	bmB          = 0.75
	maxPostings  = 20_000
	maxIndexed   = 32 << 10 // bytes of a turn that are indexed
	maxQuery     = 8 << 10  // bytes of a question that are looked at
	queryOfShare = 0.15     // of a word that only the turn before has
)

func newIndex() index {
	return index{terms: map[string]int32{}, found: map[int32]uint16{}}
}

// add adds a turn's texts.
func (x *index) add(lines []line) {
	room := maxIndexed
	for _, l := range lines {
		l.text = clip(l.text, room)
		room -= len(l.text)
		for _, text := range sentences(l.text) {
			x.addPassage(line{l.turn, l.who, text})
		}
	}
}

func (x *index) addPassage(l line) {
	clear(x.found)
	start := len(x.all)
	x.scan.words(l.text, func(word []byte) {
		term, ok := x.terms[string(word)]
		if !ok {
			term = int32(len(x.postings))
			x.terms[string(word)] = term
			x.postings = append(x.postings, nil)
		}
		x.found[term]++ // a passage has far fewer words than would overflow it
		x.all = append(x.all, term)
	})
	length := len(x.all) - start
	doc := int32(len(x.passages))
	for term, count := range x.found {
		x.postings[term] = append(x.postings[term], posting{doc, count})
	}
	x.passages = append(x.passages, l)
	x.lengths = append(x.lengths, int32(length))
	x.starts = append(x.starts, int32(start))
	x.scores = append(x.scores, 0)
	x.total += length
}

// query is the words of a question, with their weights.
type query struct {
	terms []weighted          // the weightiest first
	words map[string]weighted // the same by word
}

type weighted struct {
	term   int32
	weight float32 // idf × how much the word counts in the question
}

// query makes a query of the new turn's text and, with less weight, of the turn
// before, to which "and what about her sister?" leads back.
func (x *index) query(now, before string) query {
	q := query{words: map[string]weighted{}}
	collect := func(text string, share float32) {
		x.scan.words(clip(text, maxQuery), func(word []byte) {
			term, ok := x.terms[string(word)]
			if !ok {
				return
			}
			weight := share * x.idf(len(x.postings[term]))
			if known, ok := q.words[string(word)]; !ok || known.weight < weight {
				q.words[string(word)] = weighted{term, weight}
			}
		})
	}
	collect(before, queryOfShare)
	collect(now, 1)
	for _, w := range q.words {
		q.terms = append(q.terms, w)
	}
	slices.SortFunc(q.terms, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.term, b.term))
	})
	return q
}

func (x *index) idf(df int) float32 {
	if df < len(x.rare) {
		if x.rareOf != len(x.passages) {
			x.rareOf = len(x.passages)
			for i := range x.rare {
				x.rare[i] = idf(len(x.passages), i)
			}
		}
		return x.rare[df]
	}
	return idf(len(x.passages), df)
}

func idf(n, df int) float32 {
	return float32(math.Log1p((float64(n) - float64(df) + 0.5) / (float64(df) + 0.5)))
}

// hit is a passage that a query found.
type hit struct {
	doc   int
	score float32
}

// search finds the k best passages of turns with a number below limit, the best
// first, the newer first among equals.
func (x *index) search(q query, k, limit int) []hit {
	docs := sort.Search(len(x.passages), func(i int) bool { return x.passages[i].turn >= limit })
	if docs == 0 || k <= 0 {
		return nil
	}
	x.score(q, int32(docs))
	hits := make([]hit, 0, len(x.hit))
	for _, doc := range x.hit {
		hits = append(hits, hit{int(doc), x.scores[doc]})
		x.scores[doc] = 0
	}
	x.hit = x.hit[:0]
	return best(hits, k)
}

func (x *index) score(q query, docs int32) {
	average := float32(x.total) / float32(len(x.passages))
	seen := 0
	for i, w := range q.terms {
		postings := x.postings[w.term]
		if seen += len(postings); seen > maxPostings && i > 0 {
			return
		}
		for _, p := range postings {
			if p.doc >= docs {
				break
			}
			if x.scores[p.doc] == 0 {
				x.hit = append(x.hit, p.doc)
			}
			tf := float32(p.count)
			x.scores[p.doc] += w.weight * tf * (bmK1 + 1) / (tf + bmK1*(1-bmB+bmB*float32(x.lengths[p.doc])/average))
		}
	}
}

// rarity is the mean idf of a passage's three rarest words: what it says that
// little else does. Names and numbers that occur once have about ln(N).
func (x *index) rarity(doc int) float32 {
	var top [3]float32 // the largest first
	for _, term := range x.all[x.starts[doc]:][:x.lengths[doc]] {
		idf := x.idf(len(x.postings[term]))
		for i := range top {
			if idf > top[i] {
				idf, top[i] = top[i], idf
			}
		}
	}
	return (top[0] + top[1] + top[2]) / 3
}

// clip is the beginning of a text, at most n bytes of it.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:max(n, 0)]
}
