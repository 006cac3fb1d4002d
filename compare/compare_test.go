package compare_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/local"
)

// clock is time that only waiting moves, so that no figure depends on the
// machine.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	return ctx.Err()
}

// measure compares the methods on the simulator, in virtual time.
func measure(t *testing.T, modelID, rules string) map[outcrop.Method]compare.Row {
	t.Helper()
	c := &clock{now: time.Unix(0, 0)}
	config := simulator.Config{Pace: &simulator.Nominal, Clock: c}
	if rules != "" {
		var err error
		if config.Rules, err = simulator.ParseRules("rules.yaml", []byte(rules)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := local.Open(t.TempDir(), local.Config{ModelID: modelID, Simulator: config})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	rows := map[outcrop.Method]compare.Row{}
	for _, r := range compare.Run(t.Context(), m.Manager, compare.Options{Prompt: "What is quantum computing?", Objects: m.Objects(), Now: c.Now}) {
		rows[r.Method] = r
	}
	return rows
}

// TestPerformance: the claims of docs/methods.md, on models of several formats.
func TestPerformance(t *testing.T) {
	for _, modelID := range []string{"anthropic.claude-3-sonnet-20240229-v1:0", "amazon.nova-pro-v1:0", "meta.llama3-1-8b-instruct-v1:0", "mistral.mistral-large-2402-v1:0"} {
		t.Run(modelID, func(t *testing.T) {
			rows := measure(t, modelID, "")
			for _, method := range outcrop.Methods {
				if r := rows[method]; r.Status != "ok" || r.TotalMs == 0 || r.Usage.OutputTokens == 0 {
					t.Fatalf("%s: %+v", method, r)
				}
			}
			sync, stream := rows[outcrop.MethodSync], rows[outcrop.MethodStream]
			if stream.Usage.InputTokens != sync.Usage.InputTokens || stream.Usage.OutputTokens != sync.Usage.OutputTokens {
				t.Errorf("streaming takes %+v, sync %+v", stream.Usage, sync.Usage)
			}
			if stream.QuotaTokens != sync.QuotaTokens || stream.QuotaRequests != 1 || sync.QuotaRequests != 1 {
				t.Errorf("quota of stream %d, %d; of sync %d, %d", stream.QuotaRequests, stream.QuotaTokens, sync.QuotaRequests, sync.QuotaTokens)
			}
			if stream.TimeToFirstTokenMs*3 > stream.TotalMs*2 {
				t.Errorf("the first token comes after %d of %d ms", stream.TimeToFirstTokenMs, stream.TotalMs)
			}
			if d := stream.TotalMs - sync.TotalMs; d*20 > sync.TotalMs || -d*20 > sync.TotalMs {
				t.Errorf("stream takes %d ms, sync %d ms: more than 5 %% apart", stream.TotalMs, sync.TotalMs)
			}
			if sync.TimeToFirstTokenMs != sync.TotalMs {
				t.Errorf("sync shows something after %d of %d ms", sync.TimeToFirstTokenMs, sync.TotalMs)
			}
			if a := rows[outcrop.MethodAsync]; a.QuotaRequests != 0 || a.QuotaTokens != 0 || a.Note == "" && a.Usage.TotalTokens == 0 {
				t.Errorf("async: %+v", a)
			}
			if c := rows[outcrop.MethodConverse]; c.TotalMs*20 > sync.TotalMs*21 || sync.TotalMs*20 > c.TotalMs*21 {
				t.Errorf("converse takes %d ms, sync %d ms", c.TotalMs, sync.TotalMs)
			}
			if c := rows[outcrop.MethodConstruct]; c.Usage.InputTokens <= sync.Usage.InputTokens {
				t.Errorf("construct takes %d input tokens, sync %d", c.Usage.InputTokens, sync.Usage.InputTokens)
			}
		})
	}
}

// TestFailingMethod: one method's error is in its row alone.
func TestFailingMethod(t *testing.T) {
	rows := measure(t, "anthropic.claude-3-sonnet-20240229-v1:0", "rules: [{match: {stream: true}, reply: {error: {code: ModelErrorException, message: no}}}]")
	if rows[outcrop.MethodStream].Status != "ModelErrorException" || rows[outcrop.MethodStream].Message != "no" || rows[outcrop.MethodSync].Status != "ok" {
		t.Errorf("%+v", rows)
	}
}

func TestSVG(t *testing.T) {
	rows := []compare.Row{
		{Method: "sync", Status: "ok", TimeToFirstTokenMs: 723, TotalMs: 723},
		{Method: "stream", Status: "ok", TimeToFirstTokenMs: 342, TotalMs: 733},
		{Method: "construct", Status: "ThrottlingException", Err: errors.New("no")},
	}
	var b bytes.Buffer
	if err := compare.SVG(&b, rows, compare.Figure{ModelID: `a<b>&"c"`, Note: "note"}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		`role="img" aria-labelledby="title desc"`, `<title id="title">The inference methods on one prompt</title>`,
		"sync: first token after 723, all after 723", "construct failed: ThrottlingException",
		"time since the request (milliseconds)", ">method<", "a&lt;b&gt;&amp;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	checkXML(t, text)
	// A bar of the plot's width is what the longest row's would be at most.
	if strings.Count(text, `height="22"`) != 3 {
		t.Error("a method that failed has a bar, or one that did not has none")
	}
}

func TestSVGOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := compare.SVG(&b, nil, compare.Figure{}); err != nil {
		t.Fatal(err)
	}
	checkXML(t, b.String())
}

func checkXML(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestContrast: both colours stand off the white ground, or carry their figures
// beside them, and off each other (WCAG 2.2, 1.4.11 asks for 3:1).
func TestContrast(t *testing.T) {
	var b bytes.Buffer
	if err := compare.SVG(&b, []compare.Row{{Method: "stream", Status: "ok", TimeToFirstTokenMs: 1, TotalMs: 3}}, compare.Figure{}); err != nil {
		t.Fatal(err)
	}
	var colours []float64
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `height="22"`) {
			var r, g, blue int
			_, hex, _ := strings.Cut(line, `fill="#`)
			if _, err := fmt.Sscanf(hex, "%2x%2x%2x", &r, &g, &blue); err != nil {
				t.Fatal(err)
			}
			colours = append(colours, luminance(r, g, blue))
		}
	}
	if len(colours) != 2 {
		t.Fatalf("%d bars", len(colours))
	}
	light, dark := max(colours[0], colours[1]), min(colours[0], colours[1])
	if ratio := (light + 0.05) / (dark + 0.05); ratio < 3 {
		t.Errorf("the bars' contrast is %.1f", ratio)
	}
	if ratio := 1.05 / (dark + 0.05); ratio < 3 {
		t.Errorf("the dark bar's contrast to the ground is %.1f", ratio)
	}
}

// luminance is that of WCAG, with a gamma of 2.2.
func luminance(r, g, b int) float64 {
	linear := func(v int) float64 {
		x := float64(v) / 255
		return x * x * (0.8 + 0.2*x) // close to x^2.2
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
