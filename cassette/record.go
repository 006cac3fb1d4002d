package cassette

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

// Recorder is a Backend that writes what another one answers. It is safe for
// concurrent use.
//
// An exchange is written when it is over, errors of the back-end included. A
// stream that its reader leaves before the end, or whose caller's time is
// over, is not: the recording would be of the reader and not of the model.
// Equal requests are numbered in the order in which they were made; the first
// one of a Recorder replaces what the directory holds of it.
type Recorder struct {
	outcrop.Abilities
	dir    string
	config Config

	mu       sync.Mutex
	taken    map[string]int    // how many exchanges each key has
	profiles map[string]string // what is in the file of profiles
}

var (
	_ outcrop.Backend       = (*Recorder)(nil)
	_ outcrop.SchemaSupport = (*Recorder)(nil)
)

// NewRecorder wraps a back-end. It makes the directory.
func NewRecorder(next outcrop.Backend, dir string, config Config) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("cassette: %w", err)
	}
	profiles, err := readProfiles(dir)
	if err != nil {
		return nil, err
	}
	return &Recorder{Abilities: outcrop.Abilities{Next: next}, dir: dir, config: config.withDefaults(), taken: map[string]int{}, profiles: profiles}, nil
}

// Do asks the back-end and writes what it says.
func (r *Recorder) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	asked, err := r.config.requestOf(call)
	if err != nil {
		return nil, err
	}
	reply, err := r.Next.Do(ctx, call)
	e := &exchange{request: *asked}
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		e.err = r.redactedError(outcrop.AsError(err))
		if failed := r.save(e); failed != nil {
			return nil, failed
		}
		return nil, err
	}
	e.meta, e.streams = reply.Meta, reply.Stream != nil
	if e.streams {
		return outcrop.NewStreamReply(reply.Meta, reply.Stream.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
			return r.follow(ctx, e, events)
		})), nil
	}
	body, err := reply.Body()
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	e.body = r.config.redacted(body)
	if err := r.save(e); err != nil {
		return nil, err
	}
	return reply, nil
}

// follow writes a stream down as it is read, and to its file at the end.
func (r *Recorder) follow(ctx context.Context, e *exchange, events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		begun := r.config.Now()
		for received, err := range events {
			if err == nil {
				err = e.add(r.config, received, r.config.Now().Sub(begun))
			}
			if err != nil {
				if ctx.Err() == nil {
					e.err = r.redactedError(outcrop.AsError(err))
					if failed := r.save(e); failed != nil {
						err = failed
					}
				}
				yield(bedrock.Event{}, err)
				return
			}
			if !yield(received, nil) {
				return
			}
		}
		if err := r.save(e); err != nil {
			yield(bedrock.Event{}, err)
		}
	}
}

// add notes an event. Of a chunk it is the model's own JSON that is kept.
func (e *exchange) add(c Config, received bedrock.Event, at time.Duration) error {
	payload, err := received.Payload()
	if received.Type() == bedrock.ChunkEvent {
		payload, err = received.Chunk()
	}
	if err != nil {
		return err
	}
	e.events = append(e.events, event{at: max(at, 0).Round(time.Microsecond), kind: received.Type(), payload: c.redacted(payload)})
	return nil
}

func (r *Recorder) redactedError(e *outcrop.Error) *outcrop.Error {
	copied := *e
	copied.Message = string(r.config.redacted([]byte(e.Message)))
	if e.Partial != nil {
		copied.Partial = r.config.redacted(e.Partial)
	}
	return &copied
}

// save writes a file, whole or not at all.
func (r *Recorder) save(e *exchange) error {
	if err := strikeSpread(e.events); err != nil {
		return unwritten(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := e.request.key()
	r.taken[key]++
	n := r.taken[key]
	if n == 1 {
		if err := r.clear(key); err != nil {
			return unwritten(err)
		}
	}
	e.file = key + ".yaml"
	if n > 1 {
		e.file = fmt.Sprintf("%s-%d.yaml", key, n)
	}
	text, err := write(e)
	if err != nil {
		return unwritten(err)
	}
	if err := wholefile.Write(filepath.Join(r.dir, e.file), text); err != nil {
		return unwritten(err)
	}
	return nil
}

// clear removes what an earlier Recorder has written of a request.
func (r *Recorder) clear(key string) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, key) && strings.HasSuffix(name, ".yaml") {
			if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func unwritten(err error) error {
	return &outcrop.Error{Code: bedrock.CodeInternalServer, Message: "the exchange could not be recorded", Cause: err}
}
