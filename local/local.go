// Package local opens a manager with everything it needs on one machine: the
// back-ends of a configuration, or the embedded simulator when there is none;
// batch jobs, which a journal in the data directory keeps; and in that directory
// the objects that stand for s3:// buckets. It is what the outcrop program and Go programs use.
//
//	m, err := local.Open("", local.Config{ModelID: "anthropic.claude-sonnet-4-5-20250929-v1:0"})
//	if err != nil { … }
//	defer m.Close(ctx)
//	response, err := m.Converse(ctx, request)
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/remote"
	"github.com/outcrop-ai/outcrop/route"
	"github.com/outcrop-ai/outcrop/usage"
)

// Config says what to open. The zero value is useful.
type Config struct {
	ModelID string // of requests that name none; the settings' when empty, or what the only server lists first when they name none
	Profile string // name of the configuration profile, for reports; the settings' when empty

	// Settings are what config.Load read: back-ends, and which models go where.
	// Nil means the simulator for every model, and nothing of files or of the
	// environment.
	Settings *config.Config

	// Simulator is the configuration of the embedded simulator, where one
	// answers. It comes before the settings.
	Simulator simulator.Config

	// Grants are what the embedded simulator grants: beyond them it throttles, as
	// Amazon Bedrock does. They are the service's side; what keeps calls within
	// quotas is Settings.Quotas.
	Grants strict.Grants

	// OnUnlisted is told of back-ends that could not list their models; nil
	// tells nobody.
	OnUnlisted func(backend string, err error)

	// OnModel is told of the model that was taken because nobody named one;
	// nil tells nobody.
	OnModel func(ModelChoice)

	// Owner says that this process owns the data directory, and looks after
	// the files in it that several may append to.
	Owner bool

	// Lock is that ownership. With it the journal is opened at once, and the
	// jobs in it go on; it must be held until Close has returned. Without it the
	// directory is locked, and the journal opened, when something first needs
	// it: a job, for one.
	Lock *owner.Lock

	// Logger is told what the journal warns of; nil tells nobody.
	Logger *slog.Logger

	// OnUsageError is told when the books of usage could not be written; what
	// they lack is written later. Nil tells nobody.
	OnUsageError func(error)

	// Observers are told of every call that has ended.
	Observers []usage.Observer
}

// Local is a Manager with its parts. Close it.
type Local struct {
	*outcrop.Manager
	opened  *opener         // the back-ends of this process; nil when a server answers
	router  *route.Router   // what chooses among them; nil when answers are replayed
	objects outcrop.Objects // nil when they are a server's own
	state   *state          // the journal; nil when a server has it
	jobs    *jobs           // nil when a server runs them
	books   *books          // nil when a server keeps them
	server  *remote.Client  // nil when this process answers
	remove  string          // a temporary directory, or ""
}

// Open makes a manager whose state lies in dir. An empty dir is a temporary
// directory that Close removes. The directory is made, readable by its owner
// only.
func Open(dir string, c Config) (*Local, error) {
	if c.Settings == nil {
		c.Settings = config.Default()
	}
	c.Profile = cmp.Or(c.Profile, c.Settings.Profile)
	temporary := dir == ""
	if temporary {
		var err error
		if dir, err = os.MkdirTemp("", "outcrop-"); err != nil {
			return nil, err
		}
	}
	l, err := open(dir, temporary, c)
	if err != nil {
		if temporary {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return nil, err
	}
	if temporary {
		l.remove = dir
	}
	return l, nil
}

func open(dir string, temporary bool, c Config) (*Local, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	store, err := openObjects(dir, c.Settings)
	if err != nil {
		return nil, err
	}
	opened := &opener{settings: c.Settings, simulated: c.Simulator, grants: c.Grants}
	router, backend, err := opened.backends(c.OnUnlisted)
	if err != nil {
		return nil, errors.Join(err, closeObjects(store))
	}
	if len(c.Grants) > 0 && opened.strict == nil {
		return nil, errors.Join(errors.New("grants are the simulator's, and no model is answered by it"), opened.close(), closeObjects(store))
	}
	c.ModelID = cmp.Or(opened.model(&c, router, backend), c.Settings.Model)
	kept := dir
	if temporary {
		kept = ""
	}
	books, err := openBooks(kept, &c)
	if err != nil {
		return nil, errors.Join(err, opened.close(), closeObjects(store))
	}
	backend = books.metered(backend, &c)
	state := &state{dir: kept, settings: c.Settings, lock: c.Lock, logger: c.Logger}
	jobs := &jobs{state: state, config: batchConfig(c.Settings, keyless{backend}, store, router)}
	if c.Lock != nil {
		if _, err := jobs.open(context.Background()); err != nil {
			return nil, errors.Join(err, state.close(context.Background()), books.close(), opened.close(), closeObjects(store))
		}
	}
	conversations := &conversationStore{state: state, settings: c.Settings}
	limits := c.Settings.Construct
	manager, err := outcrop.New(outcrop.Config{
		ModelID: c.ModelID, Profile: c.Profile, Backend: backend,
		Jobs:          governed.GovernJobs(opened.placed(router, jobs, c.OnUnlisted), quotaRules(&c.Settings.Quotas)),
		Construct:     outcrop.ConstructLimits{Tokens: limits.MaxTokens, Time: limits.MaxTime},
		Conversations: conversationsConfig(c.Settings, conversations),
	})
	if err == nil && c.Lock != nil {
		if _, err = manager.Conversations(context.Background(), "", 1); err != nil { // a key that is wrong is said now, and expiry begins
			_ = manager.Close(context.Background()) // the first error counts
		}
	}
	if err != nil {
		return nil, errors.Join(err, jobs.close(context.Background()), state.close(context.Background()), books.close(), opened.close(), closeObjects(store))
	}
	return &Local{Manager: manager, opened: opened, router: router, objects: store, state: state, jobs: jobs, books: books}, nil
}

// Close leaves the jobs that run as they are, once the records at the model
// have their replies or the context has ended; whoever opens the directory next
// goes on with them. In a temporary directory, which nobody opens again, it
// waits for them instead, for as long as the context lasts, and stops what is
// left of them then.
func (l *Local) Close(ctx context.Context) error {
	err := l.Manager.Close(ctx)
	if l.jobs != nil {
		err = errors.Join(err, l.jobs.close(ctx))
	}
	if l.state != nil {
		err = errors.Join(err, l.state.close(context.WithoutCancel(ctx)))
	}
	if l.books != nil {
		err = errors.Join(err, l.books.close())
	}
	if l.opened != nil {
		err = errors.Join(err, l.opened.close())
	}
	err = errors.Join(err, closeObjects(l.objects))
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
	tape := l.opened.settings.Cassette
	if tape.Replay != "" {
		return "Answers are replayed from " + tape.Replay + "; no back-end is asked."
	}
	notice := l.answers()
	if tape.Record != "" {
		notice += " They are recorded in " + tape.Record + "."
	}
	return notice
}

// answers says who answers in this process.
func (l *Local) answers() string {
	places := Places(l.opened.settings)
	if len(places) == 1 && places[0].Kind == config.KindSimulator {
		return simulator.Notice
	}
	var names []string
	for _, p := range places {
		names = append(names, fmt.Sprintf("%s (%s, %s)", p.Name, p.Kind, p.Where))
	}
	if len(names) == 0 {
		return "No back-end is configured."
	}
	return "Answers come from " + strings.Join(names, "; ") + "."
}

// Objects is where s3:// URIs lead: the data directory, or S3. Those of a server
// elsewhere are out of reach: every method is then a ValidationException.
func (l *Local) Objects() outcrop.Objects {
	if l.objects == nil {
		return outOfReach{l.server.URL()}
	}
	return l.objects
}

// Simulator is the embedded simulator, or nil when another back-end or a
// server answers.
func (l *Local) Simulator() *simulator.Backend {
	if l.opened == nil {
		return nil
	}
	return l.opened.simulator
}
