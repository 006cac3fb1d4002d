package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTime is how long the embedded server may take to read its store.
const startTime = 5 * time.Minute

// embedded is a server that listens nowhere, on a directory. Each message is
// synced before it is acknowledged.
type embedded struct {
	*server.Server
	dir   string
	log   *logger
	store server.JetStreamConfig // with which it can be enabled again
}

// startServer starts a server, and checks that it has read what lies in its
// directory.
func startServer(dir string, permanent []string, maxDisk int64, log *logger) (*embedded, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "outcrop", JetStream: true, StoreDir: dir, DontListen: true, NoSigs: true,
		SyncAlways: true, MaxPayload: embeddedPayload,
		JetStreamMaxMemory: leaseMemory, JetStreamMaxStore: maxDisk,
	})
	if err != nil {
		return nil, fmt.Errorf("the journal cannot be opened: %w", err)
	}
	s.SetLoggerV2(log, false, false, false)
	log.starts()
	s.Start()
	ready := s.ReadyForConnections(startTime)
	heard := log.started()
	e := &embedded{Server: s, dir: dir, log: log}
	if !ready || !s.JetStreamEnabled() {
		e.stop()
		return nil, fmt.Errorf("the journal in %s cannot be opened: %s", dir, because(heard))
	}
	e.store = *s.JetStreamConfig()
	e.store.StoreDir = dir
	if err := check(s, dir, permanent, heard); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// restart reads the store anew, and checks it as startServer does. After an
// error the server serves nothing of it.
func (e *embedded) restart(permanent []string) error {
	if err := e.ShutdownJetStream(); err != nil {
		return fmt.Errorf("the journal in %s cannot be closed: %w", e.dir, err)
	}
	config := e.store
	e.log.starts()
	err := e.EnableJetStream(&config)
	heard := e.log.started()
	if err != nil {
		return errors.Join(fmt.Errorf("the journal in %s cannot be opened: %w", e.dir, err), e.ShutdownJetStream())
	}
	if err := check(e.Server, e.dir, permanent, heard); err != nil {
		return errors.Join(err, e.ShutdownJetStream())
	}
	return nil
}

func (e *embedded) stop() {
	e.Shutdown()
	e.WaitForShutdown()
}

func because(heard []string) string {
	if len(heard) == 0 {
		return "its server did not start"
	}
	return strings.Join(heard, "; ")
}

// DamagedError is the error of a store that is not as it was written.
type DamagedError struct {
	Dir    string // of the journal
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the journal in %s is damaged: %s; restore it from a backup, or move the directory away to begin with an empty one", e.Dir, e.Reason)
}

// check compares what should lie in the store with what the server has read of
// it. The server itself passes over streams that it cannot read, and goes on
// without messages whose checksums are wrong.
func check(s *server.Server, dir string, permanent, heard []string) error {
	read := map[string]bool{}
	for name, lost := range storedStreams(s) {
		if read[name] = true; lost != nil {
			return &DamagedError{dir, describeLost(name, lost)}
		}
	}
	for _, name := range permanent {
		if !read[name] {
			return &DamagedError{dir, fmt.Sprintf("stream %s cannot be read: %s", name, because(heard))}
		}
	}
	streams := filepath.Join(dir, server.JetStreamStoreDir, "$G", "streams")
	entries, err := os.ReadDir(streams)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the journal in %s cannot be checked: %w", dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(streams, e.Name())
		// Of a stream that is deleted, meta.inf goes first; then it is renamed,
		// with a dot before it, and removed by the server at its next start.
		_, err := os.Stat(filepath.Join(path, server.JetStreamMetaFile))
		switch {
		case !e.IsDir(), read[e.Name()], strings.HasPrefix(e.Name(), "."):
			continue
		case err == nil && holdsMessages(path):
			return &DamagedError{dir, fmt.Sprintf("stream %s cannot be read: %s", e.Name(), because(heard))}
		}
		// The process was killed while it made this stream, or deleted it.
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("the journal in %s cannot be opened: %w", dir, err)
		}
	}
	return nil
}

// storedStreams is the streams that the server has, each with the messages
// that it had to give up, or nil.
func storedStreams(s *server.Server) map[string]*server.LostStreamData {
	streams := map[string]*server.LostStreamData{}
	report, err := s.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil { // JetStream is not running
		return streams
	}
	for _, account := range report.AccountDetails {
		for _, stream := range account.Streams {
			streams[stream.Name] = nil
			if lost := stream.State.Lost; lost != nil && len(lost.Msgs) > 0 {
				streams[stream.Name] = lost
			}
		}
	}
	return streams
}

func describeLost(stream string, lost *server.LostStreamData) string {
	return fmt.Sprintf("%d messages of stream %s cannot be read, the first of them number %d", len(lost.Msgs), stream, lost.Msgs[0])
}

// holdsMessages tells whether a stream's directory holds anything that was
// written to it. In doubt it does.
func holdsMessages(stream string) bool {
	blocks, err := filepath.Glob(filepath.Join(stream, "msgs", "*.blk"))
	if err != nil {
		return true
	}
	for _, block := range blocks {
		if info, err := os.Stat(block); err != nil || info.Size() > 0 {
			return true
		}
	}
	return false
}

// redacted is a URL without its password.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(an address that cannot be read)"
	}
	return u.Redacted()
}
