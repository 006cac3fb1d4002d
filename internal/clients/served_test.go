package clients_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The one tenant of a server with keys, and what its clients sign with.
const (
	account     = "123456789012"
	accessKeyID = "AKIDOUTCROPCLIENTS"
	secretKey   = "not-a-secret/outside+these=tests"
	bearerToken = "bedrock-api-key-of-the-tests"
	region      = "us-east-1"
)

const keysFile = `tenants:
  - name: tests
    account: "` + account + `"
    accessKeys:
      - {id: ` + accessKeyID + `, secret: "` + secretKey + `"}
    bearerTokens: [` + bearerToken + `]
`

// served is an `outcrop serve` of its own, with an empty data directory.
type served struct {
	url  string
	data string
	stop func(*testing.T) // before the test's end; does nothing the second time
}

// serve starts the program and stops it when the test ends. It must end
// gracefully, and must not have logged what nobody should read there.
func serve(t *testing.T, flags ...string) *served {
	t.Helper()
	s := &served{data: t.TempDir()}
	cmd := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.data}, flags...)...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	log := new(lockedBuffer)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	s.stop = func(t *testing.T) { once.Do(func() { stop(t, cmd, log) }) }
	t.Cleanup(func() { s.stop(t) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("outcrop serve printed no address: %v\n%s", err, log)
	}
	s.url = strings.TrimSpace(line)
	return s
}

// serveKeys starts a server that verifies every signature.
func serveKeys(t *testing.T, flags ...string) *served {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, []byte(keysFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, append(flags, "--keys", file)...)
}

// loggedLines is how many lines of a server's log a failed test shows.
const loggedLines = 20

// stopTimeout is how long a server may take to end; it is far more than an
// idle one needs, and there so that a test ends in any case.
const stopTimeout = 2 * time.Minute

func stop(t *testing.T, cmd *exec.Cmd, log *lockedBuffer) {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("outcrop serve was gone before it was stopped: %v", err)
	}
	kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("outcrop serve ended with %v after SIGTERM", err)
	}
	text := log.String()
	for _, private := range []string{secretKey, bearerToken, question} {
		if strings.Contains(text, private) {
			t.Errorf("the log shows %q", private)
		}
	}
	if strings.Contains(text, "panic") {
		t.Errorf("the log has a panic")
	}
	if t.Failed() {
		lines := strings.SplitAfter(text, "\n")
		t.Logf("end of the log of outcrop serve:\n%s", strings.Join(lines[max(0, len(lines)-loggedLines):], ""))
	}
}

// lockedBuffer is a buffer that a process writes while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
