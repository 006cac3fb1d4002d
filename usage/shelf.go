package usage

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxShelf is how many rows a shelf keeps: about 30 MB.
const maxShelf = 100_000

// shelf keeps the rows of hours that were read, for as long as their files stay
// as they were: a report that is asked for again then costs little. Of too many
// rows it keeps the latest hours.
type shelf struct {
	most int // rows; 0 means maxShelf

	mu    sync.Mutex
	hours map[time.Time]shelved
	rows  int // in all hours
}

type shelved struct {
	size    int64 // of the file, and when it was changed
	changed time.Time
	rows    []Row // in order; whoever gets them changes nothing
}

// read reads the files from the hour of since to that of until, each key of an
// hour once, in the order of hours and keys: of one tenant or, with "", of all.
func (s *shelf) read(dir, tenant string, since, until time.Time) ([]Row, error) {
	hours, err := files(dir)
	if err != nil {
		return nil, err
	}
	var found [][]Row
	n := 0
	for _, hour := range slices.Backward(hours) { // the latest are to stay
		if hour.Before(hourOf(since)) || hour.After(until) {
			continue
		}
		rows, err := s.hour(dir, hour)
		if err != nil {
			return nil, err
		}
		if tenant != "" {
			rows = of(rows, tenant)
		}
		found = append(found, rows)
		n += len(rows)
	}
	all := make([]Row, 0, n)
	for _, rows := range slices.Backward(found) {
		all = append(all, rows...)
	}
	return all, nil
}

// of is where a tenant's rows lie among those of an hour, which are in order.
func of(rows []Row, tenant string) []Row {
	compare := func(r Row, tenant string) int { return strings.Compare(r.Tenant, tenant) }
	first, found := slices.BinarySearchFunc(rows, tenant, compare)
	end := first
	for found && end < len(rows) && rows[end].Tenant == tenant {
		end++
	}
	return rows[first:end]
}

// hour is the rows of an hour. Of several that ask at once, one reads.
func (s *shelf) hour(dir string, hour time.Time) ([]Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(filepath.Join(dir, fileName(hour)))
	if errors.Is(err, fs.ErrNotExist) { // removed since
		s.drop(hour)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if kept, ok := s.hours[hour]; ok && kept.size == info.Size() && kept.changed.Equal(info.ModTime()) {
		return kept.rows, nil
	}
	s.drop(hour)
	sums, _, err := readFile(dir, hour)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, 0, len(sums))
	for key, c := range sums {
		rows = append(rows, Row{hour, key, *c})
	}
	sortRows(rows)
	s.keep(hour, shelved{info.Size(), info.ModTime(), rows})
	return rows, nil
}

// keep puts an hour on the shelf, in the place of earlier ones if need be.
func (s *shelf) keep(hour time.Time, k shelved) {
	most := cmp.Or(s.most, maxShelf)
	if len(k.rows) > most {
		return
	}
	for s.rows+len(k.rows) > most {
		first := hour
		for h := range s.hours {
			if h.Before(first) {
				first = h
			}
		}
		if first.Equal(hour) {
			return
		}
		s.drop(first)
	}
	if s.hours == nil {
		s.hours = map[time.Time]shelved{}
	}
	s.hours[hour] = k
	s.rows += len(k.rows)
}

func (s *shelf) drop(hour time.Time) {
	s.rows -= len(s.hours[hour].rows)
	delete(s.hours, hour)
}
