package server

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"
)

// asSlog is the line that slog.TextHandler makes of the same fields.
func asSlog(t *testing.T, now time.Time, level slog.Level, write func(fields)) string {
	t.Helper()
	var list attributes
	write(&list)
	record := slog.NewRecord(now, level, requestMessage, 0)
	record.AddAttrs(list...)
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})
	if err := handler.Handle(context.Background(), record); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func asLine(l *line, now time.Time, level slog.Level, write func(fields)) string {
	l.begin(now, level)
	write(l)
	return string(l.buf) + "\n"
}

func FuzzRequestLine(f *testing.F) {
	f.Add("POST", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 200, 1234, int64(1_767_225_600_123_456_789), 0, false)
	f.Add("", "a b", -1, 0, int64(0), 3600, true)
	f.Add("\\", "a=b", 503, 1, int64(999_999_999), -5400, true)
	f.Add("\x7f", "\u00a0é\u200b\xff\"", 1, 1_000_000, int64(1_999_999), 60, false)
	f.Fuzz(func(t *testing.T, a, b string, n, micros int, at int64, zone int, yes bool) {
		now := time.Unix(0, at&(1<<62-1)).In(time.FixedZone("", zone%(14*3600)))
		write := func(f fields) {
			f.text("method", a)
			f.integer("status", n)
			f.decimal("ms", float64(micros)/1000)
			f.text("model", b)
			if yes {
				f.yes("clientGone")
			}
		}
		var l line
		for i, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelError} {
			now := now.Add(time.Duration(i) * 600 * time.Millisecond) // in the same second, or in the next
			if got, want := asLine(&l, now, level, write), asSlog(t, now, level, write); got != want {
				t.Errorf("the line is\n%q, slog's is\n%q", got, want)
			}
		}
	})
}
