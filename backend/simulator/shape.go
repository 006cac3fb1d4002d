package simulator

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// shaped is a reply cut to what the request allows, and counted.
type shaped struct {
	blocks   []bedrock.ContentBlock
	stop     bedrock.StopReason
	sequence string // the stop sequence that ended it
	output   int    // tokens
}

// shape applies the stop sequences to texts, then the limit of tokens to all
// blocks. A tool use that does not fit is left out whole, since half an input
// is none. It works in the memory of the draft, which is the caller's no more.
func shape(m tokens.Model, config *bedrock.InferenceConfiguration, limit int, d draft) shaped {
	blocks := d.blocks
	s := shaped{stop: bedrock.StopReasonEndTurn, blocks: blocks[:0]} // it only leaves blocks out
	var sequences []string
	if config != nil {
		sequences = config.StopSequences
		if config.MaxTokens != nil {
			limit = *config.MaxTokens
		}
	}
	for i := range blocks {
		b := &blocks[i]
		left := limit - s.output
		switch {
		case b.ReasoningContent != nil:
			r := b.ReasoningContent.ReasoningText
			text, n := cutToFit(m, r.Text, tokens.Size{}, left)
			cut := len(text) < len(r.Text)
			r.Text = text
			s.add(b, n)
			if cut {
				return s.full(limit)
			}
		case b.Text != nil:
			text, sequence := cutAtSequence(*b.Text, sequences)
			var size tokens.Size
			if i == len(blocks)-1 && len(text) == len(*b.Text) {
				size = d.size
			}
			fit, n := cutToFit(m, text, size, left)
			if len(fit) < len(*b.Text) {
				cut := fit
				b.Text = &cut
			}
			if fit != "" {
				s.add(b, n)
			}
			if len(fit) < len(text) {
				return s.full(limit)
			}
			if sequence != "" {
				s.stop, s.sequence = bedrock.StopReasonStopSequence, sequence
				return s
			}
		default:
			n := m.Block(b)
			if n > left {
				return s.full(limit)
			}
			s.add(b, n)
			if b.ToolUse != nil {
				s.stop = bedrock.StopReasonToolUse
			}
		}
	}
	return s
}

func (s *shaped) add(b *bedrock.ContentBlock, n int) {
	s.blocks = append(s.blocks, *b)
	s.output += n
}

// full is the reply that ended for want of tokens: all of them were used.
func (s shaped) full(limit int) shaped {
	s.stop, s.output = bedrock.StopReasonMaxTokens, limit
	return s
}

// cutAtSequence ends a text before the first stop sequence in it.
func cutAtSequence(text string, sequences []string) (cut, sequence string) {
	end := len(text)
	for _, s := range sequences {
		if s == "" {
			continue
		}
		if i := strings.Index(text[:min(end+len(s)-1, len(text))], s); i >= 0 && i < end {
			end, sequence = i, s
		}
	}
	return text[:end], sequence
}
