package cassette

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// write makes the text of a file. It is read back before it is given out, and
// what does not survive is written in base64.
func write(e *exchange) ([]byte, error) {
	var err error
	for _, plain := range []bool{true, false} {
		text := appendMembers(nil, e.written(plain), 0)
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

// written is an exchange as the members of its file, in their order.
func (e *exchange) written(plain bool) []member {
	asked := []member{{name: "operation", value: e.request.Operation}, {name: "model", value: e.request.Model}, table("params", e.request.Params)}
	file := []member{{name: "format", value: Format}, {name: "request", members: append(asked, bodyOf(e.request.Body, plain))}}
	if e.err == nil || e.streams {
		file = append(file, member{name: "reply", members: e.reply(plain)})
	}
	if e.err != nil {
		file = append(file, member{name: "error", members: []member{
			{name: "code", value: e.err.Code},
			{name: "message", value: e.err.Message},
			{name: "field", value: e.err.Field},
			flag("retryable", e.err.Retryable),
			span("retryAfter", e.err.RetryAfter),
			{name: "requestId", value: e.err.RequestID},
			{name: "partial", value: string(e.err.Partial)},
		}})
	}
	return file
}

func (e *exchange) reply(plain bool) []member {
	var usage []byte
	if e.meta.Usage != nil {
		usage, _ = bedrock.Marshal(e.meta.Usage) // numbers, which always can be written
	}
	return []member{
		{name: "requestId", value: e.meta.RequestID},
		{name: "model", value: e.meta.ModelID},
		{name: "contentType", value: e.meta.ContentType},
		table("header", e.meta.Header),
		{name: "usage", value: string(usage)},
		span("latency", e.meta.Latency),
		flag("estimated", e.meta.Estimated),
		{name: "stream", value: strconv.FormatBool(e.streams)},
		{name: "events", value: eventLines(e.events, plain)},
		bodyOf(e.body, plain),
	}
}

func table(name string, values map[string]string) member {
	m := member{name: name}
	for _, key := range sortedNames(values) {
		m.members = append(m.members, member{name: key, value: values[key]})
	}
	return m
}

func flag(name string, set bool) member {
	if !set {
		return member{name: name}
	}
	return member{name: name, value: "true"}
}

func span(name string, d time.Duration) member {
	if d <= 0 {
		return member{name: name}
	}
	return member{name: name, value: d.String()}
}

// bodyOf is a body in the most readable of three forms that gives the same
// bytes again: JSON, indented for the reader; the text as it is; base64.
func bodyOf(text []byte, plain bool) member {
	if !plain || !utf8.Valid(text) {
		return member{name: "base64", value: base64.StdEncoding.EncodeToString(text)}
	}
	var indented, compact bytes.Buffer
	if json.Indent(&indented, text, "", "  ") == nil && json.Compact(&compact, indented.Bytes()) == nil && bytes.Equal(compact.Bytes(), text) {
		return member{name: "body", value: indented.String() + "\n"}
	}
	return member{name: "text", value: string(text)}
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
			return nil, fmt.Errorf("event %d: %w", i+1, err)
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
	file, err := parse(text)
	if err != nil {
		return nil, err
	}
	f := fields{members: file}
	if format := f.text("format"); format != Format {
		return nil, fmt.Errorf("format is %.64q; this version reads %s", format, Format)
	}
	e := new(exchange)
	asked, replied, failed := f.under("request"), f.under("reply"), f.under("error")
	e.request = request{Operation: asked.text("operation"), Model: asked.text("model"), Params: asked.table("params"), Body: asked.body()}
	if replied != nil {
		replied.reply(e)
	}
	if failed != nil {
		e.err = failed.error()
	}
	for _, part := range []*fields{&f, asked, replied, failed} {
		if err := part.end(); err != nil {
			return nil, err
		}
	}
	switch {
	case e.request.Operation == "":
		return nil, errors.New("request.operation is missing")
	case replied == nil && failed == nil:
		return nil, errors.New("there is neither a reply nor an error")
	case e.err != nil && e.err.Code == "":
		return nil, errors.New("error.code is missing")
	case len(e.events) > 0 && !e.streams:
		return nil, errors.New("reply.events: a reply without stream: true has none")
	}
	return e, nil
}

func (f *fields) reply(e *exchange) {
	e.streams = f.flag("stream")
	e.meta = outcrop.Meta{
		RequestID: f.text("requestId"), ModelID: f.text("model"), ContentType: f.text("contentType"),
		Header: f.table("header"), Estimated: f.flag("estimated"), Latency: f.span("latency"),
	}
	if usage := f.text("usage"); usage != "" {
		e.meta.Usage = new(bedrock.TokenUsage)
		f.check("usage", bedrock.Unmarshal([]byte(usage), e.meta.Usage))
	}
	e.body = f.body()
	var err error
	e.events, err = readEvents(f.text("events"))
	f.check("events", err)
}

func (f *fields) error() *outcrop.Error {
	e := &outcrop.Error{
		Code: f.text("code"), Message: f.text("message"), Field: f.text("field"), Retryable: f.flag("retryable"),
		RetryAfter: f.span("retryAfter"), RequestID: f.text("requestId"),
	}
	if partial := f.text("partial"); partial != "" {
		if e.Partial = bedrock.Document(partial); !e.Partial.IsValid() {
			f.check("partial", errors.New("it is not valid JSON"))
		}
	}
	return e
}
