package journal

import (
	"fmt"
	"strconv"
	"strings"
)

// Format is what the messages of a stream are, and the version of that which
// this program writes. It reads this version and all before it.
type Format struct {
	Name    string // of one record: "job", "turn"
	Version int    // from 1
}

// formatHeader is the header in which each message tells its format.
const formatHeader = "Outcrop-Format"

func (f Format) String() string { return f.Name + "/" + strconv.Itoa(f.Version) }

// version reads the version out of a message's header. Another format, or a
// version this program does not know, is an error.
func (f Format) version(header, where string) (int, error) {
	name, number, ok := strings.Cut(header, "/")
	version, err := strconv.Atoi(number)
	if !ok || err != nil || version < 1 || name != f.Name {
		return 0, fmt.Errorf("%s is no %s of the journal: its format is %q", where, f.Name, header)
	}
	if version > f.Version {
		return 0, &FormatError{What: "the " + f.Name + " " + where, Version: version, Known: f.Version}
	}
	return version, nil
}

// FormatError is the error of something that a newer program has written.
type FormatError struct {
	What           string // with where it is
	Version, Known int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s is of format %d, and this outcrop reads up to format %d: a newer outcrop has written it, and is needed to read it", e.What, e.Version, e.Known)
}
