package amazon_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// BenchmarkHop measures what a hop costs: a client asks a service directly,
// through net/http/httputil.ReverseProxy, and through an Outcrop that verifies
// nothing, signs anew and forwards. All three ends are in this process, so a
// hop's own CPU is the difference to "direct" of cpu-µs/op, which is of the
// whole process. p50-µs and p99-µs are of the client's wait.
//
// The request has 260 bytes and the reply 1.2 KB. A stream has 101 chunks, each
// flushed by the service: in "burst" as fast as it can, so that a hop finds
// several at once; in "paced" each when the client has got the one before, as
// from a model, which is slower than any hop. chunk-µs is then a chunk's whole
// way.
func BenchmarkHop(b *testing.B) {
	signedIn(b)
	service := httptest.NewServer(http.HandlerFunc(benchService))
	b.Cleanup(service.Close)
	target, err := url.Parse(service.URL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httptest.NewServer(reverseProxy(target))
	b.Cleanup(proxy.Close)
	forwarding := outcropOver(b, open(b, service.URL), nil)
	for _, what := range []struct{ name, path string }{
		{"whole", "/model/" + url.PathEscape(modelID) + "/converse"},
		{"burst", "/model/" + url.PathEscape(modelID) + "/converse-stream"},
		{"paced", "/model/" + url.PathEscape(modelID) + "/converse-stream"},
	} {
		for _, connections := range []int{1, 32} {
			for _, way := range []struct{ name, url string }{{"direct", service.URL}, {"proxy", proxy.URL}, {"outcrop", forwarding.URL}} {
				b.Run(fmt.Sprintf("%s/c=%d/%s", what.name, connections, way.name), func(b *testing.B) {
					load(b, way.url+what.path, connections, what.name == "paced")
				})
			}
		}
	}
}

// reverseProxy is the plain one, with connections enough.
func reverseProxy(target *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true},
	}
}

var (
	benchRequest = []byte(`{"messages":[{"role":"user","content":[{"text":"` + strings.Repeat("tell me more ", 13) + `"}]}],"inferenceConfig":{"maxTokens":500}}`)
	benchReply   = []byte(`{"metrics":{"latencyMs":7},"output":{"message":{"content":[{"text":"` + strings.Repeat("all there is ", 80) +
		`"}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":30,"outputTokens":240,"totalTokens":270}}`)
	benchFrames = func() [][]byte {
		frames := [][]byte{frame("messageStart", `{"p":"abcdefgh","role":"assistant"}`)}
		for range 96 {
			frames = append(frames, frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":" a few words"},"p":"abcdefghijklmn"}`))
		}
		return append(frames, helloFrames()[3:]...)
	}()
)

// paces are the channels of the clients that want the next chunk, by the
// header in which they name them.
var paces sync.Map

const paceHeader = "X-Amzn-Bedrock-Pace"

func benchService(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header()["X-Amzn-Requestid"] = []string{"7b7c1d0e-7b7c-4d0e-8b7c-1d0e7b7c1d0e"}
	if !strings.HasSuffix(r.URL.Path, "-stream") {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(benchReply)
		return
	}
	w.Header()["Content-Type"] = []string{eventstream.ContentType}
	c := http.NewResponseController(w)
	var next chan struct{}
	if pace, ok := paces.Load(r.Header.Get(paceHeader)); ok {
		next = pace.(chan struct{})
	}
	for _, f := range benchFrames {
		_, _ = w.Write(f)
		_ = c.Flush()
		if next != nil {
			<-next
		}
	}
}

// load sends b.N requests over a number of connections.
func load(b *testing.B, target string, connections int, paced bool) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	var broken atomic.Int64
	ask := func(client string, next chan struct{}) time.Duration {
		begun := time.Now()
		r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(string(benchRequest)))
		if err != nil {
			b.Error(err)
			return 0
		}
		r.Header["Content-Type"] = []string{"application/json"}
		if next != nil {
			r.Header[paceHeader] = []string{client}
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			b.Error(err)
			return 0
		}
		var n int64
		if next == nil {
			n, err = io.Copy(io.Discard, resp.Body)
		} else {
			n, err = follow(resp.Body, next)
		}
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || n < int64(len(benchReply)) {
			broken.Add(1)
			return 0
		}
		return time.Since(begun)
	}
	// Each request has a channel of its own: after one that broke off, the
	// service may still wait for somebody to ask for the next chunk.
	var asked atomic.Int64
	one := func() (waited time.Duration) {
		if !paced {
			return ask("", nil)
		}
		client, next := fmt.Sprintf("%s-%d", b.Name(), asked.Add(1)), make(chan struct{}, len(benchFrames))
		paces.Store(client, next)
		defer func() { paces.Delete(client); close(next) }()
		return ask(client, next)
	}
	for range connections {
		one()
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	waits := make([][]time.Duration, connections)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				waits[i] = append(waits[i], one())
			}
		})
	}
	group.Wait()
	spent := cpuTime(b) - before
	b.StopTimer()
	all := slices.Concat(waits...)
	slices.Sort(all)
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs/op")
	if n := broken.Load(); n > 0 {
		b.ReportMetric(float64(n), "broken")
	}
	if paced {
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1000/float64(len(benchFrames)), "chunk-µs")
	}
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds())/1000, "p99-µs")
}

// follow reads a stream, and asks for each chunk when it has the one before.
func follow(body io.Reader, next chan struct{}) (n int64, err error) {
	decoder := eventstream.NewDecoder(bufio.NewReader(body))
	for {
		m, err := decoder.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n += int64(len(m.Raw))
		next <- struct{}{}
	}
}

// cpuTime is what the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
