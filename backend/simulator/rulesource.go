package simulator

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// ruleSource is where the rules in force come from: given once, or a file
// that is read again when it has changed.
type ruleSource struct {
	file string

	mu       sync.Mutex
	rules    *Rules
	err      error
	modified time.Time
	size     int64
}

// current is the rules in force. With a file it costs a stat; a changed file
// is read anew, and its rules count from zero. While the file is broken, calls
// fail with what is wrong in it, rather than by rules that nobody sees.
func (s *ruleSource) current() (*Rules, error) {
	if s.file == "" {
		return s.rules, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.file)
	if err != nil {
		s.rules, s.err = nil, &RulesError{File: s.file, Message: "the file cannot be read: " + reason(err)}
		s.modified, s.size = time.Time{}, -1
		return nil, s.err
	}
	if info.ModTime().Equal(s.modified) && info.Size() == s.size {
		return s.rules, s.err
	}
	s.modified, s.size = info.ModTime(), info.Size()
	s.rules, s.err = readRules(s.file)
	return s.rules, s.err
}

func readRules(file string) (*Rules, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &RulesError{File: file, Message: "the file cannot be read: " + reason(err)}
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, MaxRulesFile+1))
	if err != nil {
		return nil, &RulesError{File: file, Message: "the file cannot be read: " + reason(err)}
	}
	return ParseRules(file, data)
}

// reason is an error without the path, which the message names already.
func reason(err error) string {
	if p, ok := err.(*os.PathError); ok { //nolint:errorlint // os returns it unwrapped
		return p.Err.Error()
	}
	return err.Error()
}

// rulesFailed is the error of a call whose rules cannot be read.
func rulesFailed(err error) *outcrop.Error {
	return outcrop.Errorf(bedrock.CodeValidation, "the simulator's rules: %w", err)
}
