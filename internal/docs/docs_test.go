// Package docs tests what the documentation says: its Go programs run, its
// commands run, its links lead somewhere.
package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// pages are the documents whose examples are run.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"docs/*.md", "docs/methods/*.md", "examples/*.md"} {
		some, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, some...)
	}
	return append(found, filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md"))
}

// block is a fenced block of a page.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		out = append(out, block{m[1], m[2]})
	}
	return out
}

// environment is that of a user with an empty home.
func environment(t *testing.T) []string {
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_DATA_HOME=" + home + "/data", "XDG_CONFIG_HOME=" + home + "/config"}
	for _, name := range []string{"PATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} {
		value := os.Getenv(name)
		if value == "" && strings.HasPrefix(name, "GO") {
			out, err := exec.Command("go", "env", name).Output()
			if err != nil {
				t.Fatal(err)
			}
			value = strings.TrimSpace(string(out))
		}
		env = append(env, name+"="+value)
	}
	return env
}

func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "outcrop")
	build := exec.Command("go", "build", "-o", binary, "./cmd/outcrop")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// TestGoPrograms runs every Go block that is a whole program, as if it stood
// in the module.
func TestGoPrograms(t *testing.T) {
	ran := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.language != "go" || !strings.HasPrefix(b.text, "package main") {
				continue
			}
			ran++
			t.Run(filepath.Base(page), func(t *testing.T) { runGo(t, b.text) })
		}
	}
	if ran == 0 {
		t.Error("no page has a Go program")
	}
}

func runGo(t *testing.T, text string) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(module, "internal/docs/example/main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("go", "run", "-overlay", filepath.Join(dir, "overlay.json"), "./internal/docs/example")
	run.Dir = module
	run.Env = environment(t)
	var stdout, stderr bytes.Buffer
	run.Stdout, run.Stderr = &stdout, &stderr
	if err := run.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	if stdout.Len() == 0 {
		t.Error("the program prints nothing")
	}
}

// TestCommands runs every line of a sh block that begins with outcrop. A block
// that is marked console is only shown.
func TestCommands(t *testing.T) {
	binary := program(t)
	ran := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.language != "sh" {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", " ")) {
				line = strings.TrimSpace(line)
				if !strings.HasPrefix(line, "outcrop ") || strings.HasPrefix(line, "outcrop serve") {
					continue
				}
				ran++
				t.Run(filepath.Base(page)+"/"+line, func(t *testing.T) { runLine(t, binary, line) })
			}
		}
	}
	if ran == 0 {
		t.Error("no page has a command")
	}
}

func runLine(t *testing.T, binary, line string) {
	run := exec.Command("sh", "-c", line)
	run.Env = append(environment(t), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	run.Dir = filepath.Join(root, "internal/docs/testdata")
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestJSON reads the json blocks: somebody pastes them.
func TestJSON(t *testing.T) {
	for _, page := range pages(t) {
		for i, b := range blocks(t, page) {
			if b.language == "json" && !json.Valid([]byte(b.text)) {
				t.Errorf("%s: block %d is no JSON", filepath.Base(page), i+1)
			}
		}
	}
}

var inlineCode = regexp.MustCompile("`[^`\n]*`")

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// prose is a page without its code, in which brackets are no links. The text of
// a link may be code; it is left a name.
func prose(page string) string {
	return inlineCode.ReplaceAllString(fence.ReplaceAllString(page, ""), "code")
}

// TestLinks follows every link to a file.
func TestLinks(t *testing.T) {
	designs, err := filepath.Glob(filepath.Join(root, "docs", "design", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages(t), designs...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(prose(string(text)), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			}
		}
	}
}
