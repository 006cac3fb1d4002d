package clients_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// program is a client program that runs: a line in, a line out. It belongs to
// one goroutine.
type program struct {
	in     io.Writer
	out    *bufio.Reader
	stderr *lockedBuffer
}

// env is what a client is told through its environment; an empty value unsets
// a variable.
type env map[string]string

// signed is the environment of a client with the tenant's access key.
func signed(url string) env {
	return env{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": region, "AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secretKey,
		"AWS_BEARER_TOKEN_BEDROCK": "", "AWS_MAX_ATTEMPTS": "1", "AWS_RETRY_MODE": "standard",
	}
}

// with is the environment with a variable more, or another value.
func (e env) with(name, value string) env {
	other := env{}
	maps.Copy(other, e)
	other[name] = value
	return other
}

// list is all a client's process gets: nothing of the user's own settings, and
// no look for credentials on the network.
func (e env) list(t *testing.T) []string {
	t.Helper()
	all := env{
		"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "LANG": "C.UTF-8",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": region, "AWS_PAGER": "",
		"NODE_NO_WARNINGS": "1", "PYTHONDONTWRITEBYTECODE": "1",
	}
	maps.Copy(all, e)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			list = append(list, name+"="+all[name])
		}
	}
	return list
}

// node starts a program of js/.
func node(t *testing.T, script string, e env) *program {
	t.Helper()
	need(t, "node")
	return launch(t, e, "node", filepath.Join(jsDir, script))
}

// boto3 starts the program that uses boto3.
func boto3(t *testing.T, e env) *program {
	t.Helper()
	need(t, "python3")
	return launch(t, e, "python3", filepath.Join("python", "boto.py"))
}

// programTimeout ends a client that hangs. It is long, since a machine that does
// much else at once may take its time.
const programTimeout = 5 * time.Minute

func launch(t *testing.T, e env, name string, args ...string) *program {
	t.Helper()
	p := &program{stderr: new(lockedBuffer)}
	cmd := exec.Command(name, args...)
	cmd.Env = e.list(t)
	cmd.Stderr = p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(programTimeout, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		defer kill.Stop()
		_ = in.Close() // the end of its input ends the program
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s %v: %v\n%s", name, args, err, p.stderr)
		}
	})
	return p
}

// configure has the program make its clients for another environment.
func (p *program) configure(t *testing.T, e env) params {
	t.Helper()
	return result[params](t, p, "configure", params{"env": e})
}

// params are what a case needs besides its name.
type params map[string]any

// failure is an error as the client's users see it.
type failure struct {
	Class     string // of the object that was raised
	Name      string // the error's code
	Message   string
	Exception bool // one of the SDK's own
	Status    int
	RequestID string
	Attempts  int
	Events    int // that came before it, in a stream
}

// ask has the program run a case.
func (p *program) ask(t *testing.T, name string, with params) (json.RawMessage, *failure) {
	t.Helper()
	request := params{"case": name}
	maps.Copy(request, with)
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, p.stderr)
	}
	line, err = p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, p.stderr)
	}
	var answer struct {
		Result json.RawMessage
		Error  *failure
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("%s: %v in %s", name, err, line)
	}
	return answer.Result, answer.Error
}

// result runs a case that must succeed.
func result[T any](t *testing.T, p *program, name string, with params) T {
	t.Helper()
	raw, failed := p.ask(t, name, with)
	if failed != nil {
		t.Fatalf("%s %v: %s (%s): %s", name, with, failed.Name, failed.Class, failed.Message)
	}
	var r T
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%s: %v in %s", name, err, raw)
	}
	return r
}

// refused runs a case that must fail.
func refused(t *testing.T, p *program, name string, with params) failure {
	t.Helper()
	raw, failed := p.ask(t, name, with)
	if failed == nil {
		t.Fatalf("%s %v succeeded: %s", name, with, raw)
	}
	return *failed
}
