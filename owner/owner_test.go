package owner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// TestMain lets the tests run another process that owns a directory.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OWNER_TEST_DIR"); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

// hold owns a directory until standard input ends, or this process is killed.
func hold(dir string) {
	lock, err := Acquire(dir)
	if err == nil {
		err = lock.Publish(server())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	if err := lock.Release(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func server() Server {
	return Server{URL: "http://127.0.0.1:8777", Token: "t0", Version: "test"}
}

// other starts a process that owns the directory, and waits until it does.
func other(t *testing.T, dir string) (pid int, release, kill func()) {
	t.Helper()
	if !locks {
		t.Skip("this system has no flock")
	}
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), "OWNER_TEST_DIR="+dir)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "held\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	release = func() {
		_ = stdin.Close()
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	kill = func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	return c.Process.Pid, release, kill
}

func TestAnotherProcessIsFoundWhileItOwnsTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, found, err := Find(dir); found || err != nil {
		t.Fatalf("nobody serves a directory that does not exist: %v, %v", found, err)
	}
	pid, release, _ := other(t, dir)
	got, found, err := Find(dir)
	want := server()
	want.Format, want.PID = Format, pid
	if err != nil || !found || got != want {
		t.Fatalf("found %+v, %v, %v, want %+v", got, found, err, want)
	}
	_, err = Acquire(dir)
	owned, ok := errors.AsType[*OwnedError](err)
	if !ok || *owned.Server != want {
		t.Fatalf("a second owner: %v", err)
	}
	for _, part := range []string{dir, fmt.Sprint(pid), want.URL} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), want.Token) {
		t.Errorf("the error holds the token: %v", err)
	}
	release()
	if _, err := os.Stat(filepath.Join(dir, serverName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("server.json after the release: %v", err)
	}
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestWhatAKilledOwnerLeftIsCleanedUp(t *testing.T) {
	for name, look := range map[string]func(dir string) error{
		"by a command": func(dir string) error {
			if _, found, err := Find(dir); found || err != nil {
				return fmt.Errorf("found %v, %w", found, err)
			}
			return nil
		},
		"by the next owner": func(dir string) error {
			lock, err := Acquire(dir)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = lock.Release() })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, _, kill := other(t, dir)
			kill()
			if _, err := os.Stat(filepath.Join(dir, serverName)); err != nil {
				t.Fatalf("nothing was left behind: %v", err)
			}
			if err := look(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, serverName)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the stale file is still there: %v", err)
			}
		})
	}
}

func TestTheFileIsForItsUserOnly(t *testing.T) {
	dir := t.TempDir()
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Publish(server()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, serverName))
	if err != nil || locks && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v, %v; a temporary file was left", entries, err)
	}
	if err := lock.Publish(Server{URL: "nowhere", Token: "t"}); err == nil {
		t.Error("an address that is none was published")
	}
	for range 2 {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
	if err := lock.Publish(server()); err == nil {
		t.Error("published after the release")
	}
}

func TestADamagedFileOfALivingOwnerIsAnError(t *testing.T) {
	dir := t.TempDir()
	_, release, _ := other(t, dir)
	defer release()
	path := filepath.Join(dir, serverName)
	for text, want := range map[string]string{
		`{`:                             "unexpected end",
		`{"format":2}`:                  "another version",
		`{"format":1,"url":"x"}`:        "url",
		`{"format":1,"url":"http://h"}`: "token",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found, err := Find(dir); found || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
}

// TestLookingDoesNotGetInTheWay: those who look hold the lock for a moment,
// and an owner that comes at that moment still gets it.
func TestLookingDoesNotGetInTheWay(t *testing.T) {
	dir := t.TempDir()
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			// A stale file makes Find take the lock.
			if err := os.WriteFile(filepath.Join(dir, "stale"), []byte("{}"), 0o600); err != nil {
				stopped <- err
				return
			}
			_ = os.Rename(filepath.Join(dir, "stale"), filepath.Join(dir, serverName))
			_, _, _ = Find(dir)
		}
	}()
	for range 200 {
		lock, err := Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:1": "http://127.0.0.1:1", "0.0.0.0:2": "http://127.0.0.1:2",
		"[::]:3": "http://[::1]:3", ":4": "http://127.0.0.1:4", "10.1.2.3:5": "http://10.1.2.3:5",
	} {
		addr, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL("http", addr); got != want {
			t.Errorf("%s is reached at %s, want %s", address, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	if a, b := NewToken(), NewToken(); a == b || len(a) < 32 {
		t.Errorf("tokens %q and %q", a, b)
	}
}

// FuzzParse: whatever is in the file, what is accepted can be called.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"url":"http://127.0.0.1:8777","pid":7,"token":"t","version":"1"}`))
	f.Add([]byte(`{"format":1,"url":"ftp://x","pid":7,"token":"t"}`))
	f.Add([]byte(`{"format":1,"url":"http://","pid":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text)
		if err != nil {
			return
		}
		if s.Token == "" || s.PID <= 0 || !strings.HasPrefix(strings.ToLower(s.URL), "http") || bytes.ContainsRune([]byte(s.URL), '\n') {
			t.Errorf("accepted %+v", s)
		}
	})
}

// TestLockFileHeld: who waits in vain is told for which file.
func TestLockFileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys.json.lock")
		held, err := LockFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := LockFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names %s", err, path)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := LockFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	})
}
