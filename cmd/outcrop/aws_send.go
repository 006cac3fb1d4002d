package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/awscli"
	"github.com/outcrop-ai/outcrop/remote"
)

// sender sends one line's request, and prints the reply.
type sender struct {
	app    *app
	client *remote.Client
	line   *awscli.Line
	reply  []byte // of an operation without a stream
}

func (s *sender) send(ctx context.Context, m *awscli.Message, output, query string) error {
	reply, err := s.client.Send(ctx, remote.Operation{Name: m.Operation.Name, Labels: m.Labels, Query: m.Query, Header: m.Header, Body: m.Body})
	if err != nil {
		return calling(m.Operation.Name, err)
	}
	out, err := s.file() // not before there is something to write: an error leaves the old file
	if err != nil {
		if reply.Stream != nil {
			err = errors.Join(err, reply.Stream.Close())
		}
		return err
	}
	if reply.Stream != nil {
		err = s.stream(reply, out)
		if err != nil {
			err = calling(m.Operation.Name, err)
		}
	} else if s.reply, err = reply.Body(); err == nil && out != nil {
		_, err = out.Write(s.reply)
	} else if err == nil && s.line.Paged() {
		err = s.pages(ctx, m)
	}
	if out != nil {
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return err
	}
	text := s.reply
	if s.line.Command.OutFile {
		if text, err = json.Marshal(map[string]string{"contentType": "application/json"}); err != nil {
			return err
		}
	}
	if s.line.OutFile == "-" {
		return nil // standard output is the body's
	}
	return awscli.Write(s.app.stdout, text, output, query)
}

// pages asks for the other pages of a list, and makes one reply of all.
func (s *sender) pages(ctx context.Context, m *awscli.Message) error {
	pages, err := s.line.NewPages()
	if err != nil {
		return usageError{err}
	}
	for {
		next, err := pages.Add(s.reply)
		if err != nil {
			return err
		}
		if next == "" {
			s.reply, err = pages.Reply()
			return err
		}
		m.Query.Set("nextToken", next)
		reply, err := s.client.Send(ctx, remote.Operation{Name: m.Operation.Name, Labels: m.Labels, Query: m.Query, Header: m.Header})
		if err != nil {
			return calling(m.Operation.Name, err)
		}
		if s.reply, err = reply.Body(); err != nil {
			return err
		}
	}
}

// file is where the reply's body goes, or nil when it is printed.
func (s *sender) file() (io.WriteCloser, error) {
	switch s.line.OutFile {
	case "":
		return nil, nil //nolint:nilnil // no file
	case "-":
		return nopCloser{s.app.stdout}, nil
	}
	return os.Create(s.line.OutFile)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// stream writes a stream's events, one JSON value a line: the model's own
// chunks, or Bedrock's events with their type.
func (s *sender) stream(reply *outcrop.Reply, out io.Writer) error {
	defer reply.Stream.Close()
	if out == nil {
		out = s.app.stdout
	}
	native := strings.HasPrefix(s.line.Command.Operation.Name, "InvokeModel")
	for event, err := range reply.Stream.Events() {
		if err != nil {
			return err
		}
		var text []byte
		if native {
			text, err = event.Chunk()
		} else if text, err = event.Payload(); err == nil {
			text = bytes.Join([][]byte{[]byte(`{"` + event.Type() + `":`), text, []byte("}")}, nil)
		}
		if err != nil {
			return err
		}
		if _, err := out.Write(append(bytes.TrimSpace(text), '\n')); err != nil {
			return err
		}
	}
	return nil
}

// calling names the operation in an error of the service, as the AWS CLI does.
func calling(operation string, err error) error {
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok {
		return err
	}
	return fmt.Errorf("An error occurred (%s) when calling the %s operation: %w", e.Code, operation, err) //nolint:staticcheck // the AWS CLI's own words
}
