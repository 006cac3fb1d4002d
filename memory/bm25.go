package memory

import (
	"cmp"
	"math"
	"slices"
)

// index finds turns by their words, ranked by BM25 (Robertson and Zaragoza, The
// Probabilistic Relevance Framework, 2009, equation 3.15) with the idf that is
// never negative: ln(1 + (N − df + ½) / (df + ½)). Turns are added in
// ascending order; adding one costs time by its length only.
type index struct {
	terms    map[string]int32
	postings [][]posting // by term, ascending by document
	turns    []int32     // by document
	lengths  []int32     // in words, by document
	total    int         // of lengths
	upTo     int         // turns that were looked at; see State.indexed

	scan   wordScanner
	found  map[int32]uint16 // the words of the turn that is being added
	scores []float32        // by document, all zero between searches
	hit    []int32          // the documents with a score
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
	maxPostings  = 40_000
	maxIndexed   = 32 << 10 // bytes of a turn that are indexed
	maxQuery     = 8 << 10  // bytes of a question that are looked at
	queryOfShare = 0.35     // of a word that only the turn before has
)

func newIndex() index {
	return index{terms: map[string]int32{}, found: map[int32]uint16{}}
}

// add adds a turn's texts.
func (x *index) add(turn int, texts []string) {
	clear(x.found)
	length, room := int32(0), maxIndexed
	for _, text := range texts {
		text = clip(text, room)
		room -= len(text)
		x.scan.words(text, func(word []byte) {
			term, ok := x.terms[string(word)]
			if !ok {
				term = int32(len(x.postings))
				x.terms[string(word)] = term
				x.postings = append(x.postings, nil)
			}
			if x.found[term] < math.MaxUint16 {
				x.found[term]++
			}
			length++
		})
	}
	doc := int32(len(x.turns))
	for term, count := range x.found {
		x.postings[term] = append(x.postings[term], posting{doc, count})
	}
	x.turns = append(x.turns, int32(turn))
	x.lengths = append(x.lengths, length)
	x.scores = append(x.scores, 0)
	x.total += int(length)
}

// query is the words of a question, with their weights.
type query struct {
	terms []weighted
}

type weighted struct {
	term   int32
	weight float32 // idf × how much the word counts in the question
}

// query makes a query of the new turn's text and, with less weight, of the turn
// before, to which "and what about her sister?" leads back.
func (x *index) query(now, before string) query {
	weights := map[int32]float32{}
	collect := func(text string, weight float32) {
		x.scan.words(clip(text, maxQuery), func(word []byte) {
			if term, ok := x.terms[string(word)]; ok {
				weights[term] = max(weights[term], weight)
			}
		})
	}
	collect(before, queryOfShare)
	collect(now, 1)
	var q query
	for term, weight := range weights {
		if df := len(x.postings[term]); df > 0 {
			q.terms = append(q.terms, weighted{term, weight * x.idf(df)})
		}
	}
	slices.SortFunc(q.terms, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.term, b.term))
	})
	return q
}

func (x *index) idf(df int) float32 {
	n := float64(len(x.turns))
	return float32(math.Log1p((n - float64(df) + 0.5) / (float64(df) + 0.5)))
}

// hit is a turn that a query found.
type hit struct {
	turn  int
	score float32
}

// search finds the k best turns with a number below limit, the best first, the
// newer first among equals.
func (x *index) search(q query, k, limit int) []hit {
	docs, _ := slices.BinarySearch(x.turns, int32(limit))
	if docs == 0 || k <= 0 {
		return nil
	}
	x.score(q, int32(docs))
	hits := make([]hit, 0, len(x.hit))
	for _, doc := range x.hit {
		hits = append(hits, hit{int(x.turns[doc]), x.scores[doc]})
		x.scores[doc] = 0
	}
	x.hit = x.hit[:0]
	return best(hits, k)
}

func (x *index) score(q query, docs int32) {
	average := float32(x.total) / float32(len(x.turns))
	seen := 0
	for i, w := range q.terms {
		postings := x.postings[w.term]
		if seen += len(postings); seen > maxPostings && i > 3 {
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

// best is the k best hits in order. It reorders hits.
func best(hits []hit, k int) []hit {
	better := func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.turn, a.turn))
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
