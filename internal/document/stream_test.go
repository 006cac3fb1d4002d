package document

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/memory"
)

// drain reads a stream of native chunks and calls each for every piece of text.
func (p *probe) drain(s *outcrop.Stream, each func()) (text string, usage bedrock.TokenUsage, pieces int) {
	p.Helper()
	defer s.Close()
	var reader outcrop.ChunkReader
	for event, err := range s.Events() {
		p.must(err)
		chunk, err := event.Chunk()
		p.must(err)
		piece, err := reader.Text(chunk)
		p.must(err)
		if piece != "" {
			text += piece
			pieces++
			each()
		}
	}
	return text, reader.Usage(), pieces
}

// told is a story told by sync and by stream, in virtual time.
type told struct {
	sync, total time.Duration
	arrivals    []time.Duration // of the pieces
	syncUsage   bedrock.TokenUsage
	usage       bedrock.TokenUsage
	same        bool
}

func (p *probe) tell() told {
	p.Helper()
	var r told
	c, m := p.paced()
	began := c.Now()
	whole, usage := p.invoke(m, "Write a story.")
	r.sync, r.syncUsage = c.Now().Sub(began), usage
	began = c.Now()
	result, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "stream", Prompt: "Write a story."})
	p.must(err)
	text, usage, _ := p.drain(result.Stream, func() { r.arrivals = append(r.arrivals, c.Now().Sub(began)) })
	r.total, r.usage, r.same = c.Now().Sub(began), usage, text == whole
	p.ran("m.Infer by sync and by stream", "sync: %v; stream: the first of %d pieces after %v, all after %v", r.sync, len(r.arrivals), r.arrivals[0], r.total)
	return r
}

var streaming = []check{
	{"Streaming inference allows you to receive", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.same && len(r.arrivals) > 50, "the same text came in %d pieces", len(r.arrivals))
		p.holds(r.arrivals[0] < r.arrivals[len(r.arrivals)/2] && r.arrivals[len(r.arrivals)/2] < r.total, "one after the other, while it was generated")
	}},
	{"Interactive applications where showing incremental results", func(p *probe, _ Item) {
		result, why := outcrop.Choose(&outcrop.InferRequest{Prompt: "Hello", Interactive: true})
		p.ran("outcrop.Choose(someone watches)", "%s: %s", result, why)
		p.holds(result == outcrop.MethodStream, "auto takes stream where someone watches")
		o := p.outcrop("stream", "--json", "Tell me about rocks.")
		p.holds(strings.Count(o.stdout, "text_delta") > 3, "each increment is a line of its own")
	}},
	{"Long-form content generation where you want", func(p *probe, _ Item) {
		o := p.outcrop("infer", "--method", "auto", "--explain", "--max-tokens", "4000", "Write an essay about robots.")
		p.holds(strings.Contains(o.stderr, "method stream"), "auto takes stream for a long output")
		r := p.tell()
		p.holds(r.arrivals[len(r.arrivals)/4] < r.total/2, "a quarter of the text is there before half of the time is over")
	}},
	{"Applications where perceived latency", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.arrivals[0]*5 < r.total, "the first words come in less than a fifth of the total time")
		p.holds(near(r.total, r.sync), "the total time stays that of sync, within 5 %%")
	}},
	{"Chat interfaces where typing indicators", func(p *probe, _ Item) {
		url := p.serve()
		o := p.command("Hello\nAnd again\n", `printf 'Hello\nAnd again\n' | outcrop chat`, program(p.T), "chat", "--endpoint", url)
		p.holds(o.code == 0 && o.stdout != "", "the chat answers")
		log := p.command("", "curl "+url+"/outcrop/requests", "curl", "-s", url+"/outcrop/requests")
		p.holds(strings.Count(log.stdout, "ConverseStream") == 2, "with a stream for each reply")
	}},
	{"python: def invoke_model_stream", func(p *probe, i Item) {
		o := p.python(i.Text + `
kinds = [chunk["type"] for chunk in invoke_model_stream("` + modelID + `", {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Write a short story about robots."}]})]
print(len(kinds), kinds[0], kinds.count("content_block_delta"), kinds[-1])
`)
		words := strings.Fields(o.stdout)
		p.holds(len(words) == 4 && words[1] == "message_start" && words[3] == "message_stop" && words[2] > "1", "the generator yields chunks from message_start to message_stop")
	}},
	{"bash: aws bedrock-runtime invoke-model-with-response-stream", func(p *probe, i Item) {
		p.script(i)
		text := p.read("output_stream.json")
		p.holds(strings.Contains(text, "message_start") && strings.Contains(text, "text_delta"), "output_stream.json holds the chunks")
	}},
	{"Subject to the same TPM and RPM", func(p *probe, _ Item) {
		b := p.books(throttle.Config{RequestsPerMinute: 2, TokensPerMinute: 100_000, Policy: throttle.RefundBucket})
		limits := []throttle.Limit{b.ask(p, outcrop.MethodSync, "Hello", 100), b.ask(p, outcrop.MethodStream, "Hello", 100), b.ask(p, outcrop.MethodStream, "Hello", 100)}
		p.ran("m.Infer by sync, stream, stream against one quota of 2 RPM", "%v", limits)
		p.holds(limits[1] == throttle.Accepted && limits[2] == throttle.Requests, "the stream is in the same books as sync")
		rows := compared(p)
		p.holds(rows["stream"].QuotaTokens == rows["sync"].QuotaTokens && rows["stream"].QuotaRequests == rows["sync"].QuotaRequests, "compare counts %d tokens and 1 request for both", rows["sync"].QuotaTokens)
	}},
	{"Can provide better perceived performance", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.arrivals[0]*5 < r.sync && near(r.total, r.sync), "first words %v against %v, total %v against %v", r.arrivals[0], r.sync, r.total, r.sync)
	}},
	{"May improve throughput for large outputs", func(p *probe, _ Item) {
		// Whoever works on a piece for as long as the model takes to write one
		// is done one piece after the end; behind sync the work begins there.
		r := p.tell()
		work := (r.total - r.arrivals[0]) / time.Duration(len(r.arrivals))
		var done time.Duration
		for _, arrived := range r.arrivals {
			done = max(done, arrived) + work
		}
		after := r.sync + work*time.Duration(len(r.arrivals))
		p.holds(done < after*2/3, "processing pieces as they come is done after %v, after the whole reply %v", done, after)
	}},
	{"Token usage is identical", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.usage.InputTokens == r.syncUsage.InputTokens && r.usage.OutputTokens == r.syncUsage.OutputTokens, "%d + %d tokens by both", r.usage.InputTokens, r.usage.OutputTokens)
		rows := compared(p)
		p.holds(rows["stream"].Usage.TotalTokens == rows["sync"].Usage.TotalTokens && rows["sync"].Usage.TotalTokens > 0, "compare: %d by both", rows["sync"].Usage.TotalTokens)
	}},
	{"Update UI incrementally", func(p *probe, _ Item) {
		m := p.manager(local.Config{})
		r, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "stream", Prompt: "Write a short story about robots."})
		p.must(err)
		shown := 0
		text, _, pieces := p.drain(r.Stream, func() { shown++ })
		p.ran("m.Infer by stream", "%d pieces of %q", pieces, text)
		p.holds(shown == pieces && shown > 3, "the display was updated %d times", shown)
		e := p.engine(0)
		watched := p.start("stream", "--backend", e.flag, "-m", modelID, "Write a short story.")
		p.holds(watched.says(has(firstWords)) && !strings.Contains(watched.said(), lastWords), "the first words are shown while the model writes the last")
		e.goOn()
		p.holds(strings.Contains(watched.ends(), lastWords), "and then the last")
		e = p.engine(0)
		url := p.serve("--backend", e.flag)
		watched = p.start("stream", "--endpoint", url, "-m", modelID, "Write a short story.")
		p.holds(watched.says(has(firstWords)) && !strings.Contains(watched.said(), lastWords), "through a server, too")
		e.goOn()
		watched.ends()
	}},
	{"Implement robust error handling", func(p *probe, _ Item) {
		p.write("rules.yaml", "rules: [{reply: {text: one two three four five six seven eight, cut: {after: 3, code: ModelStreamErrorException}}}]")
		o := p.fails("--rules", "rules.yaml", "stream", "Count.")
		p.holds(strings.Contains(o.stderr, "ModelStreamErrorException") && o.code != 1, "the interruption has a name and an exit code of its own, %d", o.code)
		p.holds(strings.HasPrefix(o.stdout, "one") && !strings.Contains(o.stdout, "eight"), "and what had come is not lost")
		url := p.serve("--rules", "rules.yaml")
		o = p.fails("--endpoint", url, "stream", "Count.")
		p.holds(strings.Contains(o.stderr, "the rules file cuts this stream") && strings.HasPrefix(o.stdout, "one"), "a server says why, within the stream")
	}},
	{"Consider connection timeout limits", func(p *probe, _ Item) {
		m := p.manager(local.Config{Simulator: p.rules(fmt.Sprintf(`rules:
- {reply: {text: %q, cut: {after: 20, code: ModelStreamErrorException}}, times: 1}
- {match: {turn: 2}, reply: {text: and that is the end.}}
- {reply: {text: Once upon a time}}`, story))})
		partial, err := p.broken(m)
		p.holds(err != nil && partial != "", "a connection that ends leaves its words and an error")
		r, err := m.Converse(p.Context(), &bedrock.ConverseRequest{Messages: []bedrock.Message{
			bedrock.UserText("Write a story."), said(strings.TrimSpace(partial)), bedrock.UserText("Go on where you stopped."),
		}})
		p.must(err)
		rest := r.Output.Message.Text()
		p.ran("m.Converse(what came, go on)", "%q + %q", partial, rest)
		p.holds(rest == "and that is the end.", "another request goes on from the partial text")
		p.write("long.yaml", fmt.Sprintf("rules: [{reply: {text: %q}}]", strings.Repeat(story+" ", 8)))
		url := p.serve("--idle-timeout", "50ms", "--write-stall", "50ms", "--rules", "long.yaml")
		p.holds(p.hangsUp(url), "the server ends a connection that is idle: --idle-timeout")
		p.holds(p.givesUp(url), "and one whose client reads nothing: --write-stall")
	}},
	{"Manage incomplete responses", func(p *probe, _ Item) {
		m := p.manager(local.Config{Simulator: p.rules(fmt.Sprintf("rules: [{reply: {text: %q, cut: {after: 20, code: ModelStreamErrorException}}}]", story))})
		partial, err := p.broken(m)
		p.holds(err != nil && strings.HasPrefix(story, partial) && len(partial) > 20, "the partial text is a beginning of the whole, and the error says that it is one")
		s := memory.New()
		turn(p, s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText("Write a story.")}}, partial, true)
		c, _, err := memory.Assemble(s, memory.NewTurn{Resume: true}, memory.Policy{}, memory.Budget{Tokens: 8000}, memory.For(modelID))
		p.must(err)
		text := c.Messages[len(c.Messages)-1].Text()
		for i := range c.Messages {
			text += c.Messages[i].Text()
		}
		p.ran("memory.Assemble(Resume)", "%d messages, interrupted: %v", len(c.Messages), s.Interrupted())
		p.holds(s.Interrupted() && strings.Contains(text, strings.TrimSpace(partial)), "a conversation keeps the partial reply and goes on from it")
	}},
}

// has tells whether a program has said something.
func has(words string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, words) }
}

// dial connects to a server, for a client that is not to behave.
func (p *probe) dial(url string) *net.TCPConn {
	p.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	p.must(err)
	p.Cleanup(func() { c.Close() })
	p.must(c.SetDeadline(time.Now().Add(stopTimeout)))
	return c.(*net.TCPConn)
}

const (
	aRequest = `{"messages":[{"role":"user","content":[{"text":"Tell all."}]}]}`
	aHeader  = "POST /model/%s/converse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)

// hangsUp tells whether a server ends a connection on which nothing more is
// asked.
func (p *probe) hangsUp(url string) bool {
	p.Helper()
	c := p.dial(url)
	_, err := fmt.Fprintf(c, aHeader, modelID, len(aRequest), aRequest)
	p.must(err)
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	p.must(err)
	_, err = io.Copy(io.Discard, reply.Body)
	p.must(err)
	p.must(c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	p.ran("a second request is not sent", "%v", err)
	return errors.Is(err, io.EOF)
}

// givesUp tells whether a server leaves a client that asks for much and reads
// nothing.
func (p *probe) givesUp(url string) bool {
	p.Helper()
	const asked = 1500 // replies, more than the sockets hold
	for wait := 500 * time.Millisecond; wait < patience; wait *= 4 {
		c := p.dial(url)
		go fmt.Fprint(c, strings.Repeat(fmt.Sprintf(aHeader, modelID, len(aRequest), aRequest), asked)) //nolint:errcheck // the server may have gone
		time.Sleep(wait)
		replies := bufio.NewReader(c)
		whole := 0
		for whole < asked && readReply(replies) == nil {
			whole++
		}
		c.Close()
		p.ran(fmt.Sprintf("%d requests, and nothing read for %v", asked, wait), "%d replies", whole)
		if whole < asked {
			return true
		}
	}
	return false
}

func readReply(r *bufio.Reader) error {
	reply, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reply.Body)
	return err
}

// near is within 5 %.
func near(a, b time.Duration) bool { return max(a, b)-min(a, b) <= b/20 }

// broken reads a stream until it breaks off.
func (p *probe) broken(m *local.Local) (text string, err error) {
	p.Helper()
	s, err := m.ConverseStream(p.Context(), &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("Write a story.")}})
	p.must(err)
	defer s.Close()
	for event, broke := range s.Events() {
		if err = broke; err != nil {
			break
		}
		piece, decoded := event.Output()
		p.must(decoded)
		if d := piece.ContentBlockDelta; d != nil && d.Delta.Text != nil {
			text += *d.Delta.Text
		}
	}
	p.ran("m.ConverseStream", "%q, then %v", text, err)
	return text, err
}

func said(text string) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
}
