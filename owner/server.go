package owner

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

// Format is the version of DIR/server.json that this package writes. A file of
// another version is refused, by name.
const Format = 1

// maxFile bounds what is read of server.json, in bytes.
const maxFile = 64 << 10

// Server is what an owner publishes about itself.
type Server struct {
	Format  int    `json:"format"`
	URL     string `json:"url"`     // where it is reached from this machine: http://127.0.0.1:8777
	PID     int    `json:"pid"`     // its process
	Token   string `json:"token"`   // a bearer token that it accepts
	Version string `json:"version"` // of the program

	// Model is the model of requests that name none.
	Model string `json:"model,omitzero"`

	// Config is the path of the configuration file that it has read.
	Config string `json:"config,omitzero"`

	// Certificate is the SHA-256, in hex, of the certificate it shows when URL
	// is an https one: its names need not be those of this machine.
	Certificate string `json:"certificate,omitzero"`
}

// NewToken makes a token, of 128 random bits or more.
func NewToken() string { return "owner-" + rand.Text() + rand.Text() }

// URL is where a listener is reached from its own machine: an address that
// stands for all of them becomes the loopback one. The scheme is http or https.
func URL(scheme string, addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return scheme + "://" + addr.String()
	}
	local := *tcp
	switch {
	case len(local.IP) == 0 || local.IP.Equal(net.IPv4zero):
		local.IP = net.IPv4(127, 0, 0, 1)
	case local.IP.Equal(net.IPv6unspecified):
		local.IP = net.IPv6loopback
	}
	return scheme + "://" + local.String()
}

// Publish says where the owner is reached; its Format and PID are filled in.
// The file appears whole, readable by this user only. What was published
// before is replaced.
func (l *Lock) Publish(s Server) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return errors.New("owner: the lock was released")
	}
	s.Format, s.PID = Format, os.Getpid()
	if err := s.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(l.dir, serverName), append(text, '\n'))
}

// Find looks for the process that serves a data directory. Without one it
// returns false, and so it does for an owner that has not begun to listen. It
// costs one failed lookup of a file where nobody serves.
func Find(dir string) (Server, bool, error) {
	if !locks {
		return Server{}, false, nil
	}
	if _, err := os.Lstat(filepath.Join(dir, serverName)); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return Server{}, false, nil
		}
		return Server{}, false, err
	}
	file, err := lockFile(dir)
	switch {
	case err == nil:
		// Nobody holds the lock, so the file is stale; while it is held here,
		// no new owner can have written it.
		stale := &Lock{dir: dir, file: file}
		return Server{}, false, stale.Release()
	case !errors.Is(err, errLocked):
		return Server{}, false, err
	}
	server, err := read(dir)
	if errors.Is(err, os.ErrNotExist) { // it has just stopped
		return Server{}, false, nil
	}
	if err != nil {
		return Server{}, false, err
	}
	return *server, true, nil
}

func read(dir string) (*Server, error) {
	path := filepath.Join(dir, serverName)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	server, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return server, nil
}

// parse reads the text of a server.json.
func parse(text []byte) (*Server, error) {
	var s Server
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	if s.Format != Format {
		return nil, fmt.Errorf("format: it is %d, and this program reads %d: the server is of another version", s.Format, Format)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

func (s *Server) check() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		return fmt.Errorf("url: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("url: %q is not of the form http://host:port", s.URL)
	case s.Token == "":
		return errors.New("token: it is empty")
	case s.PID <= 0:
		return fmt.Errorf("pid: %d is no process", s.PID)
	}
	return nil
}
