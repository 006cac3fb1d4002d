// Package local opens a manager with everything it needs on one machine: the
// embedded simulator, batch jobs in this process, and a data directory whose
// objects directory stands for s3:// buckets. It is what the outcrop program
// and Go programs use when nothing else is configured.
//
//	m, err := local.Open("", local.Config{ModelID: "anthropic.claude-sonnet-4-5-20250929-v1:0"})
//	if err != nil { … }
//	defer m.Close(ctx)
//	response, err := m.Converse(ctx, request)
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/remote"
)

// Config says what to open. The zero value is useful.
type Config struct {
	ModelID string // of requests that name none
	Profile string // name of the configuration profile, for reports

	// Simulator is the configuration of the embedded simulator.
	Simulator simulator.Config
}

// Local is a Manager with its parts. Close it.
type Local struct {
	*outcrop.Manager
	simulator *simulator.Backend // nil when a server answers
	objects   *objects.Directory // nil when they are a server's own
	jobs      *batch.Jobs        // nil when a server runs them
	server    *remote.Client     // nil when this process answers
	remove    string             // a temporary directory, or ""
}

// Open makes a manager whose state lies in dir. An empty dir is a temporary
// directory that Close removes. The directory is made, readable by its owner
// only.
func Open(dir string, config Config) (*Local, error) {
	temporary := dir == ""
	if temporary {
		var err error
		if dir, err = os.MkdirTemp("", "outcrop-"); err != nil {
			return nil, err
		}
	}
	l, err := open(dir, config)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if temporary {
		l.remove = dir
	}
	return l, nil
}

func open(dir string, config Config) (*Local, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	store, err := objects.NewDirectory(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, err
	}
	store.CreateBuckets = true
	backend, err := simulator.New(config.Simulator)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	jobs, err := batch.New(batch.Config{Backend: backend, Objects: store})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	manager, err := outcrop.New(outcrop.Config{ModelID: config.ModelID, Profile: config.Profile, Backend: backend, Jobs: jobs})
	if err != nil {
		return nil, errors.Join(err, jobs.Close(context.Background()), store.Close())
	}
	return &Local{Manager: manager, simulator: backend, objects: store, jobs: jobs}, nil
}

// Close waits for the jobs that run, for as long as the context lasts, and
// stops what is left of them then.
func (l *Local) Close(ctx context.Context) error {
	var err error
	if l.jobs != nil {
		err = l.jobs.Close(ctx)
	}
	if l.objects != nil {
		err = errors.Join(err, l.objects.Close())
	}
	if l.server != nil {
		err = errors.Join(err, l.server.Close())
	}
	if l.remove != "" {
		err = errors.Join(err, os.RemoveAll(l.remove))
	}
	return err
}

// Notice is the line that says who answers.
func (l *Local) Notice() string {
	if l.server != nil {
		return "The server at " + l.server.URL() + " answers."
	}
	return simulator.Notice
}

// Objects is the data directory's store of s3:// objects. Those of a server
// elsewhere are out of reach: every method is then a ValidationException.
func (l *Local) Objects() outcrop.Objects {
	if l.objects == nil {
		return outOfReach{l.server.URL()}
	}
	return l.objects
}

// Simulator is the embedded simulator, or nil when a server answers.
func (l *Local) Simulator() *simulator.Backend { return l.simulator }
