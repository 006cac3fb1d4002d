package clients_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What TestMain makes: the program under test, and a directory in which the
// JavaScript programs find their packages.
var (
	binary string
	jsDir  string
)

// The JavaScript packages, and what scripts/clients.sh leaves when they are whole.
const (
	packages  = "../../.cache/clients/node_modules"
	installed = "../../.cache/clients/installed"
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	if !enabled() {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "outcrop-clients-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "outcrop")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/outcrop").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building outcrop: %w\n%s", err, out)
	}
	// ES modules look for packages beside the file that imports them.
	jsDir = filepath.Join(dir, "js")
	if err := os.CopyFS(jsDir, os.DirFS("js")); err != nil {
		return 0, err
	}
	modules, err := filepath.Abs(packages)
	if err != nil {
		return 0, err
	}
	if err := os.Symlink(modules, filepath.Join(jsDir, "node_modules")); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func enabled() bool { return os.Getenv("OUTCROP_CLIENTS") == "1" }

// need skips the test when the client it drives is not there.
func need(t *testing.T, client string) {
	t.Helper()
	if !enabled() {
		t.Skip("run `make test`, or scripts/clients.sh and then go test with OUTCROP_CLIENTS=1")
	}
	switch client {
	case "chromium":
		if chromium() == "" {
			t.Skip("no browser is installed: apt-get install chromium, or name one in OUTCROP_CHROMIUM")
		}
	case "node":
		if _, err := exec.LookPath("node"); err != nil {
			t.Skip("node is not installed")
		}
		if _, err := os.Stat(installed); err != nil {
			t.Skip("the npm packages are not installed: run scripts/clients.sh")
		}
	case "python3":
		if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
			t.Skip("python3 with boto3 is not installed: pip install boto3")
		}
	case "aws":
		if _, err := exec.LookPath("aws"); err != nil {
			t.Skip("the AWS CLI is not installed: pip install awscli")
		}
	}
}
