package events

import (
	"time"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Backoff is how long a delivery that failed waits: Base, then twice as long
// each time, up to Max.
type Backoff struct {
	Base time.Duration // 1 s
	Max  time.Duration // 5 min
}

// wait is how long to wait after so many failures in a row.
func (b Backoff) wait(failures int) time.Duration {
	d := b.Base
	for n := 1; n < failures && d < b.Max; n++ {
		d *= 2
	}
	return min(d, b.Max)
}

// queue is what one target has to be told. It does no I/O and is given the
// time. One delivery is under way at a time; when one fails, the target is left
// alone for a while, and longer each time; then it is another job's turn, so
// that an event that a target never takes holds up its own job alone.
type queue struct {
	backoff Backoff
	maxAge  time.Duration
	since   time.Time                                 // changes before it are none of the target's
	wanted  map[bedrock.ModelInvocationJobStatus]bool // nil is all

	told     map[string]int   // how many changes of a job are delivered, or given up
	pending  map[string]*line // jobs with changes that are not
	failures int              // of the target, in a row
	pause    time.Time        // until when it is left alone
}

// line is the changes of one job that are not delivered.
type line struct {
	history   batch.History
	next      int // of the changes
	failures  int
	notBefore time.Time
	last      string // the last error, for people
}

// put adds what is new of a job.
func (q *queue) put(h batch.History) {
	l := q.pending[h.ID]
	if l == nil {
		l = &line{next: q.told[h.ID]}
	} else if len(h.Changes) < len(l.history.Changes) {
		return
	}
	l.history = h
	q.skip(l)
	if l.next < len(h.Changes) {
		q.pending[h.ID] = l
	}
}

// skip passes over changes that the target does not want.
func (q *queue) skip(l *line) {
	for l.next < len(l.history.Changes) {
		c := &l.history.Changes[l.next]
		if !c.Time.Before(q.since) && (q.wanted == nil || q.wanted[c.Status]) {
			return
		}
		l.next++
	}
}

// lapsed is an event that was given up, and how many changes of its job are done
// with it.
type lapsed struct {
	event *Event
	job   string
	told  int
}

// expire gives up the changes that are too old, and returns them, those of one
// job together.
func (q *queue) expire(now time.Time) (given []lapsed) {
	for id, l := range q.pending {
		for l.next < len(l.history.Changes) && now.Sub(l.history.Changes[l.next].Time) >= q.maxAge {
			given = append(given, lapsed{newEvent(&l.history, l.next), id, l.next + 1})
			l.next++
			l.failures, l.notBefore, l.last = 0, time.Time{}, ""
			q.told[id] = l.next
			q.skip(l)
		}
		if l.next == len(l.history.Changes) {
			delete(q.pending, id)
		}
	}
	return given
}

// due is the job whose event is to be delivered now, the one that waits longest;
// or nil, and how long to wait, 0 when there is nothing to wait for.
func (q *queue) due(now time.Time) (*line, time.Duration) {
	var first *line
	for _, l := range q.pending {
		if first == nil || l.before(first) {
			first = l
		}
	}
	if first == nil {
		return nil, 0
	}
	at := first.notBefore
	if q.pause.After(at) {
		at = q.pause
	}
	if wait := at.Sub(now); wait > 0 {
		return nil, wait
	}
	return first, 0
}

func (l *line) before(o *line) bool {
	if c := l.notBefore.Compare(o.notBefore); c != 0 {
		return c < 0
	}
	if c := l.history.Changes[l.next].Time.Compare(o.history.Changes[o.next].Time); c != 0 {
		return c < 0
	}
	return l.history.ID < o.history.ID
}

// delivered notes that the target has taken the next event of a job.
func (q *queue) delivered(l *line) {
	if q.pending[l.history.ID] != l {
		return // it was forgotten meanwhile
	}
	l.next++
	l.failures, l.notBefore, l.last = 0, time.Time{}, ""
	q.failures, q.pause = 0, time.Time{}
	q.told[l.history.ID] = l.next
	q.skip(l)
	if l.next == len(l.history.Changes) {
		delete(q.pending, l.history.ID)
	}
}

// failed notes that it has not, and returns how long the target is left alone.
func (q *queue) failed(l *line, now time.Time, why string) time.Duration {
	l.failures++
	q.failures++
	l.last = why
	l.notBefore = now.Add(q.backoff.wait(l.failures))
	wait := q.backoff.wait(q.failures)
	q.pause = now.Add(wait)
	return wait
}

// forget drops a job.
func (q *queue) forget(id string) {
	delete(q.told, id)
	delete(q.pending, id)
}
