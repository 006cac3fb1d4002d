package clients_test

import (
	"context"
	"fmt"
	"iter"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// scripted is the simulator behind failures that the model's id asks for:
//
//	fail.CODE   every call is refused with the code
//	busy.N      the first N calls are throttled
//	cut.CODE    a stream ends in the code after cutAfter events
//
// It serves from this process, where its calls can be counted.
type scripted struct {
	simulator *simulator.Backend
	calls     atomic.Int64
}

const cutAfter = 4

func (s *scripted) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	n := s.calls.Add(1)
	script, code, _ := strings.Cut(call.ModelID, ".")
	switch script {
	case "fail":
		return nil, outcrop.Errorf(code, "%s", messageOf(code))
	case "busy":
		var busy int64
		if _, err := fmt.Sscan(code, &busy); err != nil {
			return nil, outcrop.AsError(err)
		}
		if n <= busy {
			return nil, outcrop.Errorf(bedrock.CodeThrottling, "%s", messageOf(bedrock.CodeThrottling))
		}
	}
	reply, err := s.simulator.Do(ctx, call.WithModel(modelID))
	if err == nil && script == "cut" {
		reply.Stream = reply.Stream.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
			return cut(events, outcrop.Errorf(code, "%s", messageOf(code)))
		})
	}
	return reply, err
}

// cut is the first events, then the error.
func cut(events iter.Seq2[bedrock.Event, error], err error) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		n := 0
		for event := range events {
			if n++; n > cutAfter {
				yield(bedrock.Event{}, err)
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// messageOf is the message of a scripted failure; the characters are such as
// a wire may spoil.
func messageOf(code string) string { return "Scripted “" + code + "” & é, for a test." }

// serveScripted serves until the test ends.
func serveScripted(t *testing.T) (*scripted, string) {
	t.Helper()
	backend, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{simulator: backend}
	manager, err := outcrop.New(outcrop.Config{Backend: s})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door, err := server.New(server.Config{Manager: manager, Addr: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- door.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, "http://" + listener.Addr().String()
}
