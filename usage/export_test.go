package usage

import "bytes"

// Tidy is tidy, for tests.
func (l *Ledger) Tidy() error { return l.tidy() }

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
