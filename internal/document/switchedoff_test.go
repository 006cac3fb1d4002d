package document

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// off switches off what a practice rests on, by a change of one place in the
// code. The practice's test must fail then, by one of its own assertions.
type off struct {
	line    int    // of the practice in the document
	without string // what is switched off
	file    string // from the repository's root
	text    string // stands there once
	with    string // in its place
	breaks  string // what the assertion that fails says, or its beginning
}

const root = "../.."

// TestSwitches: each place of the table is still there, once, and what replaces
// it is Go; each practice has one at least; docs/practices.md tells of each.
func TestSwitches(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/practices.md")
	if err != nil {
		t.Fatal(err)
	}
	practices := map[int]bool{}
	for _, i := range document(t) {
		if i.Kind == Practice {
			practices[i.Line] = false
		}
	}
	for _, o := range switches {
		if _, is := practices[o.line]; !is {
			t.Errorf("%s: line %d of the document is no practice", o.without, o.line)
		}
		practices[o.line] = true
		if _, err := parser.ParseFile(token.NewFileSet(), o.file, o.switched(t), parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", o.without, err)
		}
		if row := o.row(); strings.Count(string(page), row) != 1 {
			t.Errorf("docs/practices.md lacks the row\n%s", row)
		}
	}
	for line, has := range practices {
		if !has {
			t.Errorf("nothing switches off what the practice of line %d rests on", line)
		}
	}
	if rows := regexp.MustCompile(`(?m)^\| \d{3} \|`).FindAllString(string(page), -1); len(rows) != len(switches) {
		t.Errorf("docs/practices.md tells of %d switches, and there are %d", len(rows), len(switches))
	}
}

// row is what docs/practices.md says of a switch.
func (o *off) row() string {
	return fmt.Sprintf("| %03d | %s | %s |\n", o.line, o.without, o.breaks)
}

// switched is the file with the feature switched off.
func (o *off) switched(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, o.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), o.text); n != 1 {
		t.Fatalf("%s: %q stands in %s %d times, not once: bring switches_test.go up to the code", o.without, o.text, o.file, n)
	}
	return []byte(strings.Replace(string(text), o.text, o.with, 1))
}

// TestSwitchedOff builds the program without one feature after the other, and
// wants the practice's test to fail. It takes minutes: make test-long runs it.
func TestSwitchedOff(t *testing.T) {
	if os.Getenv("OUTCROP_LONG") != "1" {
		t.Skip("run make test-long, or set OUTCROP_LONG=1: it takes minutes")
	}
	t.Run("nothing", func(t *testing.T) {
		if out, err := practice(t, `\d+`, ""); err != nil {
			t.Fatalf("the tests fail with all features on: %v\n%s", err, out)
		}
	})
	for _, o := range switches {
		t.Run(fmt.Sprintf("%03d %s", o.line, o.without), func(t *testing.T) {
			out, err := practice(t, fmt.Sprintf("%03d", o.line), o.overlay(t))
			switch {
			case err == nil:
				t.Errorf("the test of line %d passes without %s", o.line, o.without)
			case !strings.Contains(out, broke+o.breaks):
				t.Errorf("the test of line %d fails, but does not say %q:\n%s", o.line, broke+o.breaks, out)
			case strings.Contains(out, "panic: "):
				t.Errorf("the test of line %d panics:\n%s", o.line, out)
			}
		})
	}
}

// overlay is a file for go build -overlay.
func (o *off) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, filepath.Base(o.file))
	if err := os.WriteFile(source, o.switched(t), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(filepath.Join(root, o.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: source}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// practice runs the tests of the practices whose line matches. GOFLAGS carry
// the overlay to the builds that the tests make themselves.
func practice(t *testing.T, line, overlay string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestDocument$/^"+line+"_practice$", ".")
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
