package cassette

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// Name is what the player calls itself in a reply's Meta.
const Name = "cassette"

// Player is a Backend that answers what was recorded, and nothing else. It is
// safe for concurrent use.
//
// A request that was recorded several times is answered in that order, and
// then with the last one again.
type Player struct {
	config    Config
	exchanges []*exchange
	byKey     map[string][]*exchange
	profiles  map[string]string

	mu    sync.Mutex
	asked map[string]int
}

var (
	_ outcrop.Backend       = (*Player)(nil)
	_ outcrop.SchemaSupport = (*Player)(nil)
	_ outcrop.ModelLister   = (*Player)(nil)
	_ outcrop.TokenCounter  = (*Player)(nil)
)

// EmptyError is a directory without recordings.
type EmptyError struct{ Dir, Why string }

func (e *EmptyError) Error() string { return "cassette: " + e.Dir + " holds no recordings" + e.Why }

func emptyOf(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return &EmptyError{dir, ": there is no such directory"}
	}
	return &EmptyError{dir, " (*.yaml)"}
}

// Open reads a directory of recordings. It refuses one with a file that cannot
// be read, and one without any.
func Open(dir string, config Config) (*Player, error) {
	p := &Player{config: config.withDefaults(), byKey: map[string][]*exchange{}, asked: map[string]int{}}
	names, err := filepath.Glob(filepath.Join(escaped(dir), "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("cassette: %w", err)
	}
	if len(names) == 0 {
		return nil, emptyOf(dir)
	}
	if p.profiles, err = readProfiles(dir); err != nil {
		return nil, err
	}
	slices.SortFunc(names, byNumber)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cassette: %w", err)
		}
		e, err := read(filepath.Base(name), text)
		if err != nil {
			return nil, err
		}
		e.request.normal = p.config.normalize(e.request.Body)
		key := e.request.key()
		p.exchanges = append(p.exchanges, e)
		p.byKey[key] = append(p.byKey[key], e)
	}
	return p, nil
}

// escaped is a directory's name as a pattern that fits it alone.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// byNumber sorts x.yaml before x-2.yaml before x-10.yaml.
func byNumber(a, b string) int {
	nameA, nA := number(a)
	nameB, nB := number(b)
	if nameA != nameB {
		return strings.Compare(nameA, nameB)
	}
	return nA - nB
}

func number(name string) (string, int) {
	name = strings.TrimSuffix(name, ".yaml")
	if i := strings.LastIndexByte(name, '-'); i >= 0 && len(name)-i <= 6 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i], n
		}
	}
	return name, 1
}

// Do answers from the recordings.
func (p *Player) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	asked, err := p.config.requestOf(call)
	if err != nil {
		return nil, err
	}
	e := p.next(asked.key())
	if e == nil {
		return nil, missing(asked, p.exchanges)
	}
	meta := e.meta
	meta.Backend = Name
	if e.streams {
		ctx, cancel := context.WithCancel(ctx)
		pause := new(outcrop.Pause)
		return outcrop.NewStreamReply(meta, outcrop.NewStream(p.events(ctx, e, pause), cancel).WithPause(pause)), nil
	}
	if p.config.Paced && meta.Latency > 0 {
		if err := p.config.Sleep(ctx, meta.Latency); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	if e.err != nil {
		failed := *e.err
		return nil, &failed
	}
	return outcrop.NewReply(meta, slices.Clone(e.body)), nil
}

// next takes the recording whose turn it is.
func (p *Player) next(key string) *exchange {
	list := p.byKey[key]
	if len(list) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(p.asked[key], len(list)-1)
	p.asked[key]++
	return list[n]
}

// events replays a stream.
func (p *Player) events(ctx context.Context, e *exchange, pause *outcrop.Pause) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		var at time.Duration
		for _, recorded := range e.events {
			err := ctx.Err()
			if err == nil && p.config.Paced && recorded.at > at {
				pause.Begin()
				err = p.config.Sleep(ctx, recorded.at-at)
			}
			at = max(at, recorded.at)
			var replayed bedrock.Event
			if err == nil {
				replayed, err = recorded.replay()
			}
			if !yield(replayed, err) || err != nil {
				return
			}
		}
		if e.err != nil {
			failed := *e.err
			yield(bedrock.Event{}, &failed)
		}
	}
}

// replay is the event as it would come from the wire.
func (e *event) replay() (bedrock.Event, error) {
	if e.kind == bedrock.ChunkEvent {
		return bedrock.NewChunk(slices.Clone(e.payload)), nil
	}
	m, _, err := eventstream.Parse(eventstream.AppendEvent(nil, e.kind, "application/json", e.payload))
	if err != nil {
		return bedrock.Event{}, err
	}
	return bedrock.ReceivedEvent(m), nil
}
