package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a Chromium without a window, with one page. It is driven by the
// DevTools protocol over a pair of pipes: a message is JSON that ends in a NUL.
// Calls belong to the test's goroutine.
type browser struct {
	t       *testing.T
	in      *os.File
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan browserReply
	trouble []string // errors in the page's console, and what its policy refused
}

type browserReply struct {
	Result json.RawMessage
	Error  json.RawMessage
	gone   bool
}

// pageTimeout is how long a page may take for anything: as long as a busy machine
// needs, and there so that a test ends in any case.
const pageTimeout = time.Minute

// browse starts a browser, which ends with the test.
func browse(t *testing.T) *browser {
	t.Helper()
	need(t, "chromium")
	ours, theirs := pipe(t), pipe(t) // what it reads, and what it writes
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "about:blank"}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // which it has for other users only
	}
	cmd := exec.Command(chromium(), args...)
	cmd.ExtraFiles = []*os.File{ours.r, theirs.w} // its file descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ours.r.Close()
	theirs.w.Close()
	b := &browser{t: t, in: ours.w, waiting: map[int]chan browserReply{}}
	go b.listen(theirs.r)
	t.Cleanup(func() {
		_ = b.write("Browser.close", nil, "", 0)
		ours.w.Close()
		if err := cmd.Wait(); err != nil {
			t.Logf("the browser ended with %v", err)
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Audits"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

type ends struct{ r, w *os.File }

func pipe(t *testing.T) ends {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return ends{r, w}
}

// chromium is the browser's program, or "".
func chromium() string {
	if path := os.Getenv("OUTCROP_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// listen hands out replies and notes what went wrong in the page, until the browser
// is gone.
func (b *browser) listen(from *os.File) {
	defer from.Close()
	in := bufio.NewReader(from)
	for {
		text, err := in.ReadBytes(0)
		b.mu.Lock()
		if err != nil {
			for _, c := range b.waiting {
				c <- browserReply{gone: true}
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			browserReply
		}
		if json.Unmarshal(text[:len(text)-1], &m) == nil {
			if c := b.waiting[m.ID]; c != nil {
				delete(b.waiting, m.ID)
				c <- m.browserReply
			}
			if bad := complaint(m.Method, m.Params); bad != "" {
				b.trouble = append(b.trouble, bad)
			}
		}
		b.mu.Unlock()
	}
}

// complaint is what an event of the browser says is wrong with the page, or "".
func complaint(method string, params json.RawMessage) string {
	var p struct {
		Entry            struct{ Level, Text, URL string }
		Type             string
		Args             json.RawMessage
		ExceptionDetails json.RawMessage
		Issue            struct {
			Code    string
			Details json.RawMessage
		}
	}
	if json.Unmarshal(params, &p) != nil {
		return ""
	}
	switch {
	case method == "Log.entryAdded" && (p.Entry.Level == "error" || p.Entry.Level == "warning"):
		return p.Entry.Text + " " + p.Entry.URL
	case method == "Runtime.exceptionThrown":
		return string(p.ExceptionDetails)
	case method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "warning" || p.Type == "assert"):
		return string(p.Args)
	case method == "Audits.issueAdded" && p.Issue.Code == "ContentSecurityPolicyIssue":
		return string(p.Issue.Details)
	}
	return ""
}

func (b *browser) write(method string, params any, session string, id int) error {
	if params == nil {
		params = struct{}{}
	}
	message := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = b.in.Write(append(text, 0))
	return err
}

// call asks the browser for something.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	c := make(chan browserReply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	if b.waiting != nil {
		b.waiting[id] = c
	}
	gone := b.waiting == nil
	b.mu.Unlock()
	if gone {
		b.t.Fatal("the browser is gone")
	}
	if err := b.write(method, params, b.session, id); err != nil {
		b.t.Fatal(err)
	}
	select {
	case got := <-c:
		if got.gone || got.Error != nil {
			b.t.Fatalf("%s: %s (the browser is gone: %v)", method, got.Error, got.gone)
		}
		if result != nil {
			if err := json.Unmarshal(got.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(pageTimeout):
		b.t.Fatalf("%s: no answer", method)
	}
}

// eval runs an expression in the page, waits for what it promises, and reads the
// value into result.
func (b *browser) eval(result any, format string, args ...any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	expression := fmt.Sprintf(format, args...)
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails.Exception.Description)
	}
	if result != nil {
		if err := json.Unmarshal(r.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %q: %v", expression, r.Result.Value, err)
		}
	}
}

// wait returns when an expression is true of the page.
func (b *browser) wait(format string, args ...any) {
	b.t.Helper()
	condition := fmt.Sprintf(format, args...)
	for end := time.Now().Add(pageTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var is bool
		b.eval(&is, `(() => { try { return Boolean(%s) } catch { return false } })()`, condition)
		if is {
			return
		}
	}
	b.t.Fatalf("the page never came to %s; it shows\n%s", condition, b.text("body"))
}

// text is what an element shows.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var text string
	b.eval(&text, `document.querySelector(%q)?.innerText ?? ""`, selector)
	return text
}

// open goes to an address and waits for the page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.wait("location.href.startsWith(%q) && document.readyState === 'complete'", url)
}

// fill writes into a field as somebody would who types.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.eval(nil, `(() => { const e = document.querySelector(%q); e.value = %s; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); })()`, selector, jsonText(text))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.eval(nil, `document.querySelector(%q).click()`, selector)
}

func jsonText(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string has JSON
	}
	return string(text)
}

// press presses a key, and lets it go.
func (b *browser) press(key string, code int) {
	b.t.Helper()
	for _, what := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": what, "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
}

// size makes the page as wide and high as a screen, light or dark.
func (b *browser) size(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// quiet fails the test when the page has complained, but for texts that hold one
// of these.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, bad := range b.trouble {
		for _, text := range expected {
			if strings.Contains(bad, text) {
				continue next
			}
		}
		b.t.Errorf("the page complains: %s", bad)
	}
	b.trouble = nil
}
