package server

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// fields take what the log tells of a request, name by name.
type fields interface {
	text(name, value string)
	integer(name string, value int)
	decimal(name string, value float64)
	yes(name string)
}

// tell says what the log tells of the request.
func (x *exchange) tell(f fields, now time.Time) {
	f.text("method", x.r.Method)
	f.text("operation", x.operation())
	f.integer("status", x.status)
	f.decimal("ms", float64(now.Sub(x.begun).Microseconds())/1000)
	f.text("requestId", x.id)
	for _, a := range [...]struct{ name, value string }{
		{"model", x.model}, {"tenant", x.caller.Tenant}, {"backend", x.backend}, {"error", x.code},
	} {
		if a.value != "" {
			f.text(a.name, a.value)
		}
	}
	if x.route == nil {
		f.text("path", quote(x.r.URL.EscapedPath()))
	}
	if x.usage != nil {
		f.integer("inputTokens", x.usage.InputTokens)
		f.integer("outputTokens", x.usage.OutputTokens)
	}
	if x.streaming {
		f.integer("events", x.events)
	}
	if x.gone || x.r.Context().Err() != nil {
		f.yes("clientGone")
	}
}

// logLine writes the request's line, if there is to be one.
func (x *exchange) logLine() {
	if !x.logged() {
		return
	}
	now := time.Now()
	if w := x.server.config.RequestLog; w != nil {
		line := lines.Get().(*line)
		line.begin(now, x.level())
		x.tell(line, now)
		line.buf = append(line.buf, '\n')
		_, _ = w.Write(line.buf) // a log that cannot be written has nobody to tell
		lines.Put(line)
		return
	}
	list := make(attributes, 0, 16)
	x.tell(&list, now)
	// LogAttrs would look up this very place in the code for each line.
	record := slog.NewRecord(now, x.level(), requestMessage, 0)
	record.AddAttrs(list...)
	_ = x.server.log.Handler().Handle(x.r.Context(), record) // as LogAttrs does
}

const requestMessage = "request"

// attributes are fields for any handler of package slog.
type attributes []slog.Attr

func (a *attributes) text(name, value string)            { *a = append(*a, slog.String(name, value)) }
func (a *attributes) integer(name string, value int)     { *a = append(*a, slog.Int(name, value)) }
func (a *attributes) decimal(name string, value float64) { *a = append(*a, slog.Float64(name, value)) }
func (a *attributes) yes(name string)                    { *a = append(*a, slog.Bool(name, true)) }

// line is a line as slog.TextHandler writes it, without what makes that one
// fit for lines of any kind: it costs a fifth. Names need no quotes.
type line struct {
	buf []byte

	// The time to the second and the zone, as the last line had them: where
	// lines come in numbers, most have the same.
	second   int64
	location *time.Location
	date     []byte // "2006-01-02T15:04:05"
	zone     []byte // "Z" or "+02:00"
}

var lines = sync.Pool{New: func() any { return &line{buf: make([]byte, 0, 512)} }}

func (l *line) begin(now time.Time, level slog.Level) {
	l.buf = append(l.buf[:0], slog.TimeKey+"="...)
	l.time(now)
	l.text(slog.LevelKey, level.String())
	l.text(slog.MessageKey, requestMessage)
}

// time writes RFC 3339 with milliseconds. Package time is quick with the
// format without them, whose first 19 bytes end with the seconds.
func (l *line) time(t time.Time) {
	if second := t.Unix(); l.location != t.Location() || l.second != second {
		const seconds = len("2006-01-02T15:04:05")
		text := t.AppendFormat(l.date[:0], time.RFC3339)
		l.date, l.zone, l.second, l.location = text[:seconds], text[seconds:], second, t.Location()
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	l.buf = append(l.buf, l.date...)
	l.buf = append(l.buf, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	l.buf = append(l.buf, l.zone...)
}

func (l *line) name(name string) {
	l.buf = append(l.buf, ' ')
	l.buf = append(l.buf, name...)
	l.buf = append(l.buf, '=')
}

func (l *line) text(name, value string) {
	l.name(name)
	if needsQuotes(value) {
		l.buf = strconv.AppendQuote(l.buf, value)
		return
	}
	l.buf = append(l.buf, value...)
}

func (l *line) integer(name string, value int) {
	l.name(name)
	l.buf = strconv.AppendInt(l.buf, int64(value), 10)
}

func (l *line) decimal(name string, value float64) {
	l.name(name)
	l.buf = strconv.AppendFloat(l.buf, value, 'g', -1, 64)
}

func (l *line) yes(name string) {
	l.name(name)
	l.buf = append(l.buf, "true"...)
}

// needsQuotes tells whether a value could be misread without quotes.
func needsQuotes(value string) bool {
	for i := range len(value) {
		if !unquoted[value[i]] {
			return strings.ContainsFunc(value[i:], misread)
		}
	}
	return value == ""
}

func misread(r rune) bool {
	if r < utf8.RuneSelf {
		return !unquoted[r]
	}
	return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// unquoted marks the ASCII that needs no quotes.
var unquoted = func() (table [256]bool) {
	for c := ' ' + 1; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '='
	}
	return table
}()
