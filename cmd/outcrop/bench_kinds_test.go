package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// What a benchmark tells the process of a server, in its environment.
const (
	benchArgs   = "OUTCROP_BENCH_ARGS"   // of the program, separated by spaces
	benchReply  = "OUTCROP_BENCH_REPLY"  // the file of the reply's body
	benchTarget = "OUTCROP_BENCH_TARGET" // where a proxy leads to
	benchPace   = "OUTCROP_BENCH_PACE"   // between the chunks of a stream
)

// benchKinds are the servers that are compared, each in a process of its own.
var benchKinds = map[string]func() (string, error){
	"bare": func() (string, error) { return listenAndServe(new(http.Server), http.HandlerFunc(bareHandler)) },
	"tuned": func() (string, error) {
		tuneCollector() // as serve does for itself
		return listenAndServe(new(http.Server), http.HandlerFunc(bareHandler))
	},
	"floor":   benchFloor,
	"bedrock": func() (string, error) { return listenAndServe(new(http.Server), http.HandlerFunc(bedrockHandler)) },
	"engine":  func() (string, error) { return listenAndServe(new(http.Server), http.HandlerFunc(engineHandler)) },
	"proxy":   benchProxy,
	"serve":   benchServe, "keys": benchServe, "amazon": benchServe, "openai": benchServe,
}

func listenAndServe(srv *http.Server, handler http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv.Handler = handler
	go func() { _ = srv.Serve(l) }()
	return l.Addr().String(), nil
}

// benchServe is the program itself. Its log goes to a file, as under a
// supervisor.
func benchServe() (string, error) {
	dir, err := os.MkdirTemp("", "outcrop-bench-")
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	out, in := io.Pipe()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir}, strings.Fields(os.Getenv(benchArgs))...)
	go func() {
		code := run(context.Background(), args, os.Stdin, in, log)
		_ = in.CloseWithError(fmt.Errorf("exit code %d", code))
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return strings.TrimPrefix(strings.TrimSpace(line), "http://"), os.Remove(log.Name()) // the open file stays
}

// bareReply is the reply's body.
var bareReply []byte

// bareHandler does what any handler has to: read the body, write the reply.
func bareHandler(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if strings.HasSuffix(r.URL.Path, "stream") { // that stays open
		_, _ = w.Write([]byte("event"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(bareReply)))
	_, _ = w.Write(bareReply)
}

// benchFloor answers Converse with what nobody can leave out who answers from
// the simulator: it reads the request, asks, and writes the reply. It checks
// no signature, keeps no books and writes no log.
func benchFloor() (string, error) {
	tuneCollector()
	b, err := simulator.New(simulator.Config{})
	if err != nil {
		return "", err
	}
	return listenAndServe(new(http.Server), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		var reply *outcrop.Reply
		if err == nil {
			reply, err = b.Do(r.Context(), &outcrop.Call{Operation: bedrock.OpConverse, ModelID: benchModel, Raw: body})
		}
		if err == nil {
			body, err = reply.Body()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
}

// benchProxy is Go's own reverse proxy, with connections enough. It is given
// the request's body as a whole: when it copies the body while the reply
// begins already, net/http closes the body under it, and with that one stream
// in a hundred breaks off.
func benchProxy() (string, error) {
	target, err := url.Parse("http://" + os.Getenv(benchTarget))
	if err != nil {
		return "", err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true},
	}
	return listenAndServe(new(http.Server), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
}

// benchChunks is how many events or chunks a stream of the upstreams has.
const benchChunks = 100

// bedrockHandler is an upstream that speaks Bedrock's wire.
func bedrockHandler(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header()["X-Amzn-Requestid"] = []string{"7b7c1d0e-7b7c-4d0e-8b7c-1d0e7b7c1d0e"}
	if !strings.HasSuffix(r.URL.Path, "-stream") {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = io.WriteString(w, upstreamReply)
		return
	}
	w.Header()["Content-Type"] = []string{eventstream.ContentType}
	event := func(name, payload string) []byte {
		return eventstream.AppendEvent(nil, name, "application/json", []byte(payload))
	}
	chunks := [][]byte{event("messageStart", `{"p":"abcdefgh","role":"assistant"}`)}
	for range benchChunks - 4 {
		chunks = append(chunks, event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":" a few words"},"p":"abcdefghijklmn"}`))
	}
	sendChunks(w, append(
		chunks,
		event("contentBlockStop", `{"contentBlockIndex":0}`),
		event("messageStop", `{"stopReason":"end_turn"}`),
		event("metadata", `{"metrics":{"latencyMs":7},"usage":{"inputTokens":30,"outputTokens":240,"totalTokens":270}}`),
	))
}

const upstreamText = "A qubit holds more than a bit does. "

var upstreamReply = `{"metrics":{"latencyMs":7},"output":{"message":{"content":[{"text":"` + strings.Repeat(upstreamText, 28) +
	`"}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":30,"outputTokens":240,"totalTokens":270}}`

// engineHandler is an upstream that speaks Chat Completions.
func engineHandler(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if !strings.Contains(string(body), `"stream":true`) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = io.WriteString(w, engineReply)
		return
	}
	w.Header()["Content-Type"] = []string{"text/event-stream"}
	var chunks [][]byte
	for range benchChunks - 3 {
		chunks = append(chunks, []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" a few words"},"logprobs":null,"finish_reason":null}]}`+"\n\n"))
	}
	sendChunks(w, append(
		chunks,
		[]byte(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"),
		[]byte(`data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":240,"total_tokens":270}}`+"\n\n"),
		[]byte("data: [DONE]\n\n"),
	))
}

var engineReply = `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat(upstreamText, 28) + `"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":240,"total_tokens":270}}`

// sendChunks writes a stream, each chunk flushed: as fast as it can, or at a
// model's pace.
func sendChunks(w http.ResponseWriter, chunks [][]byte) {
	pace, _ := time.ParseDuration(os.Getenv(benchPace))
	c := http.NewResponseController(w)
	for _, chunk := range chunks {
		_, _ = w.Write(chunk)
		_ = c.Flush()
		if pace > 0 {
			time.Sleep(pace)
		}
	}
}
