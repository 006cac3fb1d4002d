package usage

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The defaults of Config.
const (
	DefaultFlush         = 2 * time.Second
	DefaultRetentionDays = 400
	DefaultMaxSeries     = 2000
)

// Config says where the books lie.
type Config struct {
	// Dir is the directory of the books; it is made when there is something to
	// write. With "" they are kept in memory, for this hour and the last.
	Dir string

	// Owner rewrites and removes old files. One process at a time may.
	Owner bool

	// Flush is how often the books are written, RetentionDays how long they
	// are kept, MaxSeries how many keys an hour may have before further models
	// are booked as Other. 0 means the default.
	Flush         time.Duration
	RetentionDays int
	MaxSeries     int

	// Now is the clock; time.Now when nil.
	Now func() time.Time

	// OnError is told what went wrong while the books were written. Nothing is
	// lost by it: the next Flush tries again. Nil tells nobody.
	OnError func(error)
}

// Ledger keeps the books. It is safe for concurrent use. Close it: it owns one
// goroutine.
type Ledger struct {
	config Config

	mu      sync.Mutex
	pending map[time.Time]map[Key]*Counts // not written yet, by hour
	seen    map[Key]bool                  // keys of the hour
	hour    time.Time                     // of seen
	spent   map[string]*spending
	tidied  time.Time // hour in which old files were looked after
	closed  bool

	writing sync.Mutex // one Flush at a time
	shelf   shelf
	stop    chan struct{}
	done    chan struct{}
}

// spending is what a tenant has spent in the day and the month of its last
// call.
type spending struct {
	day, month       time.Time
	dayUSD, monthUSD float64
}

// Open opens the books, and reads what this month has cost so far.
func Open(config Config) (*Ledger, error) {
	config.Flush = cmp.Or(config.Flush, DefaultFlush)
	config.RetentionDays = cmp.Or(config.RetentionDays, DefaultRetentionDays)
	config.MaxSeries = cmp.Or(config.MaxSeries, DefaultMaxSeries)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.OnError == nil {
		config.OnError = func(error) {}
	}
	l := &Ledger{
		config: config, pending: map[time.Time]map[Key]*Counts{}, seen: map[Key]bool{}, spent: map[string]*spending{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if config.Dir != "" {
		now := config.Now()
		rows, err := Read(config.Dir, monthOf(now), now.Add(time.Hour))
		if err != nil {
			return nil, err
		}
		for i := range rows {
			l.spend(rows[i].Tenant, rows[i].Hour, rows[i].USD)
		}
	}
	go l.run()
	return l, nil
}

// run writes the books until Close.
func (l *Ledger) run() {
	defer close(l.done)
	ticker := time.NewTicker(l.config.Flush)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := l.Flush(); err != nil {
				l.config.OnError(err)
			}
			if err := l.tidy(); err != nil {
				l.config.OnError(err)
			}
		case <-l.stop:
			return
		}
	}
}

// Close writes the books and stops. Calls that end afterwards are lost. Closing
// twice does nothing.
func (l *Ledger) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	close(l.stop)
	<-l.done
	return l.Flush()
}

// Add books a call.
func (l *Ledger) Add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hour := hourOf(r.Time)
	if hour.After(l.hour) {
		l.hour = hour
		clear(l.seen)
	}
	l.counts(hour, Key{r.Tenant, r.Model, r.Method}).record(&r)
	l.spend(r.Tenant, r.Time, r.USD)
	if l.config.Dir == "" {
		for old := range l.pending {
			if old.Before(l.hour.Add(-time.Hour)) {
				delete(l.pending, old)
			}
		}
	}
}

// counts are the sums of a key in an hour, or of the key that stands for it where
// there are too many. Call it with the lock.
func (l *Ledger) counts(hour time.Time, key Key) *Counts {
	of := l.pending[hour]
	if c := of[key]; c != nil {
		return c
	}
	if !l.seen[key] {
		if len(l.seen) >= l.config.MaxSeries {
			key.Model = Other
		}
		l.seen[key] = true
	}
	if of == nil {
		of = map[Key]*Counts{}
		l.pending[hour] = of
	}
	if of[key] == nil {
		of[key] = &Counts{}
	}
	return of[key]
}

// spend counts towards what the tenant has spent. Call it with the lock.
func (l *Ledger) spend(tenant string, at time.Time, usd float64) {
	if usd == 0 {
		return
	}
	s := l.spent[tenant]
	if s == nil {
		s = &spending{}
		l.spent[tenant] = s
	}
	s.turn(at)
	if dayOf(at).Equal(s.day) {
		s.dayUSD += usd
	}
	if monthOf(at).Equal(s.month) {
		s.monthUSD += usd
	}
}

// turn begins a new day and month.
func (s *spending) turn(now time.Time) {
	if day := dayOf(now); day.After(s.day) {
		s.day, s.dayUSD = day, 0
	}
	if month := monthOf(now); month.After(s.month) {
		s.month, s.monthUSD = month, 0
	}
}

// Spent is what a tenant has spent in the day and the month of now, UTC, in US
// dollars.
func (l *Ledger) Spent(tenant string, now time.Time) (day, month float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spent[tenant]
	if s == nil {
		return 0, 0
	}
	s.turn(now)
	return s.dayUSD, s.monthUSD
}

// Flush writes what is not written yet.
func (l *Ledger) Flush() error {
	if l.config.Dir == "" {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	pending := l.pending
	l.pending = map[time.Time]map[Key]*Counts{}
	l.mu.Unlock()
	var errs []error
	for hour, counts := range pending {
		if err := appendRows(l.config.Dir, hour, counts); err != nil {
			errs = append(errs, err)
			l.putBack(hour, counts)
		}
	}
	return errors.Join(errs...)
}

// putBack keeps what could not be written.
func (l *Ledger) putBack(hour time.Time, counts map[Key]*Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.pending[hour]
	if now == nil {
		l.pending[hour] = counts
		return
	}
	for key, c := range counts {
		if now[key] == nil {
			now[key] = c
		} else {
			now[key].Add(*c)
		}
	}
}

// Rows are the books from the hour of since to that of until, in the order of
// hours and keys. They cost reading those files of these hours that were not read
// before, or have changed. Nobody changes the maps in them.
func (l *Ledger) Rows(since, until time.Time) ([]Row, error) { return l.RowsOf("", since, until) }

// RowsOf is Rows of one tenant; with "" of all.
func (l *Ledger) RowsOf(tenant string, since, until time.Time) ([]Row, error) {
	if l.config.Dir != "" {
		if err := l.Flush(); err != nil {
			return nil, err
		}
		return l.shelf.read(l.config.Dir, tenant, since, until)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []Row
	for hour, counts := range l.pending {
		if hour.Before(hourOf(since)) || hour.After(until) {
			continue
		}
		for key, c := range counts {
			if tenant != "" && key.Tenant != tenant {
				continue
			}
			row := Row{Hour: hour, Key: key}
			row.Counts.Add(*c)
			rows = append(rows, row)
		}
	}
	sortRows(rows)
	return rows, nil
}

// Read is Rows for a directory that another process writes, or none does.
func Read(dir string, since, until time.Time) ([]Row, error) {
	return new(shelf).read(dir, "", since, until)
}

// compactAfter is how long after an hour its file is left as it is, for other
// processes may still append to it.
const compactAfter = 10 * time.Minute

// tidy, once an hour, sums up the files of past hours and removes old ones.
func (l *Ledger) tidy() error {
	now := l.config.Now()
	hour := hourOf(now)
	if !l.config.Owner || l.config.Dir == "" || l.tidied.Equal(hour) || now.Sub(hour) < compactAfter {
		return nil
	}
	l.tidied = hour
	hours, err := files(l.config.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range hours {
		switch {
		case h.Before(now.AddDate(0, 0, -l.config.RetentionDays)):
			errs = append(errs, os.Remove(filepath.Join(l.config.Dir, fileName(h))))
		case h.Before(hour) && h.After(hour.Add(-72*time.Hour)):
			l.writing.Lock()
			errs = append(errs, compact(l.config.Dir, h))
			l.writing.Unlock()
		}
	}
	return errors.Join(errs...)
}

func hourOf(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }
func dayOf(t time.Time) time.Time  { return t.UTC().Truncate(24 * time.Hour) }

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Method, b.Method))
	})
}
