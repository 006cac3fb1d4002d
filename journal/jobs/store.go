// Package jobs keeps batch jobs in a journal: it is the durable batch.Store.
//
//	store, err := jobs.Open(ctx, j)
//	runner, err := batch.New(batch.Config{Store: store, …})
//
// A job is a state and a request in one bucket, and while it runs a stream of
// its own, which is deleted when it has ended:
//
//	bucket jobs        state.<id>           the state, replaced at each change of status
//	                   request.<id>.<n>     the request, in parts of 512 KiB
//	stream job-<id>    plan.<n>             how the input is divided, in parts
//	                   result.<shard>       results, as many lines as came together
//	                   done.<shard>         what a finished shard comes to, and where its lines are
//	leases             job.<id>, shard.<id>.<n>
//
// The state comes after the request and is deleted before it: a job is there
// when its state is.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/journal"
)

var (
	jobFormat  = journal.Format{Name: "job", Version: 1}
	workFormat = journal.Format{Name: "work", Version: 1}
)

const streamPrefix = "job-"

// partBytes is the most that one message of a request or a plan holds.
const partBytes = 512 << 10

// Store is a batch.Store on a journal. It holds no memory of its own for jobs
// that do not run.
type Store struct {
	journal *journal.Journal
	jobs    *journal.Bucket
}

var _ batch.Store = (*Store)(nil)

// Open opens the jobs of a journal.
func Open(ctx context.Context, j *journal.Journal) (*Store, error) {
	bucket, err := j.Bucket(ctx, journal.BucketConfig{Name: "jobs", Format: jobFormat})
	if err != nil {
		return nil, err
	}
	return &Store{journal: j, jobs: bucket}, nil
}

// Durable is true.
func (s *Store) Durable() bool { return true }

// Load yields the jobs, and removes what is left of jobs that were not created
// or not deleted to the end.
func (s *Store) Load(ctx context.Context) iter.Seq2[batch.Saved, error] {
	return func(yield func(batch.Saved, error) bool) {
		jobs, requests, err := s.read(ctx)
		if err != nil {
			yield(batch.Saved{}, err)
			return
		}
		working, err := s.tidy(ctx, jobs, requests)
		if err != nil {
			yield(batch.Saved{}, err)
			return
		}
		for id, state := range jobs {
			request, err := join(requests[id])
			if err != nil {
				err = fmt.Errorf("the request of job %s: %w", id, err)
			}
			if !yield(batch.Saved{ID: id, Request: request, State: state, HasWork: working[id]}, err) || err != nil {
				return
			}
		}
	}
}

// read is the states of jobs, and the parts of requests.
func (s *Store) read(ctx context.Context) (states map[string][]byte, requests map[string]map[int][]byte, err error) {
	states, requests = map[string][]byte{}, map[string]map[int][]byte{}
	for m, err := range s.jobs.All(ctx, "") {
		if err != nil {
			return nil, nil, err
		}
		kind, rest, _ := strings.Cut(m.Subject, ".")
		switch kind {
		case "state":
			states[rest] = m.Data
		case "request":
			id, number, _ := strings.Cut(rest, ".")
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, nil, fmt.Errorf("the journal holds %s, which is no part of a job", m.Subject)
			}
			if requests[id] == nil {
				requests[id] = map[int][]byte{}
			}
			requests[id][n] = m.Data
		}
	}
	return states, requests, nil
}

// tidy deletes the requests and streams of jobs that are not there, and returns
// which jobs have streams.
func (s *Store) tidy(ctx context.Context, states map[string][]byte, requests map[string]map[int][]byte) (map[string]bool, error) {
	for id := range requests {
		if states[id] == nil {
			if err := s.deleteRequest(ctx, id); err != nil {
				return nil, err
			}
		}
	}
	working := map[string]bool{}
	for name, err := range s.journal.StreamNames(ctx, streamPrefix) {
		if err != nil {
			return nil, err
		}
		id := strings.TrimPrefix(name, streamPrefix)
		if states[id] != nil {
			working[id] = true
		} else if err := s.journal.DeleteStream(ctx, name); err != nil {
			return nil, err
		}
	}
	return working, nil
}

// join puts the parts of a message together. Each begins with a byte that tells
// whether more come.
func join(parts map[int][]byte) ([]byte, error) {
	var whole []byte
	for n := range len(parts) {
		part := parts[n]
		if len(part) == 0 {
			break
		}
		whole = append(whole, part[1:]...)
		if part[0] == lastPart {
			return whole, nil
		}
	}
	return nil, errors.New("a part is missing")
}

const (
	morePart = '+'
	lastPart = '.'
)

// split yields the parts of a message.
func split(whole []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for n := 0; ; n++ {
			mark, part := byte(lastPart), whole
			if len(whole) > partBytes {
				mark, part = morePart, whole[:partBytes]
			}
			whole = whole[len(part):]
			if !yield(n, append([]byte{mark}, part...)) || mark == lastPart {
				return
			}
		}
	}
}

// Create keeps a job: the request first, then the state that says it is there.
func (s *Store) Create(ctx context.Context, job batch.Saved) error {
	err := s.create(ctx, job)
	if err != nil {
		// Where this fails too, the request is removed by the next Load; a state
		// that was written although the server did not say so is not seen here.
		ctx := context.WithoutCancel(ctx)
		_ = s.jobs.Delete(ctx, "state."+job.ID)
		_ = s.deleteRequest(ctx, job.ID)
	}
	return err
}

func (s *Store) create(ctx context.Context, job batch.Saved) error {
	for n, part := range split(job.Request) {
		if _, err := s.jobs.Put(ctx, fmt.Sprintf("request.%s.%d", job.ID, n), part); err != nil {
			return err
		}
	}
	_, err := s.jobs.Create(ctx, "state."+job.ID, job.State)
	return err
}

// Update replaces a job's state.
func (s *Store) Update(ctx context.Context, id string, state []byte) error {
	_, err := s.jobs.Put(ctx, "state."+id, state)
	return err
}

// Delete forgets a job.
func (s *Store) Delete(ctx context.Context, id string) error {
	return errors.Join(s.jobs.Delete(ctx, "state."+id), s.deleteRequest(ctx, id), s.DropWork(ctx, id))
}

func (s *Store) deleteRequest(ctx context.Context, id string) error {
	return s.jobs.Delete(ctx, "request."+id+".*")
}

// DropWork forgets the plan and the results of a job.
func (s *Store) DropWork(ctx context.Context, id string) error {
	return s.journal.DeleteStream(ctx, streamPrefix+id)
}

// Claim takes the job's lease.
func (s *Store) Claim(ctx context.Context, id string) (batch.Claim, []byte, error) {
	lease, err := s.acquire(ctx, "job."+id)
	if err != nil {
		return nil, nil, err
	}
	state, err := s.jobs.Get(ctx, "state."+id)
	if err != nil {
		return nil, nil, errors.Join(err, lease.Release(ctx))
	}
	return lease, state.Data, nil
}

// acquire takes a lease, or says who has it.
func (s *Store) acquire(ctx context.Context, key string) (*journal.Lease, error) {
	lease, err := s.journal.Leases().Acquire(ctx, key)
	if held, ok := errors.AsType[*journal.HeldError](err); ok {
		return nil, fmt.Errorf("%w: %w", batch.ErrClaimed, held)
	}
	return lease, err
}

// Work opens the stream of a job.
func (s *Store) Work(ctx context.Context, id string) (batch.Work, error) {
	stream, err := s.journal.Stream(ctx, journal.StreamConfig{Name: streamPrefix + id, Format: workFormat, Passing: true})
	if err != nil {
		return nil, err
	}
	return newWork(s, id, stream), nil
}
