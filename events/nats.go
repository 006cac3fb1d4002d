package events

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS says to which subject events are published. URL and Subject are
// required.
type NATS struct {
	URL         string // of a server, or several with commas between them
	Credentials string // file of the user's credentials
	Subject     string

	// Stream asks that a stream of JetStream keeps the event, and says so; it
	// knows repeats by their Nats-Msg-Id. Without it, an event is taken when
	// the server has it, whether or not anybody listens.
	Stream bool
}

// NewNATS makes a target of a subject. It connects with the first event.
func NewNATS(c NATS) Target { return &subject{NATS: c} }

type subject struct {
	NATS

	mu   sync.Mutex
	conn *nats.Conn
	js   jetstream.JetStream
}

func (s *subject) Deliver(ctx context.Context, e *Event, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.connect(); err != nil {
		return err
	}
	m := &nats.Msg{Subject: s.Subject, Data: body, Header: nats.Header{nats.MsgIdHdr: {e.ID}, "Content-Type": {"application/json"}}}
	if s.Stream {
		if _, err := s.js.PublishMsg(ctx, m); err != nil {
			return fmt.Errorf("no stream has taken it: %w", err)
		}
		return nil
	}
	if err := s.conn.PublishMsg(m); err != nil {
		return err
	}
	return s.conn.FlushWithContext(ctx)
}

// connect dials, unless the connection is there, or comes back by itself. What
// is published while it is away is an error, not kept: it is sent again anyway.
func (s *subject) connect() error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	options := []nats.Option{nats.Name("outcrop events"), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1)}
	if s.Credentials != "" {
		options = append(options, nats.UserCredentials(s.Credentials))
	}
	conn, err := nats.Connect(s.URL, options...)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the URL may hold a password
	}
	if err != nil {
		return fmt.Errorf("the NATS server cannot be reached: %w", err)
	}
	if s.js, err = jetstream.New(conn); err != nil {
		conn.Close()
		return err
	}
	s.conn = conn
	return nil
}

func (s *subject) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
	return nil
}
