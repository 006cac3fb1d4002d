package rig

import (
	"hash/maphash"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Prices are relative to an input token that no cache has to do with. Source:
// the prices of Anthropic's models on Amazon Bedrock with a five-minute cache.
const (
	PriceWrite  = 1.25
	PriceRead   = 0.1
	PriceOutput = 5
)

// Cache is a prompt cache. A prefix that ended at a cache point is found again
// at a cache point, or up to LookBack blocks before one. Nothing expires, as
// when turns follow each other within minutes.
type Cache struct {
	LookBack int
	Min      int // tokens of the shortest prefix that is kept
	Count    func(*bedrock.ContentBlock) int

	kept   map[uint64]bool
	seed   maphash.Seed
	hashes map[*string]uint64
}

// NewCache makes an empty cache.
func NewCache(lookBack, shortest int, count func(*bedrock.ContentBlock) int) *Cache {
	return &Cache{
		LookBack: lookBack, Min: shortest, Count: count,
		kept: map[uint64]bool{}, seed: maphash.MakeSeed(), hashes: map[*string]uint64{},
	}
}

// Bill is what a request's input cost.
type Bill struct {
	Tokens, Read, Written, Plain int
}

// Cost is the bill in input tokens' worth.
func (b Bill) Cost() float64 {
	return PriceRead*float64(b.Read) + PriceWrite*float64(b.Written) + float64(b.Plain)
}

// Add adds up bills.
func (b *Bill) Add(other Bill) {
	b.Tokens += other.Tokens
	b.Read += other.Read
	b.Written += other.Written
	b.Plain += other.Plain
}

// place is where a prefix ends.
type place struct {
	prefix uint64
	tokens int
	point  bool
}

// Send bills a request of texts, and keeps the prefixes that its points end.
func (c *Cache) Send(r *Sent) Bill {
	places := c.places(r)
	total := places[len(places)-1].tokens
	read, written := 0, 0
	for i, p := range places {
		if !p.point || p.tokens < c.Min {
			continue
		}
		for j := i; j >= 0 && i-j <= c.LookBack; j-- {
			if c.kept[places[j].prefix] {
				read = max(read, places[j].tokens)
				break
			}
		}
		written = p.tokens
	}
	for _, p := range places {
		if p.point && p.tokens >= c.Min {
			c.kept[p.prefix] = true
		}
	}
	written = max(written, read)
	return Bill{Tokens: total, Read: read, Written: written - read, Plain: total - written}
}

func (c *Cache) places(r *Sent) []place {
	out := []place{{prefix: 1, tokens: 3}}
	add := func(text *string, frame int) {
		last := out[len(out)-1]
		out = append(out, place{
			prefix: last.prefix*1_000_003 ^ c.hash(text) + uint64(frame),
			tokens: last.tokens + frame + c.Count(&bedrock.ContentBlock{Text: text}),
		})
	}
	for _, b := range r.System {
		if b.CachePoint != nil {
			out[len(out)-1].point = true
			continue
		}
		add(b.Text, 4)
	}
	for _, m := range r.Messages {
		frame := 4
		for _, b := range m.Content {
			if b.CachePoint != nil {
				out[len(out)-1].point = true
				continue
			}
			add(b.Text, frame)
			frame = 0
		}
	}
	return out
}

func (c *Cache) hash(text *string) uint64 {
	h, ok := c.hashes[text]
	if !ok {
		h = maphash.String(c.seed, *text)
		c.hashes[text] = h
	}
	return h
}
