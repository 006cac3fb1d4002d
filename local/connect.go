package local

import (
	"cmp"
	"context"
	"io"
	"iter"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/remote"
)

// Connect makes a manager whose calls and jobs go to an Outcrop server. dir is
// the server's data directory when it lies on this machine, for the objects
// that jobs read and write; with "" they are out of reach. Of config only
// ModelID, Profile and the settings of objects count, the rest is the server's.
// Close closes the client.
func Connect(server *remote.Client, dir string, config Config) (*Local, error) {
	if config.Settings != nil {
		config.ModelID = cmp.Or(config.ModelID, config.Settings.Model)
	}
	manager, err := outcrop.New(outcrop.Config{ModelID: config.ModelID, Profile: config.Profile, Backend: server, Jobs: server.Jobs()})
	if err != nil {
		return nil, err
	}
	l := &Local{Manager: manager, server: server}
	if dir == "" {
		return l, nil
	}
	if l.objects, err = openObjects(dir, config.Settings); err != nil {
		return nil, err
	}
	return l, nil
}

// outOfReach are the objects of a server elsewhere.
type outOfReach struct{ url string }

func (o outOfReach) refuse() error {
	return outcrop.Errorf(bedrock.CodeValidation,
		"the files of the server at %s are out of reach: run the command on its machine with --data and without --endpoint, or create the job with s3:// URIs that the server has", o.url)
}

func (o outOfReach) Open(context.Context, string) (io.ReadCloser, error) { return nil, o.refuse() }

func (o outOfReach) Create(context.Context, string) (outcrop.ObjectWriter, error) {
	return nil, o.refuse()
}

func (o outOfReach) List(context.Context, string) iter.Seq2[outcrop.Object, error] {
	return func(yield func(outcrop.Object, error) bool) { yield(outcrop.Object{}, o.refuse()) }
}

// Served tells whether a server answers, and runs the jobs.
func (l *Local) Served() bool { return l.server != nil }
