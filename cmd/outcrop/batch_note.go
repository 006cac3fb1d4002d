package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

// runNote says in an output directory which job `batch run` has begun, until its
// results are there. Its name tells what is asked, so that runs that ask for
// other things leave it alone.
type runNote struct {
	Format int    `json:"format"`
	Token  string `json:"token"`         // of the job's creation, and where its files are staged
	ARN    string `json:"job,omitempty"` // "" when the run was killed before it knew

	file string
	made bool // the directory, which goes with the note if nothing else is there
}

const (
	runNoteFormat = 1
	runNoteName   = ".outcrop-run-%.12s.json" // of the digest of what is asked
)

// openRunNote reads the note of an earlier run that asked for the same: the
// records of a file, and with what. Without one, it is new.
func openRunNote(dir, input string, with ...string) (*runNote, error) {
	digest, err := digestOf(input, with)
	if err != nil {
		return nil, err
	}
	n := &runNote{file: filepath.Join(dir, fmt.Sprintf(runNoteName, digest))}
	text, err := os.ReadFile(n.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, n); err != nil { // a disk that was full, at the worst
			return nil, fmt.Errorf("%s cannot be read: %w; remove it to begin anew", n.file, err)
		}
		if n.Format > runNoteFormat {
			return nil, fmt.Errorf("%s was written by a newer outcrop: it has format %d, and this one knows %d", n.file, n.Format, runNoteFormat)
		}
	}
	return n, nil
}

// digestOf tells whether two runs ask for the same.
func digestOf(input string, with []string) (string, error) {
	f, err := os.Open(input)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	for _, word := range with {
		fmt.Fprintf(sum, "\x00%s", word)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// renew readies the note for a job that is about to be created: again, where the
// last run does not know whether it was.
func (n *runNote) renew() error {
	if n.Token == "" || n.ARN != "" {
		n.Token, n.ARN = newID(), ""
	}
	return n.write()
}

// write puts the note down, whole.
func (n *runNote) write() error {
	n.Format = runNoteFormat
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	dir := filepath.Dir(n.file)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		n.made = true
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return wholefile.Write(n.file, append(text, '\n'))
}

func (n *runNote) remove() error {
	err := os.Remove(n.file)
	if n.made {
		_ = os.Remove(filepath.Dir(n.file)) // fails where there is something
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// staged is where the job's files are.
func (n *runNote) staged(a *app) string {
	return fmt.Sprintf("s3://%s/%s", a.settings.Objects.Staging, n.Token)
}
