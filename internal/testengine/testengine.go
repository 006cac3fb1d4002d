package testengine

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Environment is the variable that names a llama-server to run instead of the
// one that `make engine` installs.
const Environment = "OUTCROP_LLAMA_SERVER"

// Engine is a running llama-server.
type Engine struct {
	URL   string // "http://127.0.0.1:43210"; its API lies below /v1
	Model string // what it calls its model
}

// Start starts an engine for one test and stops it when the test ends. It
// listens on the loopback and works in one thread: with more, on a busy
// machine, one call can take minutes. Further arguments go to llama-server.
func Start(t testing.TB, arguments ...string) *Engine {
	t.Helper()
	if testing.Short() {
		t.Skip("a real engine is not started in short mode")
	}
	command := find(t)
	dir := directory()
	model := filepath.Join(dir, "tiny-tools-f16.gguf")
	command = append(command, "-m", model, "--alias", "tiny-tools", "--host", "127.0.0.1", "--port", "0", "-t", "1", "-tb", "1", "-np", "1",
		"--jinja", "--chat-template-file", filepath.Join(dir, "tools.jinja"))
	command = append(command, arguments...)

	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	log, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr // one pipe: where it logs depends on its version
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("the engine does not start: %v", err)
	}
	found := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() { read(bufio.NewScanner(log), found) })
	t.Cleanup(func() {
		cancel()
		reading.Wait()
		_ = cmd.Wait() // it was killed
	})
	url := <-found
	if !strings.HasPrefix(url, "http") {
		t.Fatalf("the engine does not listen; its log:\n%s", url)
	}
	return &Engine{URL: url, Model: "tiny-tools"}
}

// read reads the engine's log to its end, and sends the address once the
// engine listens, or the log when it never does.
func read(log *bufio.Scanner, found chan<- string) {
	var lines []string
	sent := false
	for log.Scan() {
		if sent {
			continue
		}
		line := log.Text()
		lines = append(lines, line)
		if i := strings.Index(line, "listening on http://"); i >= 0 {
			sent = true
			found <- strings.Fields(line[i+len("listening on "):])[0]
		}
	}
	if !sent {
		found <- "log: " + strings.Join(lines, "\n")
	}
}

// find is how to run llama-server, or the test is skipped.
func find(t testing.TB) []string {
	t.Helper()
	if path := os.Getenv(Environment); path != "" {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s: %v", Environment, err)
		}
		return []string{path}
	}
	cache := filepath.Join(directory(), "..", "..", ".cache", "llama.cpp")
	if _, err := os.Stat(filepath.Join(cache, "root", "usr", "bin", "llama-server")); err != nil {
		t.Skipf("no engine: run `make engine` to install llama.cpp under .cache (12 MB), or set %s to a llama-server", Environment)
	}
	return []string{filepath.Join(directory(), "llama-server.sh"), cache}
}

// directory is where this package's files lie.
func directory() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}
