package openai

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

const benchRequest = `{"system":[{"text":"Be brief."}],"messages":[{"role":"user","content":[{"text":"What is quantum computing, and what is it likely to be good for in chemistry? Answer in two paragraphs."}]}],"inferenceConfig":{"maxTokens":500,"temperature":0.5}}`

// benchReply is a reply of about 1.2 KB.
var benchReply = `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("A qubit holds more than a bit does. ", 28) + `"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":250,"total_tokens":280}}`

const benchChunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" a word or two"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

func BenchmarkRequest(b *testing.B) {
	backend := newBackend(b, Config{})
	req := converseRequest(b, benchRequest)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := backend.prepare(b.Context(), req, "m", true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	backend := newBackend(b, Config{})
	a, err := backend.prepare(b.Context(), converseRequest(b, benchRequest), "m", false)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(benchReply)
	b.ReportAllocs()
	for b.Loop() {
		var c completion
		if err := bedrock.Unmarshal(text, &c); err != nil {
			b.Fatal(err)
		}
		if _, err := backend.response(a, &c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChunk reads one chunk, makes its event, and frames it.
func BenchmarkChunk(b *testing.B) {
	backend := newBackend(b, Config{})
	a, err := backend.prepare(b.Context(), converseRequest(b, benchRequest), "m", true)
	if err != nil {
		b.Fatal(err)
	}
	var frame []byte
	s := &streamer{
		backend: backend, ask: a, open: -1, watch: upstream.NewWatch(context.Background(), &upstream.Limit{D: backend.config.IdleTimeout, What: ""}),
		sse: newSSE(&repeating{text: benchChunk}, 1<<20, 1<<62),
		yield: func(event bedrock.Event, _ error) bool {
			frame, _ = event.AppendFrame(frame[:0])
			return true
		},
	}
	defer s.watch.Stop()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.read(); err != nil {
			b.Fatal(err)
		}
		if err := s.take(); err != nil {
			b.Fatal(err)
		}
	}
}

// repeating is a text without end.
type repeating struct {
	text string
	at   int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// BenchmarkSSE is the reader alone.
func BenchmarkSSE(b *testing.B) {
	s := newSSE(&repeating{text: benchChunk}, 1<<20, 1<<62)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.next(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHop compares the CPU of a hop through the back-end, from Converse
// bytes to Converse bytes, with a bare reverse proxy's of the chat bytes.
// cpu-µs/op is of the whole process: client, hop and engine, so the hop alone
// is what a column has over "direct".
func BenchmarkHop(b *testing.B) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, benchReply)
	}))
	defer engine.Close()
	for _, way := range ways(b, engine.URL, bedrock.OpConverse) {
		b.Run(way.name, func(b *testing.B) { hop(b, way) })
	}
}

// BenchmarkHopChunk does so for one chunk of a stream. The engine sends the
// next chunk when the client has got the last, as engines are slower than
// networks; otherwise a proxy copies many at once.
func BenchmarkHopChunk(b *testing.B) {
	next := make(chan struct{})
	chunk := strings.Replace(benchChunk, "word", "@", 1)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		for range next {
			_, _ = io.WriteString(w, chunk)
			_ = flush.Flush()
		}
		_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"+
			`data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":200}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer engine.Close()
	for _, way := range ways(b, engine.URL, bedrock.OpConverseStream) {
		b.Run(way.name, func(b *testing.B) {
			next = make(chan struct{})
			hopChunks(b, way, next)
		})
	}
}

// way is one way to an engine.
type way struct {
	name    string
	handler http.Handler // nil for none between
	url     string       // the engine's, or the path on the handler
	body    []byte
}

func ways(b *testing.B, engine, operation string) []way {
	backend := newBackend(b, Config{BaseURL: engine + "/v1", MaxReply: 1 << 40})
	a, err := backend.prepare(b.Context(), converseRequest(b, benchRequest), "m", operation == bedrock.OpConverseStream)
	if err != nil {
		b.Fatal(err)
	}
	target, err := url.Parse(engine)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = backend.config.Transport
	const chat = "/v1/chat/completions"
	return []way{
		{"direct", nil, engine + chat, a.body},
		{"reverseproxy", proxy, chat, a.body},
		{"outcrop", door(backend, operation), "/converse", []byte(benchRequest)},
	}
}

// door is the least that a server does around a back-end.
func door(backend *Backend, operation string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		reply, err := backend.Do(r.Context(), &outcrop.Call{Operation: operation, ModelID: "m", Raw: body})
		if err != nil {
			panic(err)
		}
		if reply.Stream == nil {
			text, err := reply.Body()
			if err != nil {
				panic(err)
			}
			_, _ = w.Write(text)
			return
		}
		defer reply.Stream.Close()
		flush := http.NewResponseController(w)
		var frame []byte
		for event, err := range reply.Stream.Events() {
			if err != nil {
				panic(err)
			}
			if frame, err = event.AppendFrame(frame[:0]); err != nil {
				panic(err)
			}
			_, _ = w.Write(frame)
			_ = flush.Flush()
		}
	})
}

func (w *way) open(b *testing.B) (client *http.Client, address string, end func()) {
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	if w.handler == nil {
		return client, w.url, client.CloseIdleConnections
	}
	server := httptest.NewServer(w.handler)
	return client, server.URL + w.url, func() { client.CloseIdleConnections(); server.Close() }
}

func hop(b *testing.B, w way) {
	client, address, end := w.open(b)
	defer end()
	before := processCPU(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Post(address, "application/json", bytes.NewReader(w.body))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
				b.Error(res.Status, err)
			}
			_ = res.Body.Close()
		}
	})
	b.ReportMetric(float64(processCPU(b)-before)/float64(b.N)/1000, "cpu-µs/op")
}

func hopChunks(b *testing.B, w way, next chan<- struct{}) {
	client, address, end := w.open(b)
	defer end()
	go func() { next <- struct{}{} }() // a reply begins with its first chunk
	res, err := client.Post(address, "application/json", bytes.NewReader(w.body))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 4096)
	await := func() {
		for got := 0; got == 0; {
			n, err := res.Body.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			got = bytes.Count(buf[:n], []byte("@"))
		}
	}
	await()
	before := processCPU(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		next <- struct{}{}
		await()
	}
	b.StopTimer()
	b.ReportMetric(float64(processCPU(b)-before)/float64(b.N)/1000, "cpu-µs/op")
	close(next)
	_, _ = io.Copy(io.Discard, res.Body)
}

// processCPU is the processor time of the process so far, in nanoseconds.
func processCPU(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
