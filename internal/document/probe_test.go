package document

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/local"
)

// The model that the document's commands name.
const modelID = "anthropic.claude-3-sonnet-20240229-v1:0"

// built is a directory for the programs that checks run; each is built when a
// check first needs it.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "outcrop-document-")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// program is the path of the program under test, and examples the directory of
// those of the repository's examples.
var (
	theProgram  = sync.OnceValues(func() (string, error) { return build("outcrop", "../../cmd/outcrop") })
	theExamples = sync.OnceValues(func() (string, error) { return build("examples/", "../../examples/...") })
)

func build(name, packages string) (string, error) {
	target := built + "/" + name
	if out, err := exec.Command("go", "build", "-o", target, packages).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return target, nil
}

func program(t *testing.T) string {
	t.Helper()
	path, err := theProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// probe is one check at work: it notes what ran, what that printed and what
// held. It has a home of its own, which is empty.
type probe struct {
	*testing.T
	dir  string
	log  []string
	runs int
	held int
}

// Bounds of what the walk shows of an output.
const (
	shownLines = 4
	shownWidth = 160
)

func (p *probe) note(mark, text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if more := len(lines) - shownLines; more > 0 && mark == " " {
		lines = append(lines[:shownLines], fmt.Sprintf("… %d more lines", more))
	}
	for i, line := range lines {
		if r := []rune(line); len(r) > shownWidth && mark == " " {
			line = string(r[:shownWidth]) + "…"
		}
		if i > 0 {
			mark = " "
		}
		p.log = append(p.log, "    "+mark+" "+line)
	}
}

// ran notes a call that was made in Go, and what came of it.
func (p *probe) ran(call string, format string, args ...any) {
	p.runs++
	p.note(">", call)
	p.note(" ", fmt.Sprintf(format, args...))
}

// broke begins what a check says of an assertion that failed; switches_test.go
// tells it by that from trouble of another kind.
const broke = "does not hold: "

// holds asserts what an item says, and returns whether it is so.
func (p *probe) holds(ok bool, format string, args ...any) bool {
	p.Helper()
	p.held++
	text := fmt.Sprintf(format, args...)
	if !ok {
		p.Error(broke + text)
		return false
	}
	p.note("✓", text)
	return true
}

// must ends the check on an error that is none of the document's.
func (p *probe) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// env is that of a user with an empty home and the program in the path.
func (p *probe) env() []string {
	return []string{
		"HOME=" + p.dir, "PATH=" + filepath.Dir(program(p.T)) + ":" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"AWS_EC2_METADATA_DISABLED=true", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=" + p.dir,
	}
}

type outcome struct {
	stdout, stderr string
	code           int
}

// command runs a program in the probe's home.
func (p *probe) command(stdin, show, name string, args ...string) outcome {
	p.Helper()
	p.runs++
	p.note("$", show)
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = p.dir, p.env(), strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		p.Fatal(err)
	}
	o := outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if o.stdout != "" {
		p.note(" ", o.stdout)
	}
	if o.stderr != "" {
		p.note(" ", o.stderr)
	}
	return o
}

// outcrop runs the program, which must succeed.
func (p *probe) outcrop(args ...string) outcome {
	p.Helper()
	o := p.command("", "outcrop "+quoted(args), program(p.T), args...)
	if o.code != 0 {
		p.Fatalf("outcrop %s: exit %d\n%s", quoted(args), o.code, o.stderr)
	}
	return o
}

// fails runs the program, which must not succeed.
func (p *probe) fails(args ...string) outcome {
	p.Helper()
	o := p.command("", "outcrop "+quoted(args), program(p.T), args...)
	if o.code == 0 {
		p.Fatal(broke + "outcrop " + quoted(args) + " is refused")
	}
	return o
}

func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; strings.ContainsAny(a, " {\"'*?") || a == "" {
			words[i] = "'" + a + "'"
		}
	}
	return strings.Join(words, " ")
}

// write puts a file into the probe's home.
func (p *probe) write(name, text string) string {
	p.Helper()
	path := filepath.Join(p.dir, name)
	p.must(os.MkdirAll(filepath.Dir(path), 0o700))
	p.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (p *probe) read(name string) string {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	p.must(err)
	return string(text)
}

// stopTimeout ends a server that does not stop; it is far more than one needs.
const stopTimeout = 2 * time.Minute

// serve starts a server that owns the data directory of the probe's home, and
// returns its address. It ends with the check.
func (p *probe) serve(flags ...string) string {
	p.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	p.note("$", "outcrop "+quoted(args)+" &")
	cmd := exec.Command(program(p.T), args...)
	cmd.Dir, cmd.Env = p.dir, p.env()
	stdout, err := cmd.StdoutPipe()
	p.must(err)
	p.must(cmd.Start())
	p.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	p.must(err)
	return strings.TrimSpace(line)
}

// python runs a program on stock boto3, in a home in which python-overlay has
// pointed the profile aws at a server.
func (p *probe) python(program string, flags ...string) outcome {
	p.Helper()
	if os.Getenv("OUTCROP_CLIENTS") != "1" {
		p.Skip("run scripts/document.sh or `make test`, or set OUTCROP_CLIENTS=1")
	}
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		p.Skip("python3 with boto3 is not installed: pip install boto3")
	}
	p.outcrop("python-overlay", "--yes", "--endpoint", p.serve(flags...))
	p.must(os.CopyFS(filepath.Join(p.dir, "utils"), os.DirFS("testdata/utils")))
	p.write("program.py", program)
	o := p.command("", "python3 program.py", "python3", "program.py")
	if o.code != 0 {
		p.Fatalf("python3: exit %d\n%s", o.code, o.stderr)
	}
	return o
}

// manager opens a manager on the simulator.
func (p *probe) manager(c local.Config) *local.Local {
	p.Helper()
	if c.ModelID == "" {
		c.ModelID = modelID
	}
	m, err := local.Open(p.TempDir(), c)
	p.must(err)
	p.Cleanup(func() { p.must(m.Close(context.WithoutCancel(p.Context()))) })
	return m
}

// rules are scripted replies of the simulator.
func (p *probe) rules(text string) simulator.Config {
	p.Helper()
	r, err := simulator.ParseRules("rules.yaml", []byte(text))
	p.must(err)
	return simulator.Config{Rules: r}
}

// into reads JSON that a command printed.
func into[T any](p *probe, text string) T {
	p.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.Fatalf("%v in %s", err, text)
	}
	return v
}
