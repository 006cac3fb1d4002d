package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Query says which messages to read.
type Query struct {
	Subject string // with "*" and ">" for tokens; empty means all
	From    uint64 // the first sequence to look at; 0 means the beginning
}

// Read yields the messages of a stream in their order, until there are no more.
// What it yields belongs to the receiver. When it begins at the beginning, and
// there are messages that the server passed over since they are damaged, the
// last pair is a [*DamagedError]; whoever begins later must have numbers of its
// own to tell. Each message is a request to the server; embedded that takes
// some 40 µs.
func (s *Stream) Read(ctx context.Context, q Query) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		r := reader{stream: s, query: q, subject: s.prefix + cmp.Or(q.Subject, ">"), read: map[string]uint64{}}
		if err := r.run(ctx, func(m *Message) bool { return yield(m, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// reader is one Read.
type reader struct {
	stream  *Stream
	query   Query
	subject string
	read    map[string]uint64 // messages by subject
}

func (r *reader) run(ctx context.Context, yield func(*Message) bool) error {
	s := r.stream
	var before map[string]uint64
	if r.query.From <= 1 {
		var err error
		if before, err = s.Subjects(ctx, r.query.Subject); err != nil || len(before) == 0 {
			return err
		}
	}
	for next := max(r.query.From, 1); ; {
		raw, err := r.from(ctx, next)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return r.complete(ctx, before)
		}
		if err != nil {
			return s.failed(fmt.Sprintf("reading on from message %d", next), err)
		}
		m, err := s.read(raw.Subject, raw.Sequence, raw.Time, raw.Header, raw.Data)
		if err != nil || !yield(m) {
			return err
		}
		r.read[m.Subject]++
		next = raw.Sequence + 1
	}
}

// from is the first message that is asked for, from a sequence on.
func (r *reader) from(ctx context.Context, sequence uint64) (*jetstream.RawStreamMsg, error) {
	defer r.stream.journal.present()()
	return r.stream.stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(r.subject))
}

// complete tells whether all messages were read that had been there before and
// still are.
func (r *reader) complete(ctx context.Context, before map[string]uint64) error {
	var after map[string]uint64
	for subject, n := range before {
		if r.read[subject] >= n {
			continue
		}
		if after == nil { // something is damaged, or was deleted meanwhile
			var err error
			if after, err = r.stream.Subjects(ctx, r.query.Subject); err != nil {
				return err
			}
		}
		if n = min(n, after[subject]); r.read[subject] < n {
			return &DamagedError{r.stream.journal.dir, fmt.Sprintf("%d messages of stream %s under %s cannot be read", n-r.read[subject], r.stream.name, subject)}
		}
	}
	return nil
}

// Subjects is the subjects that have messages, with how many each. Empty matches
// all.
func (s *Stream) Subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	if filter == "" {
		filter = ">"
	}
	defer s.journal.present()()
	info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(s.prefix+filter))
	if err != nil {
		return nil, s.failed("listing subjects", err)
	}
	subjects := make(map[string]uint64, len(info.State.Subjects))
	for subject, n := range info.State.Subjects {
		subjects[strings.TrimPrefix(subject, s.prefix)] = n
	}
	return subjects, nil
}
