package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// The benchmarks run each server in a process of its own, so that what they
// measure of it is without the cost of the clients. The variable names the
// kind of server that the test binary then becomes.
const kindVariable = "OUTCROP_BENCH_SERVER"

// kinds are the servers that are compared: what Go's net/http costs when it
// answers with the same bytes, and the door over ever more work.
var kinds = []string{"bare", "bytes", "value", "logged", "signed"}

const (
	benchPrompt  = "Explain in two or three sentences why the sky is blue during the day and red in the evening, for a child of ten years who likes physics."
	benchRequest = `{"messages":[{"role":"user","content":[{"text":"` + benchPrompt + `"}]}],"inferenceConfig":{"maxTokens":512,"temperature":0.5},"system":[{"text":"You are brief."}]}`
)

func benchReply() *bedrock.ConverseResponse {
	text := strings.Repeat("Sunlight is scattered by the air. ", 32)
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
	return &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: bedrock.StopReasonEndTurn,
		Usage: bedrock.TokenUsage{InputTokens: 43, OutputTokens: 256, TotalTokens: 299}, Metrics: bedrock.ConverseMetrics{LatencyMs: 10},
	}
}

// benchServer is the process of one kind of server. It prints its address,
// and answers each line of its input with what was asked for.
func benchServer(kind string) error {
	response := benchReply()
	reply, err := bedrock.Marshal(response)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if kind == "bare" {
		srv := &http.Server{Handler: bareHandler(reply)}
		go func() { _ = srv.Serve(l) }()
	} else {
		s, err := benchDoor(kind, response, reply)
		if err != nil {
			return err
		}
		go func() { _ = s.Serve(ctx, l) }()
	}
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "cpu":
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				return err
			}
			fmt.Println(u.Utime.Nano() + u.Stime.Nano())
		case "memory":
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println(m.HeapAlloc + m.StackInuse)
		}
	}
	return nil
}

// bareHandler does what any handler has to: read the body, write the reply.
func bareHandler(reply []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "stream") {
			_, _ = w.Write([]byte("event"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
		_, _ = w.Write(reply)
	})
}

func benchDoor(kind string, response *bedrock.ConverseResponse, reply []byte) (*server.Server, error) {
	meta := outcrop.Meta{Backend: "bench"}
	m, err := outcrop.New(outcrop.Config{Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		switch {
		case call.Streams():
			return outcrop.NewStreamReply(meta, outcrop.NewStream(thenWait(ctx, delta("event")), nil)), nil
		case kind == "bytes":
			return outcrop.NewReply(meta, reply), nil
		}
		if _, err := call.Converse(); err != nil {
			return nil, err
		}
		return outcrop.NewConverseReply(meta, response), nil
	})})
	if err != nil {
		return nil, err
	}
	config := server.Config{Manager: m}
	if kind == "logged" {
		config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if kind == "signed" {
		config.Keys = keyring(new(testing.B))
	}
	return server.New(config)
}

// process is a running benchServer.
type process struct {
	kind string
	addr string
	in   io.Writer
	out  *bufio.Reader
}

func startProcess(b *testing.B, kind string) *process {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), kindVariable+"="+kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close() // its end
		_ = cmd.Wait()
	})
	p := &process{kind: kind, in: in, out: bufio.NewReader(out)}
	p.addr = p.line(b)
	return p
}

func (p *process) line(b *testing.B) string {
	b.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// ask is what the process says of its CPU time, in ns, or its memory, in bytes.
func (p *process) ask(b *testing.B, what string) float64 {
	b.Helper()
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseFloat(p.line(b), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// request is a whole HTTP request as bytes; for a server with keys, signed.
func (p *process) request(b *testing.B, operation string) []byte {
	b.Helper()
	url := "http://" + p.addr + "/model/amazon.nova-lite-v1%3A0/" + operation
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(benchRequest))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 api/bedrockruntime#1.63.11")
	req.Header.Set("Amz-Sdk-Invocation-Id", "0c7bba16-a9d3-4d3a-8d0b-b3a5a4f2ba4f")
	if p.kind == "signed" {
		sign(b, req, benchRequest, time.Now())
	}
	var buf bytes.Buffer
	if err := req.Write(&buf); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// connection is a client that costs next to nothing.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func (p *process) connect(b *testing.B) *connection {
	b.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return &connection{c, bufio.NewReader(c)}
}

// roundTrip sends a request and reads the reply's status line and its body.
func (c *connection) roundTrip(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	length, err := c.readHeader()
	if err != nil {
		return err
	}
	_, err = c.r.Discard(length)
	return err
}

func (c *connection) readHeader() (length int, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.Contains(line, []byte(" 200 ")) {
		return 0, fmt.Errorf("the reply is %s", line)
	}
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil || len(line) <= 2 {
			return length, err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
}

// BenchmarkConverse compares the kinds of servers by their CPU time for a
// request, in short turns, so that a busy machine disturbs all of them alike.
// Each figure is the median of the turns, and each ratio the median of the
// ratios of neighbouring turns. The time per operation is that of one request
// to each kind.
func BenchmarkConverse(b *testing.B) {
	for _, conns := range []int{1, 32} {
		b.Run(fmt.Sprintf("connections=%d", conns), func(b *testing.B) {
			const turn = 500 // requests to a kind before the next has its turn
			var loads []*load
			for _, kind := range kinds {
				l := newLoad(b, kind, conns)
				l.run(b, 4*turn) // warm
				l.cpu, l.took = nil, nil
				loads = append(loads, l)
			}
			for left := b.N; left > 0; left -= turn {
				for _, l := range loads {
					l.run(b, min(left, turn))
				}
			}
			for _, l := range loads {
				var ratios []float64
				for i := range l.cpu {
					ratios = append(ratios, l.cpu[i]/loads[0].cpu[i])
				}
				b.ReportMetric(median(l.cpu)/1000, l.kind+"-cpu-µs/req")
				b.ReportMetric(median(ratios), l.kind+"/bare")
				b.ReportMetric(median(l.took)/1000*float64(conns), l.kind+"-µs/req")
			}
		})
	}
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// load is a server with its connections and what they cost it.
type load struct {
	*process
	wire  []byte
	conns []*connection
	cpu   []float64 // of each turn, in ns for a request
	took  []float64 // likewise, by the clock
}

func newLoad(b *testing.B, kind string, conns int) *load {
	b.Helper()
	l := &load{process: startProcess(b, kind)}
	l.wire = l.request(b, "converse")
	for range conns {
		l.conns = append(l.conns, l.connect(b))
	}
	return l
}

// run sends n requests over all connections at once.
func (l *load) run(b *testing.B, n int) {
	b.Helper()
	cpu, began := l.ask(b, "cpu"), time.Now()
	var all sync.WaitGroup
	for i, c := range l.conns {
		share := n / len(l.conns)
		if i < n%len(l.conns) {
			share++
		}
		all.Go(func() {
			for range share {
				if err := c.roundTrip(l.wire); err != nil {
					b.Errorf("%s: %v", l.kind, err)
					return
				}
			}
		})
	}
	all.Wait()
	l.took = append(l.took, float64(time.Since(began))/float64(n))
	l.cpu = append(l.cpu, (l.ask(b, "cpu")-cpu)/float64(n))
}

// BenchmarkHandler measures what the door and the codec allocate and take,
// without the connection.
func BenchmarkHandler(b *testing.B) {
	response := benchReply()
	reply, err := bedrock.Marshal(response)
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range kinds[1:] {
		b.Run(kind, func(b *testing.B) {
			s, err := benchDoor(kind, response, reply)
			if err != nil {
				b.Fatal(err)
			}
			p := &process{kind: kind, addr: "localhost"}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p.request(b, "converse"))))
			if err != nil {
				b.Fatal(err)
			}
			body, w, handler := strings.NewReader(""), discard{}, s.Handler()
			r.Body = io.NopCloser(body)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(benchRequest)
				clear(w)
				handler.ServeHTTP(w, r)
			}
			if w["Content-Length"][0] != strconv.Itoa(len(reply)) {
				b.Fatalf("the reply's header is %v", w)
			}
		})
	}
}

// discard is a client that wants nothing but the header.
type discard http.Header

func (d discard) Header() http.Header              { return http.Header(d) }
func (d discard) WriteHeader(int)                  {}
func (d discard) Write(p []byte) (int, error)      { return len(p), nil }
func (d discard) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkOpenStreams measures what 1,000 streams cost that are open and
// wait for their model's next event.
func BenchmarkOpenStreams(b *testing.B) {
	for _, kind := range []string{"bare", "value"} {
		b.Run(kind, func(b *testing.B) {
			bytes := 0.0
			for b.Loop() {
				bytes += startProcess(b, kind).openStreams(b)
			}
			b.ReportMetric(bytes/float64(b.N), "B/stream")
		})
	}
}

// openStreams opens 1,000 streams, and returns the memory that each takes.
func (p *process) openStreams(b *testing.B) float64 {
	b.Helper()
	const streams = 1000
	request := p.request(b, "converse-stream")
	before := p.ask(b, "memory")
	for range streams {
		c := p.connect(b)
		defer c.Close()
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := c.readHeader(); err != nil {
			b.Fatal(err)
		}
	}
	return (p.ask(b, "memory") - before) / streams
}

// profiled runs f under the CPU profiler when a file is named.
func profiled(f func() error) error {
	name := os.Getenv("OUTCROP_BENCH_PROFILE")
	if name == "" {
		return f()
	}
	file, err := os.Create(name + "." + os.Getenv(kindVariable))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}
