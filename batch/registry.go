package batch

import (
	"slices"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// registry is the jobs that this process knows, in memory: which there are, by
// id, token and order. A job knows itself how it stands, and Config.Store keeps
// it. It is safe for concurrent use.
type registry struct {
	config *Config

	mu         sync.Mutex
	sequence   uint64
	unfinished int
	inline     inlineBytes
	byID       map[string]*job
	byToken    map[tokenKey]*job
	ordered    []*job // by sequence
}

// inlineBytes is how much memory the inline bodies of jobs take.
type inlineBytes struct{ unfinished, ended int }

// tokenKey is where a clientRequestToken is unique.
type tokenKey struct{ account, token string }

func newRegistry(config *Config) *registry {
	return &registry{config: config, byID: make(map[string]*job), byToken: make(map[tokenKey]*job)}
}

// name gives a new job its sequence and, from arn, its id and ARN, unless the
// account's token was used before: then the result is the job that was made with
// it. Nobody sees the new job before put; calls of the two must not overlap.
func (s *registry) name(j *job, arn func(id string) string) (*job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &j.state
	key := tokenKey{st.Account, st.Request.ClientRequestToken}
	if before := s.byToken[key]; before != nil && key.token != "" {
		if before.state.Digest != st.Digest {
			return nil, outcrop.Errorf(bedrock.CodeConflict, "clientRequestToken was used before, with other parameters, for job %s", before.state.ARN)
		}
		return before, nil
	}
	if s.unfinished >= s.config.MaxUnfinished {
		return nil, outcrop.Errorf(bedrock.CodeServiceQuotaExceeded, "%d jobs have not ended; that is as many as there may be", s.unfinished)
	}
	if used := s.inline.unfinished; used > 0 && used+j.inline > s.config.InlineBytes {
		return nil, outcrop.Errorf(bedrock.CodeServiceQuotaExceeded, "the inline bodies of jobs that have not ended may have %d bytes together, and have %d; put the input in an object", s.config.InlineBytes, used)
	}
	for st.ID = s.config.NewID(); s.byID[st.ID] != nil; {
		st.ID = s.config.NewID()
	}
	s.sequence++
	st.ARN, st.Sequence = arn(st.ID), s.sequence
	return nil, nil
}

// find is the account's job with an id.
func (s *registry) find(account, id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.byID[id]; j != nil && j.state.Account == account {
		return j
	}
	return nil
}

// all is every job of an account, the earliest first.
func (s *registry) all(account string) []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var jobs []*job
	for _, j := range s.ordered {
		if j.state.Account == account {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// forget takes out a job that has ended, but for its place in the order.
func (s *registry) forget(j *job) {
	s.inline.ended -= j.inline
	delete(s.byID, j.state.ID)
	delete(s.byToken, tokenKey{j.state.Account, j.state.Request.ClientRequestToken})
}

// put puts in a job that is kept. Jobs come in the order of their sequences.
func (s *registry) put(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &j.state
	s.sequence = max(s.sequence, st.Sequence)
	s.byID[st.ID] = j
	s.ordered = append(s.ordered, j)
	if token := st.Request.ClientRequestToken; token != "" {
		s.byToken[tokenKey{st.Account, token}] = j
	}
	if final(st.Status) {
		s.inline.ended += j.inline
		return
	}
	s.unfinished++
	s.inline.unfinished += j.inline
}

// unended is every job that has not ended.
func (s *registry) unended() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var jobs []*job
	for _, j := range s.ordered {
		if !final(j.snapshot().Status) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// endedBefore is the jobs of an account, or of all with "", that ended before a
// time and of which nobody has to be told, the earliest first.
func (s *registry) endedBefore(account string, before time.Time) []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var jobs []*job
	for _, j := range s.ordered {
		st := j.snapshot()
		if (account == "" || st.Account == account) && final(st.Status) && st.Ended.Before(before) && !s.config.Listener.Owes(st.ID) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// drop forgets a job that has ended.
func (s *registry) drop(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(j)
	s.ordered = slices.DeleteFunc(s.ordered, func(other *job) bool { return other == j })
}

// ended tells that a job is final. The earliest jobs that have ended are
// forgotten when there are more, or more of their inline bodies, than may be kept;
// their ids are returned.
func (s *registry) ended(j *job) (forgotten []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unfinished--
	s.inline.unfinished -= j.inline
	s.inline.ended += j.inline
	surplus := len(s.ordered) - s.unfinished - s.config.KeepFinished
	if surplus <= 0 && s.inline.ended <= s.config.InlineBytes {
		return nil
	}
	s.ordered = slices.DeleteFunc(s.ordered, func(j *job) bool {
		tooMany := surplus > 0 || s.inline.ended > s.config.InlineBytes && j.inline > 0
		if !tooMany || !final(j.snapshot().Status) || s.config.Listener.Owes(j.state.ID) {
			return false
		}
		surplus--
		s.forget(j)
		forgotten = append(forgotten, j.state.ID)
		return true
	})
	return forgotten
}
