package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A stream that could not be noted is noted the next time.
func TestMarkerKnowsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	m := &marker{Format: StoreFormat, Mode: ModeStandalone, Node: "node-a", path: filepath.Join(dir, markerName)}
	if err := m.know("A"); err == nil {
		t.Fatal("it was written where there is no directory")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"A", "B"} {
		if err := m.know(stream); err != nil {
			t.Fatal(err)
		}
		read, err := openMarker(dir, ModeStandalone)
		if err != nil || !slices.Contains(read.known(), stream) {
			t.Errorf("stream %s is not among %+v, %v", stream, read, err)
		}
	}
}
