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

// address is where the pages say that a server listens. Programs are run with
// the address of the test's in its place.
const address = "http://127.0.0.1:8777"

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
// directory, against a server.
func runBlocks(t *testing.T, language, program, dir, suffix, server string, env []string) {
	t.Helper()
	for _, b := range all(t, language) {
		t.Run(b.name(), func(t *testing.T) {
			source, err := os.CreateTemp(dir, "example*"+suffix)
			if err != nil {
				t.Fatal(err)
			}
			defer os.Remove(source.Name())
			if _, err := source.WriteString(strings.ReplaceAll(b.text, address, server)); err != nil {
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
			if len(out) == 0 && (strings.Contains(b.text, "print(") || strings.Contains(b.text, "console.log(")) {
				t.Error("it prints nothing")
			}
		})
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
	server := serve(t, binary, env)
	overlay := exec.Command(binary, "python-overlay", "--yes", "--endpoint", server)
	overlay.Env = env
	if out, err := overlay.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runBlocks(t, "python", "python3", t.TempDir(), ".py", server, append(env, "AWS_PROFILE=aws"))
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
	server := serve(t, binary, env)
	env = slices.Concat(env, []string{
		"AWS_ENDPOINT_URL=" + server, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "NODE_NO_WARNINGS=1",
	})
	runBlocks(t, "javascript", "node", dir, ".mjs", server, env)
}
