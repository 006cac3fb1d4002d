package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// StreamConfig says what a stream is. Name and Format are required.
type StreamConfig struct {
	Name   string // within the journal: letters, digits, dashes
	Format Format // of its messages

	// Last keeps only so many of the latest messages of each subject; 0 keeps
	// all.
	Last int

	// MaxAge drops messages that are older; 0 keeps them.
	MaxAge time.Duration

	// Passing says that the stream will be deleted again. The streams of the
	// embedded server that are not passing are known to store.json, and a store
	// that lacks one is refused.
	Passing bool

	// Volatile keeps the stream in memory: it is gone when the embedded server
	// stops.
	Volatile bool
}

// Stream is an append-only history of messages under subjects. Subjects are
// relative to the stream: tokens with dots between them, made by [Token] of
// whatever is not known to be one; in reading, "*" stands for any token and ">"
// for the rest.
type Stream struct {
	journal *Journal
	config  StreamConfig
	name    string // on the server
	prefix  string // of its subjects, with a dot at the end
	stream  jetstream.Stream
}

// Message is one message of a stream.
type Message struct {
	Subject  string // relative to the stream
	Sequence uint64 // in the stream, from 1; the later, the larger
	Time     time.Time
	Version  int               // of the stream's format in which it was written
	Header   map[string]string // what Append was given
	Data     []byte
}

// Stream opens a stream, and makes it when there is none.
func (j *Journal) Stream(ctx context.Context, c StreamConfig) (*Stream, error) {
	if !nameForm.MatchString(c.Name) || c.Format.Name == "" || c.Format.Version < 1 {
		return nil, fmt.Errorf("journal: stream %q needs a Name of letters, digits and dashes, and a Format", c.Name)
	}
	s := &Stream{journal: j, config: c, name: j.streamName(c.Name), prefix: j.config.Name + "." + strings.ToLower(c.Name) + "."}
	defer j.present()()
	var err error
	if s.stream, err = s.create(ctx); err != nil {
		return nil, s.failed("opening it", err)
	}
	if !c.Passing && !c.Volatile && j.embedded != nil {
		if err := j.marker.know(s.name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// create makes the stream on the server, unless it is there.
func (s *Stream) create(ctx context.Context) (jetstream.Stream, error) {
	j, c := s.journal, s.config
	wanted := jetstream.StreamConfig{
		Name: s.name, Subjects: []string{s.prefix + ">"}, Replicas: j.replicas,
		MaxMsgsPerSubject: -1, MaxAge: c.MaxAge, Storage: jetstream.FileStorage,
		// With one replica a direct answer is as fresh as the leader's, and
		// cheaper; another replica may not have seen the last message yet.
		AllowDirect: j.replicas == 1,
		Duplicates:  time.Second, // unused; its table of ids costs memory
		Metadata:    map[string]string{"outcrop-store-format": fmt.Sprint(StoreFormat)},
	}
	if c.MaxAge > 0 {
		wanted.Duplicates = min(wanted.Duplicates, c.MaxAge)
	}
	if c.Last > 0 {
		wanted.MaxMsgsPerSubject = int64(c.Last)
	}
	if c.Volatile {
		wanted.Storage = jetstream.MemoryStorage
	}
	return j.js.CreateOrUpdateStream(ctx, wanted)
}

// streamName is a stream's name on the server.
func (j *Journal) streamName(name string) string {
	return strings.ToUpper(j.config.Name) + "_" + strings.ToUpper(name)
}

// StreamNames yields the names of the streams that begin with a prefix, in
// lower case, with what is stored in each.
func (j *Journal) StreamNames(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		own := strings.ToUpper(j.config.Name) + "_"
		names, err := j.serverStreams(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			name, ok := strings.CutPrefix(name, own)
			if name = strings.ToLower(name); !ok || !strings.HasPrefix(name, strings.ToLower(prefix)) {
				continue
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// serverStreams is the names of all streams on the server.
func (j *Journal) serverStreams(ctx context.Context) ([]string, error) {
	defer j.present()()
	list := j.js.StreamNames(ctx)
	var names []string
	for name := range list.Name() {
		names = append(names, name)
	}
	return names, j.failed("listing streams", list.Err())
}

// DeleteStream deletes a stream with all its messages, if it is there.
func (j *Journal) DeleteStream(ctx context.Context, name string) error {
	defer j.present()()
	err := j.failed("deleting stream "+name, j.js.DeleteStream(ctx, j.streamName(name)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// AppendOption changes what Append does.
type AppendOption func(*nats.Msg, *[]jetstream.PublishOpt)

// ExpectLast has Append store the message only when the subject's last message
// has this sequence; 0 means that there is none. Otherwise the error is
// [ErrConflict].
func ExpectLast(sequence uint64) AppendOption {
	return func(_ *nats.Msg, options *[]jetstream.PublishOpt) {
		*options = append(*options, jetstream.WithExpectLastSequencePerSubject(sequence))
	}
}

// WithHeader stores a header with the message.
func WithHeader(name, value string) AppendOption {
	return func(m *nats.Msg, _ *[]jetstream.PublishOpt) { m.Header.Set(name, value) }
}

func (s *Stream) message(subject string, data []byte, options []AppendOption) (*nats.Msg, []jetstream.PublishOpt) {
	m := &nats.Msg{Subject: s.prefix + subject, Header: nats.Header{formatHeader: {s.config.Format.String()}}, Data: data}
	var publish []jetstream.PublishOpt
	for _, option := range options {
		option(m, &publish)
	}
	return m, publish
}

// Append stores a message and returns its sequence, once it is durable. An
// error other than ErrConflict and ErrTooLarge leaves open whether it was
// stored.
func (s *Stream) Append(ctx context.Context, subject string, data []byte, options ...AppendOption) (uint64, error) {
	m, publish := s.message(subject, data, options)
	ctx, stop := s.guard(ctx)
	defer stop()
	ack, err := s.journal.js.PublishMsg(ctx, m, publish...)
	if err != nil {
		return 0, s.failed("writing "+subject, err)
	}
	return ack.Sequence, nil
}

// Pending is an append that has not been acknowledged.
type Pending struct {
	stream  *Stream
	subject string
	future  jetstream.PubAckFuture
}

// Begin is Append that does not wait. It keeps data until Wait has returned.
// Whoever begins bounds how many are under way; beyond 256 of the whole journal
// Begin itself waits, and fails soon.
func (s *Stream) Begin(subject string, data []byte, options ...AppendOption) (*Pending, error) {
	if err := s.journal.Err(); err != nil && !s.config.Volatile {
		return nil, s.failed("writing "+subject, err)
	}
	m, publish := s.message(subject, data, options)
	future, err := s.journal.js.PublishMsgAsync(m, append(publish, jetstream.WithStallWait(s.journal.config.Timeout))...)
	if err != nil {
		return nil, s.failed("writing "+subject, err)
	}
	return &Pending{s, subject, future}, nil
}

// Wait returns when the message is durable, or will not be.
func (p *Pending) Wait(ctx context.Context) (uint64, error) {
	ctx, stop := p.stream.guard(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, p.stream.journal.config.Timeout)
	defer cancel()
	select {
	case ack := <-p.future.Ok():
		return ack.Sequence, nil
	case err := <-p.future.Err():
		return 0, p.stream.failed("writing "+p.subject, err)
	case <-ctx.Done():
		return 0, p.stream.failed("writing "+p.subject, ctx.Err())
	}
}

// Get is the message with a sequence.
func (s *Stream) Get(ctx context.Context, sequence uint64) (*Message, error) {
	defer s.journal.present()()
	raw, err := s.stream.GetMsg(ctx, sequence)
	if err != nil {
		return nil, s.failed(fmt.Sprintf("reading message %d", sequence), err)
	}
	return s.read(raw.Subject, raw.Sequence, raw.Time, raw.Header, raw.Data)
}

// Last is the latest message of a subject.
func (s *Stream) Last(ctx context.Context, subject string) (*Message, error) {
	defer s.journal.present()()
	raw, err := s.stream.GetLastMsgForSubject(ctx, s.prefix+subject)
	if err != nil {
		return nil, s.failed("reading "+subject, err)
	}
	return s.read(raw.Subject, raw.Sequence, raw.Time, raw.Header, raw.Data)
}

// Purge deletes the messages of a subject.
func (s *Stream) Purge(ctx context.Context, subject string) error {
	defer s.journal.present()()
	return s.failed("deleting "+subject, s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.prefix+subject)))
}

// Remove deletes the messages of a subject up to a sequence, that one included.
func (s *Stream) Remove(ctx context.Context, subject string, sequence uint64) error {
	defer s.journal.present()()
	return s.failed("deleting "+subject, s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.prefix+subject), jetstream.WithPurgeSequence(sequence+1)))
}

// read makes a Message of what the server returns, if its format is known.
func (s *Stream) read(subject string, sequence uint64, at time.Time, header nats.Header, data []byte) (*Message, error) {
	subject = strings.TrimPrefix(subject, s.prefix)
	m := &Message{Subject: subject, Sequence: sequence, Time: at, Data: data, Header: map[string]string{}}
	for name := range header {
		if !strings.HasPrefix(name, "Nats-") && name != formatHeader {
			m.Header[name] = header.Get(name)
		}
	}
	var err error
	m.Version, err = s.config.Format.version(header.Get(formatHeader), fmt.Sprintf("%s (message %d of stream %s)", subject, sequence, s.config.Name))
	return m, err
}

func (s *Stream) failed(what string, err error) error {
	return s.journal.failed("stream "+s.config.Name+": "+what, err)
}

// Token makes one token of a subject out of any text, and of no two texts the
// same one. Letters, digits and dashes stay as they are, an underscore begins
// the two hexadecimal digits of any other byte, and nothing becomes "_".
func Token(text string) string {
	if text == "" {
		return "_"
	}
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('_')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
