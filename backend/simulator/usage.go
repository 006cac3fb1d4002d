package simulator

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// minCached is the shortest prefix that a cache keeps, in tokens: that of most
// models that have one.
const minCached = 1024

// usageOf is the usage of a reply with so many output tokens. What lies before
// the last cache point is cached. Equal requests get equal replies, so the
// simulator keeps no cache: of a conversation, it takes what the turn before
// sent for read, and the rest for written.
func usageOf(in tokens.Input, output int) bedrock.TokenUsage {
	u := bedrock.TokenUsage{InputTokens: in.Total, OutputTokens: output, TotalTokens: in.Total + output}
	if !in.CachePoints {
		return u
	}
	read, write := min(in.Cached, in.Before), 0
	if read < minCached {
		read = 0
	}
	if in.Cached >= minCached {
		write = in.Cached - read
	}
	u.InputTokens -= read + write
	u.CacheReadInputTokens, u.CacheWriteInputTokens = &read, &write
	return u
}

// cutToFit is the longest beginning of a text that has at most limit tokens,
// and how many it has. The text's size is 0 when nobody has measured it yet. It
// never cuts a character in two. A limit that leaves any room leaves it for one
// piece at least, as one token of a real model always is some text.
func cutToFit(m tokens.Model, text string, size tokens.Size, limit int) (string, int) {
	if size == (tokens.Size{}) {
		size = tokens.SizeOf(text)
	}
	if n := m.Tokens(size); n <= limit {
		return text, n
	}
	low, high := 0, len(text) // low fits, high does not
	for high-low > 1 {
		middle := (low + high) / 2
		if m.Text(text[:runeStart(text, middle)]) <= limit {
			low = middle
		} else {
			high = middle
		}
	}
	cut := text[:runeStart(text, low)]
	if cut == "" && limit > 0 {
		return text[:tokenEnd(text, 0)], limit
	}
	return cut, m.Text(cut)
}

// runeStart moves i back to where a character begins.
func runeStart(text string, i int) int {
	for i > 0 && i < len(text) && text[i]&0xc0 == 0x80 {
		i--
	}
	return i
}

// compact is a document without white space between its tokens, so that clients
// which write JSON differently are charged alike. It does not change d.
func compact(d bedrock.Document) bedrock.Document {
	if !bytes.ContainsAny(d, " \n\t\r") {
		return d
	}
	tight := bytes.Clone(d)
	if doc := bedrock.Document(tight); doc.Compact() == nil {
		return doc
	}
	return d
}
