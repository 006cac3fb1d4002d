package openai

import (
	"unicode/utf8"
)

// Nearly every chunk of a stream is the same object with a few more letters
// of text in it. scanText reads those without reflection, at a fifth of the
// decoder's cost; whatever it does not know word for word is left to the
// decoder, so the two never differ.

// plainMembers are the members of such a chunk whose values nobody reads.
var plainMembers = [...]string{"id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation"}

// scanText reads a chunk of text alone: one choice, the first, whose delta has
// content and perhaps a role, and whose finish reason is null. ok is false for
// any other chunk.
func scanText(data []byte) (text string, ok bool) {
	s := scanner{data: data}
	seen := 0
	done := s.object(func(name []byte) bool {
		if string(name) == "choices" {
			ok := seen&1 == 0 && s.choices(&text)
			seen |= 1
			return ok
		}
		for i, plain := range plainMembers {
			if string(name) == plain {
				first := seen&(2<<i) == 0
				seen |= 2 << i
				return first && s.plain()
			}
		}
		return string(name) == "usage" && s.null() && once(&seen, 30)
	})
	s.space()
	return text, done && s.at == len(data) && seen&1 != 0 && text != ""
}

// once notes that a member was seen, and tells whether it is the first time.
func once(seen *int, bit int) bool {
	first := *seen&(1<<bit) == 0
	*seen |= 1 << bit
	return first
}

// scanner walks over a JSON text. Its methods tell whether what they expect
// is there; once one says no, the scanner is of no more use.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) choices(text *string) bool {
	if !s.char('[') {
		return false
	}
	seen := 0
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case "index":
			return s.char('0') && once(&seen, 0)
		case "delta":
			return s.delta(text) && once(&seen, 1)
		case "finish_reason":
			return s.null() && once(&seen, 2)
		case "logprobs":
			return s.null() && once(&seen, 3)
		case "stop_reason":
			return s.null() && once(&seen, 4)
		case "matched_stop":
			return s.null() && once(&seen, 5)
		}
		return false
	})
	return ok && s.char(']')
}

func (s *scanner) delta(text *string) bool {
	seen := 0
	return s.object(func(name []byte) bool {
		switch string(name) {
		case "content":
			value, ok := s.text()
			*text = value
			return ok && once(&seen, 0)
		case "role":
			return s.plain() && once(&seen, 1)
		case "reasoning_content":
			return s.null() && once(&seen, 2)
		case "tool_calls":
			return s.null() && once(&seen, 3)
		case "refusal":
			return s.null() && once(&seen, 4)
		case "reasoning":
			return s.null() && once(&seen, 5)
		}
		return false
	})
}

// object walks over an object; member reads the value of each member. A name
// with an escape in it is one that nobody knows.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.char('{') {
		return false
	}
	if s.char('}') {
		return true
	}
	for {
		name, ok := s.quoted()
		if !ok || !s.char(':') || !member(name) {
			return false
		}
		if s.char(',') {
			continue
		}
		return s.char('}')
	}
}

func (s *scanner) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\t' || s.data[s.at] == '\n' || s.data[s.at] == '\r') {
		s.at++
	}
}

// char takes one character, after white space.
func (s *scanner) char(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) null() bool {
	s.space()
	if len(s.data)-s.at >= 4 && string(s.data[s.at:s.at+4]) == "null" {
		s.at += 4
		return true
	}
	return false
}

// plain takes null, a whole number or a string without escapes.
func (s *scanner) plain() bool {
	s.space()
	if s.at == len(s.data) {
		return false
	}
	switch c := s.data[s.at]; {
	case c == '"':
		_, ok := s.quoted()
		return ok
	case c >= '1' && c <= '9':
		for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
			s.at++
		}
		return true
	}
	return s.null()
}

// quoted takes a string without escapes.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.char('"') {
		return nil, false
	}
	for i := s.at; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			text := s.data[s.at:i]
			s.at = i + 1
			return text, utf8.Valid(text)
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// text takes a string, with the escapes that are one letter.
func (s *scanner) text() (string, bool) {
	start := s.at
	if text, ok := s.quoted(); ok {
		return string(text), true
	}
	s.at = start
	if !s.char('"') {
		return "", false
	}
	var out []byte
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return string(out), utf8.Valid(out)
		case c < ' ':
			return "", false
		case c == '\\':
			s.at++
			if s.at == len(s.data) {
				return "", false
			}
			c = unescaped[s.data[s.at]]
			if c == 0 {
				return "", false
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return "", false
}

// unescaped is what a letter after a backslash stands for; 0 for none, or for
// one that the decoder has to read.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
