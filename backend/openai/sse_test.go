package openai

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func readEvents(r io.Reader, maxEvent int, maxStream int64) (events []string, err error) {
	s := newSSE(r, maxEvent, maxStream)
	for {
		event, data, err := s.next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, string(event)+"|"+string(data))
	}
}

func TestSSE(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"events", "data: a\n\ndata: b\n\n", []string{"|a", "|b"}},
		{"without a space", "data:a\n\n", []string{"|a"}},
		{"two spaces", "data:  a\n\n", []string{"| a"}},
		{"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"|a", "|b"}},
		{"CR", "data: a\r\rdata: b\r\r", []string{"|a", "|b"}},
		{"several lines", "data: a\ndata: b\ndata\n\n", []string{"|a\nb\n"}},
		{"an event's name", "event: error\ndata: a\n\ndata: b\n\n", []string{"error|a", "|b"}},
		{"a name without data", "event: ping\n\ndata: b\n\n", []string{"|b"}},
		{"comments, ids, retry times", ": hello\nid: 7\nretry: 9\ndata: a\n\n:\n\n", []string{"|a"}},
		{"empty data", "data:\n\n", []string{"|"}},
		{"a byte order mark", "\uFEFFdata: a\n\n", []string{"|a"}},
		{"no blank line at the end", "data: a\n\ndata: b\n", []string{"|a", "|b"}},
		{"no line's end at the end", "data: a\n\ndata: b", []string{"|a", "|b"}},
		{"nothing", "", nil},
		{"blank lines", "\n\n\r\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for kind, r := range map[string]io.Reader{
				"at once":      strings.NewReader(c.text),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"with the end": iotest.DataErrReader(strings.NewReader(c.text)),
				"halves":       iotest.HalfReader(strings.NewReader(c.text)),
			} {
				got, err := readEvents(r, 1<<20, 1<<20)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s: %q, %v, want %q", kind, got, err, c.want)
				}
			}
		})
	}
}

func TestSSELimits(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	if _, err := readEvents(strings.NewReader("data: "+long+"\n\n"), 5000, 1<<20); !errors.Is(err, errEventTooLong) {
		t.Errorf("a long line: %v", err)
	}
	if _, err := readEvents(strings.NewReader(strings.Repeat("data: xxxxxxxx\n", 1000)), 5000, 1<<20); !errors.Is(err, errEventTooLong) {
		t.Errorf("many lines: %v", err)
	}
	if _, err := readEvents(strings.NewReader(strings.Repeat("data: x\n\n", 10_000)), 5000, 20_000); !errors.Is(err, errStreamTooLong) {
		t.Errorf("a long stream: %v", err)
	}
	got, err := readEvents(strings.NewReader("data: "+long+"\n\ndata: b\n\n"), 20_000, 1<<20)
	if err != nil || len(got) != 2 || got[0] != "|"+long {
		t.Errorf("an event larger than the buffer: %d events, %v", len(got), err)
	}
	broken := errors.New("reset")
	if _, err := readEvents(io.MultiReader(strings.NewReader("data: a\n"), iotest.ErrReader(broken)), 5000, 20_000); !errors.Is(err, broken) {
		t.Errorf("a broken connection: %v", err)
	}
}

// referenceEvents reads events the slow and plain way.
func referenceEvents(text string) (events []string) {
	text = strings.TrimPrefix(text, "\uFEFF")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	event, data, has := "", "", false
	end := func() {
		if has {
			events = append(events, event+"|"+data)
		}
		event, data, has = "", "", false
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			end()
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			if has {
				data += "\n"
			}
			data += value
			has = true
		case "event":
			event = value
		}
	}
	end()
	return events
}

func FuzzSSE(f *testing.F) {
	f.Add("data: a\r\n\r\ndata: b\rdata: c\n\nevent: e\n: x\ndata", uint8(3))
	f.Add("\uFEFFdata: [DONE]\n\n", uint8(1))
	f.Add("\uFEFF\uFEFFdata: a\n\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, piece uint8) {
		want := referenceEvents(text)
		got, err := readEvents(&pieces{text: text, n: int(piece%16) + 1}, len(text)+16, int64(len(text)))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q in pieces of %d: %q, want %q", text, piece%16+1, got, want)
		}
	})
}

// pieces reads a text n bytes at a time.
type pieces struct {
	text string
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b, p.text[:min(p.n, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}
