//go:build !race

package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	settings "github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
)

// TestStackOfAnOpenStream: a stream that is open and waits for its model's next
// event has about as much stack as one of a bare handler of net/http: its own of
// 8 KB, and the small one with which net/http watches the connection. Stacks
// double when they grow, so a stream that needs more has 8 KB more. The race
// detector makes all of them larger.
func TestStackOfAnOpenStream(t *testing.T) {
	set := settings.Default()
	set.Simulator.Pace, set.Simulator.FirstToken, set.Simulator.TokensPerSecond = true, time.Millisecond, 0.001
	m, err := local.Open("", local.Config{Settings: set})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	r := start(t, server.Config{
		Manager: m.Manager, Origin: m.Desk().Origin, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), RequestLog: io.Discard,
		Limits: server.Limits{DrainTimeout: time.Millisecond},
	})
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "an event")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer bare.Close()
	const most = 6 << 10
	if ours, theirs := stackOfAStream(t, r.url), stackOfAStream(t, bare.URL); ours > theirs+most {
		t.Errorf("an open stream has %d bytes of stack, a bare one %d", ours, theirs)
	}
}

// stackOfAStream opens streams of a server in this process, with clients that
// need no goroutines, and says by how much of stack each is more.
func stackOfAStream(t *testing.T, url string) int {
	t.Helper()
	const streams = 200
	conns := make([]net.Conn, 0, 2*streams)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	open := func() {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		fmt.Fprintf(c, "POST /model/%s/converse-stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", modelID, len(converseBody), converseBody)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
	}
	for range streams / 10 { // what only the first ones need
		open()
	}
	before := stacks()
	for range streams {
		open()
	}
	return (stacks() - before) / streams
}

// stacks is how many bytes all stacks have, after collections have halved those
// of which little is used.
func stacks() int {
	for range 5 {
		runtime.GC()
	}
	all := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(all)
	return int(all[0].Value.Uint64())
}
