// Package docs tests what the documentation says: its Go programs run, its
// commands run, its links lead somewhere.
package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// block is a fenced block of a page. A comment in the line above it, which
// readers do not see, can say why it is not run.
type block struct {
	language, text string
	page           string
	line           int
	why            string // it is not run
}

var fence = regexp.MustCompile("(?ms)^(?:<!-- (?:not run|output of): ([^\n]+) -->\n)?```([a-z]*)\n(.*?)^```$")

func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, at := range fence.FindAllStringSubmatchIndex(string(text), -1) {
		b := block{language: string(text[at[4]:at[5]]), text: string(text[at[6]:at[7]]), page: page, line: bytes.Count(text[:at[4]], []byte("\n")) + 1}
		if at[2] >= 0 {
			b.why = string(text[at[2]:at[3]])
		}
		out = append(out, b)
	}
	return out
}

// all are the blocks of a language that are run.
func all(t *testing.T, languages ...string) []block {
	t.Helper()
	var found []block
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.why == "" && slices.Contains(languages, b.language) {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no page has a block of %v", languages)
	}
	return found
}

// name is that of a subtest about a block.
func (b *block) name() string { return fmt.Sprintf("%s:%d", filepath.Base(b.page), b.line) }

// TestEveryBlock: what no test here runs or reads says why.
func TestEveryBlock(t *testing.T) {
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.why != "" {
				continue
			}
			wrong := ""
			switch b.language {
			case "go":
				if !strings.HasPrefix(b.text, "package main\n") {
					wrong = "it is no whole program"
				}
			case "sh":
				for _, line := range commands(b.text) {
					if !runnable(line) {
						wrong = "the line `" + line + "` is not run"
					}
				}
			case "python", "javascript", "json", "yaml", "console":
			default:
				wrong = "no test reads a block of this language"
			}
			if wrong != "" {
				t.Errorf("%s: %s, and no comment above says why: <!-- not run: … -->", b.name(), wrong)
			}
		}
	}
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

// TestGoPrograms runs every Go program, as if it stood in the module.
func TestGoPrograms(t *testing.T) {
	for _, b := range all(t, "go") {
		t.Run(b.name(), func(t *testing.T) { runGo(t, b.text) })
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

// commands are the lines of a block for a shell, with what is continued in one.
func commands(text string) []string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// runnable tells whether TestCommands runs a line. A server would not end.
func runnable(line string) bool {
	return strings.HasPrefix(line, "outcrop ") && !strings.HasPrefix(line, "outcrop serve")
}

// TestCommands runs every line of a sh block.
func TestCommands(t *testing.T) {
	binary := program(t)
	for _, b := range all(t, "sh") {
		for _, line := range commands(b.text) {
			t.Run(filepath.Base(b.page)+"/"+line, func(t *testing.T) { runLine(t, binary, line) })
		}
	}
}

// runLine runs a line in a directory of its own, with the files of testdata.
func runLine(t *testing.T, binary, line string) {
	run := exec.Command("sh", "-c", line)
	run.Env = append(environment(t), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	run.Dir = t.TempDir()
	if err := os.CopyFS(run.Dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// shown is an outcrop command within a line that is only shown.
var shown = regexp.MustCompile("outcrop (?:'[^']*'|\"[^\"]*\"|[^|&;#>'\"\n])*")

// TestShownCommands: a console block shows what needs a server, a model or an
// account, or takes too long. What it asks of outcrop exists, at least: the
// command and its flags, since --help is only reached past them.
func TestShownCommands(t *testing.T) {
	binary := program(t)
	dir, env := t.TempDir(), environment(t)
	for _, b := range all(t, "console") {
		for _, line := range commands(b.text) {
			typed, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue // what was printed
			}
			for _, command := range shown.FindAllString(typed, -1) {
				if strings.Contains(typed, "git clone") || strings.Contains(typed, "cd "+command) {
					continue // the directory of that name
				}
				run := exec.Command("sh", "-c", strings.TrimSpace(command)+" --help")
				run.Env, run.Dir = append(env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH")), dir
				if out, err := run.CombinedOutput(); err != nil {
					t.Errorf("%s: %s: %v\n%s", b.name(), command, err, out)
				}
			}
		}
	}
}

// TestYAML has the program read every yaml block, by what it is: rules of the
// simulator, its grants, a file of keys, or else a configuration.
func TestYAML(t *testing.T) {
	binary := program(t)
	for _, b := range all(t, "yaml") {
		t.Run(b.name(), func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "block.yaml")
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			// A model that does not exist is refused when the file has been read.
			args := []string{"--config", file, "config", "check"}
			switch {
			case strings.Contains(b.text, "rules:\n"):
				args = []string{"--rules", file, "converse", "Hello"}
			case strings.Contains(b.text, "grants:\n"):
				args = []string{"serve", "--quotas", file, "--listen", "nowhere:0"}
			case strings.Contains(b.text, "accessKeys:\n"):
				args = []string{"serve", "--keys", file, "--listen", "nowhere:0"}
			}
			run := exec.Command(binary, args...)
			run.Env = append(environment(t), "BATCH_HOOK_SECRET=x", "OUTCROP_CONVERSATION_KEY="+strings.Repeat("A", 43)+"=")
			run.Dir = dir
			out, err := run.CombinedOutput()
			if args[0] == "serve" && strings.Contains(string(out), "nowhere") {
				err = nil // the file was read, and the address is none
			}
			if err != nil {
				t.Errorf("outcrop %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
}

// TestJSON reads the json blocks: somebody pastes them.
func TestJSON(t *testing.T) {
	for _, b := range all(t, "json") {
		if !json.Valid([]byte(b.text)) {
			t.Errorf("%s is no JSON", b.name())
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
