package usage

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// Tidy is tidy, for tests.
func (l *Ledger) Tidy() error { return l.tidy() }

// SetShelf bounds the rows that are kept, and Shelved are the hours they are of.
func (l *Ledger) SetShelf(rows int) { l.shelf.most = rows }

func (l *Ledger) Shelved() []time.Time {
	return slices.SortedFunc(maps.Keys(l.shelf.hours), time.Time.Compare)
}

// Reread adds the lines of a text up, writes the sums, and adds those up.
func Reread(text []byte) (first, again map[Key]*Counts, err error) {
	if first, _, err = parse(bytes.NewReader(text)); err != nil {
		return nil, nil, err
	}
	written, _, err := appendLines(nil, first)
	if err != nil {
		return nil, nil, err
	}
	again, _, err = parse(bytes.NewReader(written))
	return first, again, err
}
