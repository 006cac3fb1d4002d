package docs

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sdkPages are the documents whose Python and JavaScript is run: programs that
// find the server in the environment or in the profile aws.
func sdkPages(t *testing.T) []string {
	found, err := filepath.Glob(filepath.Join(root, "docs/methods/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	return append(found, filepath.Join(root, "docs/getting-started.md"), filepath.Join(root, "docs/from-boto3.md"))
}

// stopTimeout ends a server that does not stop.
const stopTimeout = 2 * time.Minute

// serve starts a server in an environment, and returns its address.
func serve(t *testing.T, binary string, env []string) string {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0")
	cmd.Env = env
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// runBlocks runs the blocks of a language with a program, each from a file in a
// directory.
func runBlocks(t *testing.T, language, program, dir, suffix string, env []string) {
	t.Helper()
	ran := 0
	for _, page := range sdkPages(t) {
		for _, b := range blocks(t, page) {
			if b.language != language {
				continue
			}
			ran++
			t.Run(filepath.Base(page), func(t *testing.T) {
				source, err := os.CreateTemp(dir, "example*"+suffix)
				if err != nil {
					t.Fatal(err)
				}
				defer os.Remove(source.Name())
				if _, err := source.WriteString(b.text); err != nil {
					t.Fatal(err)
				}
				if err := source.Close(); err != nil {
					t.Fatal(err)
				}
				run := exec.Command(program, source.Name())
				run.Env = env
				out, err := run.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if len(out) == 0 {
					t.Error("it prints nothing")
				}
			})
		}
	}
	if ran == 0 {
		t.Errorf("no page has %s", language)
	}
}

func needClients(t *testing.T) {
	t.Helper()
	if os.Getenv("OUTCROP_CLIENTS") != "1" {
		t.Skip("run `make test`, or scripts/clients.sh and then go test with OUTCROP_CLIENTS=1")
	}
}

// TestPython runs the Python of the pages on stock boto3.
func TestPython(t *testing.T) {
	needClients(t)
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("python3 with boto3 is not installed: pip install boto3")
	}
	binary := program(t)
	env := append(environment(t), "AWS_EC2_METADATA_DISABLED=true")
	overlay := exec.Command(binary, "python-overlay", "--yes", "--endpoint", serve(t, binary, env))
	overlay.Env = env
	if out, err := overlay.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runBlocks(t, "python", "python3", t.TempDir(), ".py", env)
}

// TestJavaScript runs the JavaScript of the pages on the AWS SDK.
func TestJavaScript(t *testing.T) {
	needClients(t)
	modules, err := filepath.Abs(filepath.Join(root, ".cache/clients/node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(modules), "installed")); err != nil {
		t.Skip("the npm packages are not installed: run scripts/clients.sh")
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	binary := program(t)
	env := environment(t)
	env = slices.Concat(env, []string{
		"AWS_ENDPOINT_URL=" + serve(t, binary, env), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "NODE_NO_WARNINGS=1",
	})
	runBlocks(t, "javascript", "node", dir, ".mjs", env)
}
