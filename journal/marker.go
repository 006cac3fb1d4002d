package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

// StoreFormat is the version of the store as a whole: of its streams, their
// subjects and DIR/journal/store.json. A directory of a newer one is refused.
const StoreFormat = 1

// Mode is what a directory's journal is.
type Mode string

// The modes. JetStream shows a store of one mode as empty when it is started in
// another.
const (
	ModeStandalone Mode = "standalone" // an embedded server by itself
	ModeCluster    Mode = "cluster"    // an embedded server that is one of several
	ModeElsewhere  Mode = "nats"       // no store here: it is a cluster's of the user
)

// marker is what DIR/journal/store.json says.
type marker struct {
	Format int    `json:"format"`
	Mode   Mode   `json:"mode"`
	Node   string `json:"node"` // this directory's name among the owners of leases

	// Streams are those that the embedded server must have.
	Streams []string `json:"streams,omitzero"`

	mu   sync.Mutex
	path string
}

const markerName = "store.json"

// ModeError is the error of a directory whose journal is of another mode.
type ModeError struct {
	Dir       string
	Was, Want Mode
}

func (e *ModeError) Error() string {
	describe := func(m Mode) string {
		switch m {
		case ModeStandalone:
			return "that of a single server"
		case ModeCluster:
			return "that of a member of a cluster"
		}
		return "in a NATS cluster elsewhere"
	}
	return fmt.Sprintf("the journal in %s is %s, and is to be opened as %s: it would look empty. Move its streams (see docs/state.md), or choose another data directory",
		e.Dir, describe(e.Was), describe(e.Want))
}

// openMarker reads the marker of a journal's directory, or writes the first
// one, and checks that the directory is what it is opened as.
func openMarker(dir string, mode Mode) (*marker, error) {
	path := filepath.Join(dir, markerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if found := modeOfFiles(dir); found != "" && found != mode {
			return nil, &ModeError{dir, found, mode}
		}
		m := &marker{Format: StoreFormat, Mode: mode, Node: "node-" + strings.ToLower(rand.Text()[:12]), path: path}
		return m, m.write()
	}
	if err != nil {
		return nil, fmt.Errorf("the journal cannot be opened: %w", err)
	}
	m := &marker{path: path}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, &DamagedError{dir, fmt.Sprintf("%s: %s", markerName, err)}
	}
	switch {
	case m.Format > StoreFormat:
		return nil, &FormatError{What: "the journal in " + dir, Version: m.Format, Known: StoreFormat}
	case m.Format < 1 || m.Node == "" || m.Mode == "":
		return nil, &DamagedError{dir, markerName + " lacks format, mode or node"}
	case m.Mode != mode:
		return nil, &ModeError{dir, m.Mode, mode}
	}
	// The marker may have come from another directory.
	if found := modeOfFiles(dir); found != "" && found != mode {
		return nil, &ModeError{dir, found, mode}
	}
	return m, nil
}

// modeOfFiles is what the files of a server in the directory say, or "" when
// there are none.
func modeOfFiles(dir string) Mode {
	if _, err := os.Stat(filepath.Join(dir, "jetstream", "$SYS", "_js_", "_meta_")); err == nil {
		return ModeCluster
	}
	if streams, err := os.ReadDir(filepath.Join(dir, "jetstream", "$G", "streams")); err == nil && len(streams) > 0 {
		return ModeStandalone
	}
	return ""
}

// known is the streams that must be there.
func (m *marker) known() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.Streams)
}

// know adds a stream to those that must be there. It exists already: a process
// that is killed in between knows one too few.
func (m *marker) know(stream string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.Streams, stream) {
		return nil
	}
	before := m.Streams
	m.Streams = append(slices.Clip(before), stream)
	err := m.write()
	if err != nil {
		m.Streams = before
	}
	return err
}

// write makes the marker durable: whole, or not at all.
func (m *marker) write() error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := wholefile.Write(m.path, append(text, '\n')); err != nil {
		return fmt.Errorf("the journal cannot be made: %w", err)
	}
	return nil
}
