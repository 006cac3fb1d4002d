package compare_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
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

// TestFailedAttempts: what a method has spent before it failed is in its row.
func TestFailedAttempts(t *testing.T) {
	r := measure(t, "anthropic.claude-3-sonnet-20240229-v1:0", "rules: [{reply: {text: I would rather not.}}]")[outcrop.MethodConstruct]
	if r.Status != bedrock.CodeSchemaValidation || r.Usage.InputTokens == 0 || r.Usage.OutputTokens == 0 || r.QuotaTokens == 0 || r.QuotaRequests != outcrop.DefaultMaxAttempts {
		t.Errorf("%+v", r)
	}
}

// TestSecondAttempt: each of Construct's attempts is a request.
func TestSecondAttempt(t *testing.T) {
	rules := `rules: [{match: {text: quantum}, replies: [{text: a}, {text: b}, {text: c}, {text: d}, {text: No value.}, {text: '{"summary":"s","keyPoints":["a","b"]}'}]}]`
	r := measure(t, "anthropic.claude-3-sonnet-20240229-v1:0", rules)[outcrop.MethodConstruct]
	if r.Status != "ok" || r.QuotaRequests != 2 {
		t.Errorf("%+v", r)
	}
}

// TestFailedRecord: the job completes, and its record's error is the method's,
// where the results can be read.
func TestFailedRecord(t *testing.T) {
	const rules = "rules: [{match: {text: quantum}, replies: [{text: a}, {text: b}, {error: {code: AccessDeniedException, message: not you}}, {text: d}]}]"
	r := measure(t, "anthropic.claude-3-sonnet-20240229-v1:0", rules)[outcrop.MethodAsync]
	if r.Status != bedrock.CodeAccessDenied || r.Message != "not you" {
		t.Errorf("%+v", r)
	}
}

func TestSVG(t *testing.T) {
	rows := []compare.Row{
		{Method: "sync", Status: "ok", TimeToFirstTokenMs: 724, TotalMs: 724, Usage: bedrock.TokenUsage{InputTokens: 28, OutputTokens: 34}, QuotaRequests: 1, QuotaTokens: 198},
		{Method: "stream", Status: "ok", TimeToFirstTokenMs: 342, TotalMs: 733, Usage: bedrock.TokenUsage{InputTokens: 29, OutputTokens: 35}, QuotaRequests: 1, QuotaTokens: 199},
		{Method: "async", Status: "ok", TimeToFirstTokenMs: 728, TotalMs: 728, Usage: bedrock.TokenUsage{InputTokens: 27, OutputTokens: 33}},
		{Method: "construct", Status: "ThrottlingException", Err: errors.New("no")},
	}
	d := draw(t, rows, compare.Figure{ModelID: `a<b>&"c"`, Note: "Who answered"})
	if d.Role != "img" || d.LabelledBy != d.Title.ID+" "+d.Desc.ID || d.Title.ID == "" || d.Desc.ID == "" {
		t.Errorf("role %q, labelled by %q, title %q, description %q", d.Role, d.LabelledBy, d.Title.ID, d.Desc.ID)
	}
	if d.Title.Text != "The inference methods on one prompt" {
		t.Errorf("title %q", d.Title.Text)
	}
	shown := strings.Join(d.texts(), "\n")
	for _, want := range []string{
		"The inference methods on one prompt", `Model a<b>&"c"`, "Who answered", "method", "time since the request (milliseconds)",
		"waiting for the first token", "reading while it is written", "0", "800",
		"sync", "all at once, 724 ms", "28 + 34 tokens; quota 1 request, 198 tokens",
		"stream", "first token 342 ms, all 733 ms", "29 + 35 tokens; quota 1 request, 199 tokens",
		"async", "all at once, 728 ms", "27 + 33 tokens; quota 0 requests, 0 tokens",
		"construct", "failed", "ThrottlingException",
	} {
		if !slices.Contains(d.texts(), want) {
			t.Errorf("%q is not shown; what is:\n%s", want, shown)
		}
	}
	for _, want := range []string{
		"sync: all at once, 724 ms; 28 + 34 tokens; quota 1 request, 198 tokens.",
		"stream: first token 342 ms, all 733 ms; 29 + 35 tokens; quota 1 request, 199 tokens.",
		"construct failed: ThrottlingException.", `Model a<b>&"c".`,
	} {
		if !strings.Contains(d.Desc.Text, want) {
			t.Errorf("the description lacks %q: %s", want, d.Desc.Text)
		}
	}
	if bars := d.bars(); len(bars) != 4 {
		t.Errorf("%d parts of bars; sync and async have one, stream two, a method that failed none", len(bars))
	}
}

// TestSVGKeepsToItsEdges: no bar ends beyond the plot, no line of text is longer
// than a wide face takes, and no text stands on another, whatever the figures.
func TestSVGKeepsToItsEdges(t *testing.T) {
	for name, rows := range map[string][]compare.Row{
		"short": {{Method: "sync", Status: "ok", TimeToFirstTokenMs: 1, TotalMs: 1}},
		"zero":  {{Method: "sync", Status: "ok"}},
		"long": {
			{Method: "construct", Status: "ok", TimeToFirstTokenMs: 3_600_000, TotalMs: 3_600_000, Usage: bedrock.TokenUsage{InputTokens: 200_000, OutputTokens: 64_000}, QuotaRequests: 1, QuotaTokens: 520_000},
			{Method: "stream", Status: "ok", TimeToFirstTokenMs: 1_234_567, TotalMs: 3_599_999},
		},
	} {
		d := draw(t, rows, compare.Figure{
			Title:   strings.Repeat("a title of many words ", 20),
			ModelID: "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/" + strings.Repeat("x", 300),
			Note:    strings.Repeat("who answered ", 30),
		})
		for _, bar := range d.bars() {
			if bar.X < 16 || bar.X+bar.Width > float64(d.Width)-16+0.1 {
				t.Errorf("%s: a bar from %g to %g in %d", name, bar.X, bar.X+bar.Width, d.Width)
			}
		}
		places := map[[2]float64]string{}
		for _, text := range d.Texts {
			size := text.Size
			if size == 0 {
				size = 13
			}
			// What a character of DejaVu Sans takes on average, of its size.
			wide := 0.6 * size * float64(len([]rune(text.Text)))
			if text.Weight != "" {
				wide = wide / 0.6 * 0.63
			}
			if wide > float64(d.Width)-16 {
				t.Errorf("%s: %q may take %.0f of %d pixels", name, text.Text, wide, d.Width)
			}
			if text.Y > float64(d.Height) {
				t.Errorf("%s: %q stands at %g of %d", name, text.Text, text.Y, d.Height)
			}
			at := [2]float64{text.X, text.Y}
			if other := places[at]; other != "" {
				t.Errorf("%s: %q stands where %q does", name, text.Text, other)
			}
			places[at] = text.Text
		}
	}
}

// drawn is what the tests look at of a drawing.
type drawn struct {
	Role       string  `xml:"role,attr"`
	LabelledBy string  `xml:"aria-labelledby,attr"`
	Width      int     `xml:"width,attr"`
	Height     int     `xml:"height,attr"`
	Title      named   `xml:"title"`
	Desc       named   `xml:"desc"`
	Style      string  `xml:"style"`
	Rects      []shape `xml:"rect"`
	Texts      []said  `xml:"text"`
}

type named struct {
	ID   string `xml:"id,attr"`
	Text string `xml:",chardata"`
}

type said struct {
	X      float64 `xml:"x,attr"`
	Y      float64 `xml:"y,attr"`
	Size   float64 `xml:"font-size,attr"`
	Weight string  `xml:"font-weight,attr"`
	Text   string  `xml:",chardata"`
}

type shape struct {
	X      float64 `xml:"x,attr"`
	Width  float64 `xml:"width,attr"`
	Height float64 `xml:"height,attr"`
}

func (d *drawn) texts() []string {
	var list []string
	for _, t := range d.Texts {
		list = append(list, t.Text)
	}
	return list
}

// bars are the rectangles of a bar's height: neither the ground nor the legend.
func (d *drawn) bars() []shape {
	return slices.DeleteFunc(slices.Clone(d.Rects), func(s shape) bool { return s.Height != 16 })
}

func draw(t *testing.T, rows []compare.Row, f compare.Figure) *drawn {
	t.Helper()
	var b bytes.Buffer
	if err := compare.SVG(&b, rows, f); err != nil {
		t.Fatal(err)
	}
	d := new(drawn)
	if err := xml.Unmarshal(b.Bytes(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSVGOfNothing(t *testing.T) {
	if d := draw(t, nil, compare.Figure{}); len(d.bars()) != 0 || d.Title.Text == "" {
		t.Errorf("%+v", d)
	}
}

// TestContrast computes the contrasts of both colour schemes: of text 7:1 (WCAG
// 2.2, 1.4.6), of the bars, the grid and the ground 3:1 (1.4.11); of the bars'
// parts against each other as well, for those who see all colours and for those
// who lack one kind of cone.
func TestContrast(t *testing.T) {
	style := draw(t, nil, compare.Figure{}).Style
	light, dark, _ := strings.Cut(style, "@media (prefers-color-scheme:dark)")
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]colour{}
		for _, m := range regexp.MustCompile(`\.outcrop-(\w+)\{(?:fill|stroke):#(\w{6})\}`).FindAllStringSubmatch(css, -1) {
			var c [3]int
			if _, err := fmt.Sscanf(m[2], "%2x%2x%2x", &c[0], &c[1], &c[2]); err != nil {
				t.Fatal(err)
			}
			colours[m[1]] = linear(c)
		}
		if len(colours) != 5 {
			t.Fatalf("%s: %d colours in %s", scheme, len(colours), css)
		}
		for _, p := range []struct {
			a, b  string
			least float64
		}{{"text", "ground", 7}, {"wait", "ground", 3}, {"read", "ground", 3}, {"wait", "read", 3}, {"tick", "ground", 3}} {
			for eyes, see := range visions {
				if ratio := contrast(see(colours[p.a]), see(colours[p.b])); ratio < p.least {
					t.Errorf("%s, %s: %s against %s is %.2f:1, and should be %g:1", scheme, eyes, p.a, p.b, ratio, p.least)
				}
			}
		}
	}
}

// colour is linear red, green and blue.
type colour [3]float64

func linear(c [3]int) (l colour) {
	for i, v := range c {
		x := float64(v) / 255
		if l[i] = x / 12.92; x > 0.04045 {
			l[i] = math.Pow((x+0.055)/1.055, 2.4)
		}
	}
	return l
}

func contrast(a, b colour) float64 {
	luminance := func(c colour) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

// visions are how colours look without one kind of cone, by Machado, Oliveira
// and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
// Deficiency" (2009), severity 1.
var visions = map[string]func(colour) colour{
	"all colours":  func(c colour) colour { return c },
	"protanopia":   seen([9]float64{0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998}),
	"deuteranopia": seen([9]float64{0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881}),
	"tritanopia":   seen([9]float64{1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900}),
}

func seen(m [9]float64) func(colour) colour {
	return func(c colour) (out colour) {
		for i := range out {
			out[i] = min(max(m[3*i]*c[0]+m[3*i+1]*c[1]+m[3*i+2]*c[2], 0), 1)
		}
		return out
	}
}
