package cassette

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// Format is the first line of every file: the name of the format, and its
// version. A file of another version is refused.
const Format = "outcrop-cassette/1"

// exchange is one recorded request with what came of it.
type exchange struct {
	file    string
	request request
	meta    outcrop.Meta
	streams bool
	body    []byte
	events  []event
	err     *outcrop.Error // of the call, or at the end of the stream
}

// event is an event of a recorded stream.
type event struct {
	at      time.Duration // after the reply
	kind    string
	payload []byte // for a chunk the model's own JSON
}

// fileExchange is an exchange as its file has it. The order is that of the
// file.
type fileExchange struct {
	Format  string      `yaml:"format"`
	Request fileRequest `yaml:"request"`
	Reply   *fileReply  `yaml:"reply,omitempty"`
	Error   *fileError  `yaml:"error,omitempty"`
}

type fileRequest struct {
	Operation string            `yaml:"operation"`
	Model     string            `yaml:"model,omitempty"`
	Params    map[string]string `yaml:"params,omitempty"`
	Content   fileBody          `yaml:",inline"`
}

type fileReply struct {
	RequestID   string            `yaml:"requestId,omitempty"`
	Model       string            `yaml:"model,omitempty"`
	ContentType string            `yaml:"contentType,omitempty"`
	Header      map[string]string `yaml:"header,omitempty"`
	Usage       string            `yaml:"usage,omitempty"` // JSON in a line
	Latency     string            `yaml:"latency,omitempty"`
	Estimated   bool              `yaml:"estimated,omitempty"`
	Stream      bool              `yaml:"stream,omitempty"`
	Events      string            `yaml:"events,omitempty"` // a line each
	Content     fileBody          `yaml:",inline"`
}

// fileBody is a body in the most readable of three forms that gives the same
// bytes again.
type fileBody struct {
	Body   string `yaml:"body,omitempty"`   // JSON, indented for the reader
	Text   string `yaml:"text,omitempty"`   // as it is
	Base64 string `yaml:"base64,omitempty"` // neither would do
}

type fileError struct {
	Code       string `yaml:"code"`
	Message    string `yaml:"message,omitempty"`
	Field      string `yaml:"field,omitempty"`
	Retryable  bool   `yaml:"retryable,omitempty"`
	RetryAfter string `yaml:"retryAfter,omitempty"`
	RequestID  string `yaml:"requestId,omitempty"`
	Partial    string `yaml:"partial,omitempty"`
}

// write makes the text of a file. It is read back before it is given out: YAML
// has more corners than a body should be lost in, and what does not survive is
// written in base64.
func write(e *exchange) ([]byte, error) {
	var err error
	for _, plain := range []bool{true, false} {
		var text []byte
		if text, err = yaml.MarshalWithOptions(e.written(plain), yaml.UseLiteralStyleIfMultiline(true), yaml.Indent(2)); err != nil {
			continue
		}
		var again *exchange
		if again, err = read(e.file, text); err == nil && same(e, again) {
			return text, nil
		}
	}
	if err == nil {
		err = errors.New("it does not read as it was written")
	}
	return nil, fmt.Errorf("cassette: the exchange cannot be written: %w", err)
}

// same compares what replay uses.
func same(a, b *exchange) bool {
	if a.streams != b.streams || !bytes.Equal(a.body, b.body) || !bytes.Equal(a.request.Body, b.request.Body) || len(a.events) != len(b.events) || (a.err == nil) != (b.err == nil) {
		return false
	}
	for i := range a.events {
		if x, y := a.events[i], b.events[i]; x.at != y.at || x.kind != y.kind || !bytes.Equal(x.payload, y.payload) {
			return false
		}
	}
	return a.err == nil || a.err.Code == b.err.Code && a.err.Message == b.err.Message && bytes.Equal(a.err.Partial, b.err.Partial)
}

func (e *exchange) written(plain bool) *fileExchange {
	f := &fileExchange{Format: Format, Request: fileRequest{
		Operation: e.request.Operation, Model: e.request.Model, Params: e.request.Params, Content: bodyOf(e.request.Body, plain),
	}}
	if e.err == nil || e.streams {
		f.Reply = &fileReply{
			RequestID: e.meta.RequestID, Model: e.meta.ModelID, ContentType: e.meta.ContentType, Header: e.meta.Header,
			Estimated: e.meta.Estimated, Stream: e.streams, Content: bodyOf(e.body, plain),
		}
		if e.meta.Usage != nil {
			usage, err := bedrock.Marshal(e.meta.Usage)
			if err == nil {
				f.Reply.Usage = string(usage)
			}
		}
		if e.meta.Latency > 0 {
			f.Reply.Latency = e.meta.Latency.String()
		}
		f.Reply.Events = eventLines(e.events, plain)
	}
	if e.err != nil {
		f.Error = &fileError{
			Code: e.err.Code, Message: e.err.Message, Field: e.err.Field, Retryable: e.err.Retryable,
			RequestID: e.err.RequestID, Partial: string(e.err.Partial),
		}
		if e.err.RetryAfter > 0 {
			f.Error.RetryAfter = e.err.RetryAfter.String()
		}
	}
	return f
}

func bodyOf(text []byte, plain bool) fileBody {
	if len(text) == 0 {
		return fileBody{}
	}
	if plain {
		var indented, compact bytes.Buffer
		if json.Indent(&indented, text, "", "  ") == nil && json.Compact(&compact, indented.Bytes()) == nil && bytes.Equal(compact.Bytes(), text) {
			return fileBody{Body: indented.String() + "\n"}
		}
		return fileBody{Text: string(text)}
	}
	return fileBody{Base64: base64.StdEncoding.EncodeToString(text)}
}

func (b *fileBody) bytes() ([]byte, error) {
	switch {
	case b.Body != "":
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(b.Body)); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		return compact.Bytes(), nil
	case b.Text != "":
		return []byte(b.Text), nil
	case b.Base64 != "":
		text, err := base64.StdEncoding.DecodeString(b.Base64)
		if err != nil {
			return nil, fmt.Errorf("base64: %w", err)
		}
		return text, nil
	}
	return nil, nil
}

const inBase64 = "base64:"

// eventLines writes a stream: when, what, and its JSON.
func eventLines(events []event, plain bool) string {
	var b strings.Builder
	for _, e := range events {
		payload := string(e.payload)
		if !plain || strings.ContainsAny(payload, "\r\n") || payload != strings.TrimSpace(payload) || strings.HasPrefix(payload, inBase64) {
			payload = inBase64 + base64.StdEncoding.EncodeToString(e.payload)
		}
		fmt.Fprintf(&b, "%s %s %s\n", e.at, e.kind, payload)
	}
	return b.String()
}

func readEvents(text string) ([]event, error) {
	var events []event
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if line == "" && text == "" {
			break
		}
		e, err := readEvent(line)
		if err != nil {
			return nil, fmt.Errorf("events, line %d: %w", i+1, err)
		}
		events = append(events, e)
	}
	return events, nil
}

func readEvent(line string) (event, error) {
	when, rest, _ := strings.Cut(line, " ")
	kind, payload, ok := strings.Cut(rest, " ")
	if !ok || kind == "" {
		return event{}, errors.New("it has to be a time, a type and a payload")
	}
	at, err := time.ParseDuration(when)
	if err != nil || at < 0 {
		return event{}, fmt.Errorf("%.32q is no time from the beginning, such as 120ms", when)
	}
	if len(kind) > eventstream.MaxHeaderValue {
		return event{}, errors.New("the type is too long")
	}
	e := event{at: at, kind: kind, payload: []byte(payload)}
	if coded, ok := strings.CutPrefix(payload, inBase64); ok {
		if e.payload, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return event{}, err
		}
	}
	return e, nil
}

// read reads a file. Its errors name the file, and the member that is wrong.
func read(name string, text []byte) (*exchange, error) {
	e, err := readExchange(text)
	if err != nil {
		return nil, fmt.Errorf("cassette: %s: %w", name, err)
	}
	e.file = name
	return e, nil
}

func readExchange(text []byte) (*exchange, error) {
	var f fileExchange
	if err := decode(text, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Format != Format:
		return nil, fmt.Errorf("format is %.64q; this version reads %s", f.Format, Format)
	case f.Request.Operation == "":
		return nil, errors.New("request.operation is missing")
	case f.Reply == nil && f.Error == nil:
		return nil, errors.New("there is neither a reply nor an error")
	case f.Error != nil && f.Error.Code == "":
		return nil, errors.New("error.code is missing")
	}
	e := &exchange{request: request{Operation: f.Request.Operation, Model: f.Request.Model, Params: f.Request.Params}}
	var err error
	if e.request.Body, err = f.Request.Content.bytes(); err != nil {
		return nil, fmt.Errorf("request.%w", err)
	}
	if f.Reply != nil {
		if err := f.Reply.into(e); err != nil {
			return nil, fmt.Errorf("reply.%w", err)
		}
	}
	if f.Error != nil {
		if e.err, err = f.Error.error(); err != nil {
			return nil, fmt.Errorf("error.%w", err)
		}
	}
	return e, nil
}

func (r *fileReply) into(e *exchange) (err error) {
	e.streams = r.Stream
	e.meta = outcrop.Meta{RequestID: r.RequestID, ModelID: r.Model, ContentType: r.ContentType, Header: r.Header, Estimated: r.Estimated}
	if r.Usage != "" {
		e.meta.Usage = new(bedrock.TokenUsage)
		if err := bedrock.Unmarshal([]byte(r.Usage), e.meta.Usage); err != nil {
			return fmt.Errorf("usage: %w", err)
		}
	}
	if e.meta.Latency, err = duration("latency", r.Latency); err != nil {
		return err
	}
	if e.body, err = r.Content.bytes(); err != nil {
		return err
	}
	if e.events, err = readEvents(r.Events); err != nil {
		return err
	}
	if len(e.events) > 0 && !r.Stream {
		return errors.New("events: a reply without stream: true has none")
	}
	return nil
}

func (f *fileError) error() (*outcrop.Error, error) {
	wait, err := duration("retryAfter", f.RetryAfter)
	if err != nil {
		return nil, err
	}
	e := &outcrop.Error{Code: f.Code, Message: f.Message, Field: f.Field, Retryable: f.Retryable, RetryAfter: wait, RequestID: f.RequestID}
	if f.Partial != "" {
		if e.Partial = bedrock.Document(f.Partial); !e.Partial.IsValid() {
			return nil, errors.New("partial: it is not valid JSON")
		}
	}
	return e, nil
}

func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %.32q is no duration, such as 1.5s", name, text)
	}
	return d, nil
}

// decode reads YAML. Its library panics on some of what people write.
func decode(text []byte, into any) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the YAML cannot be read")
		}
	}()
	return yaml.UnmarshalWithOptions(text, into, yaml.Strict())
}
