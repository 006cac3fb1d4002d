package docs

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/local"
)

// question is what `outcrop compare` asks without an argument.
const question = "Explain in a few sentences what quantum computing is and who it is useful for."

// clock is time that only waiting moves.
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

// TestFigures holds the tables of README.md and docs/methods.md to what compare
// measures in virtual time: tokens and quota to the digit, milliseconds within
// 5 %, since those of the pages passed on a real clock.
func TestFigures(t *testing.T) {
	source, err := os.ReadFile(root + "/cmd/outcrop/compare.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), fmt.Sprintf("const defaultQuestion = %q", question)) {
		t.Error("outcrop compare asks something else by now")
	}
	c := &clock{now: time.Unix(0, 0)}
	m, err := local.Open(t.TempDir(), local.Config{Simulator: simulator.Config{Pace: &simulator.Nominal, Clock: c}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing is kept
	readme, methods := page(t, "README.md"), page(t, "docs/methods.md")
	for _, r := range compare.Run(t.Context(), m.Manager, compare.Options{Prompt: question, Objects: m.Objects(), Now: c.Now}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		// README: method, status, first token, total, output, requests, quota tokens.
		got := cells(t, readme, `(?m)^%s +ok +(\d+) ms +(\d+) ms +(\d+) +(\d+) +(\d+) `, string(r.Method))
		near(t, "README.md: "+string(r.Method), got[:2], r.TimeToFirstTokenMs, r.TotalMs)
		equal(t, "README.md: "+string(r.Method), got[2:], r.Usage.OutputTokens, r.QuotaRequests, r.QuotaTokens)
		// methods.md: …, first token, total, tokens, against RPM and TPM.
		first := `(\d+) ms`
		if r.Method == "async" {
			first = "with the last()"
		}
		got = cells(t, methods, `(?m)^\| %s \|.*\| `+first+` \| (\d+) ms \| (\d+) \+ (\d+) \| (\d+), (\d+) \|$`, string(r.Method))
		if r.Method != "async" {
			near(t, "methods.md: "+string(r.Method), got[:1], r.TimeToFirstTokenMs)
		}
		near(t, "methods.md: "+string(r.Method), got[1:2], r.TotalMs)
		equal(t, "methods.md: "+string(r.Method), got[2:], r.Usage.InputTokens, r.Usage.OutputTokens, r.QuotaRequests, r.QuotaTokens)
	}
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cells are the figures of a table's row.
func cells(t *testing.T, page, row, method string) []int {
	t.Helper()
	m := regexp.MustCompile(fmt.Sprintf(row, method)).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no row of %s like %s", method, row)
	}
	var list []int
	for _, text := range m[1:] {
		n, _ := strconv.Atoi(text)
		list = append(list, n)
	}
	return list
}

func near(t *testing.T, where string, got []int, want ...int) {
	t.Helper()
	for i := range got {
		if d := got[i] - want[i]; d*20 > want[i] || -d*20 > want[i] {
			t.Errorf("%s says %d ms; it takes %d", where, got[i], want[i])
		}
	}
}

func equal(t *testing.T, where string, got []int, want ...int) {
	t.Helper()
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s says %v; it is %v", where, got, want)
			return
		}
	}
}

// TestMethodPages: every method has its page, and every page says what the
// others say.
func TestMethodPages(t *testing.T) {
	for _, method := range outcrop.Methods {
		text := page(t, "docs/methods/"+string(method)+".md")
		last := -1
		for _, heading := range []string{"When", "Go", "Command line", "boto3", "JavaScript", "Quota", "Practices", "Errors"} {
			at := strings.Index(text, "\n## "+heading+"\n")
			if at <= last {
				t.Errorf("docs/methods/%s.md has no part %q, or in another order", method, heading)
			}
			last = at
		}
		if !strings.Contains(page(t, "docs/methods.md"), "(methods/"+string(method)+".md)") {
			t.Errorf("docs/methods.md does not lead to %s", method)
		}
	}
}
