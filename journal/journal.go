package journal

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Journal is an open journal. Close it before the lock of its directory is
// released.
type Journal struct {
	config   Config
	dir      string // of store.json, and of the embedded server
	marker   *marker
	owner    Owner
	replicas int

	embedded *embedded // nil when the journal is a cluster's
	disk     *disk     // of the embedded server
	conn     *nats.Conn
	js       jetstream.JetStream

	leases *Leases

	away     sync.RWMutex       // locked while the embedded server reads its store anew
	stopMend context.CancelFunc // ends mend
	mending  sync.WaitGroup

	closing sync.Once
	closed  error
}

// Open opens the journal of a data directory, and makes it when there is none.
// A store that cannot be trusted is refused: a [*FormatError] when a newer
// program wrote it, a [*DamagedError] when it cannot be read as it was written.
func Open(ctx context.Context, config Config) (*Journal, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(config.Lock.Dir(), "journal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the journal cannot be made: %w", err)
	}
	mode := ModeStandalone
	if config.URL != "" {
		mode = ModeElsewhere
	}
	marker, err := openMarker(dir, mode)
	if err != nil {
		return nil, err
	}
	j := &Journal{config: config, dir: dir, marker: marker, owner: newOwner(marker.Node)}
	if err := j.connect(ctx); err != nil {
		return nil, errors.Join(err, j.Close(ctx))
	}
	if j.leases, err = openLeases(ctx, j); err != nil {
		return nil, errors.Join(err, j.Close(ctx))
	}
	if j.embedded != nil {
		mending, stop := context.WithCancel(context.Background())
		j.stopMend = stop
		j.mending.Go(func() { j.mend(mending) })
	}
	return j, nil
}

// connect starts the embedded server, or dials the cluster.
func (j *Journal) connect(ctx context.Context) (err error) {
	options := []nats.Option{nats.Name("outcrop"), nats.NoEcho()}
	j.replicas = 1
	if j.config.URL == "" {
		j.disk = newDisk()
		j.embedded, err = startServer(j.dir, j.marker.known(), j.config.MaxDisk, newLogger(j.config.Logger, j.disk))
		if err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(j.embedded))
	} else {
		options = append(options, j.clusterOptions()...)
	}
	if j.conn, err = nats.Connect(j.config.URL, options...); err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the URL may hold a password
		}
		return fmt.Errorf("the journal's NATS server %s cannot be reached: %w", j.place(), err)
	}
	if j.config.URL != "" && j.conn.ConnectedClusterName() != "" {
		j.replicas = 3
	}
	if j.config.Replicas > 0 {
		j.replicas = j.config.Replicas
	}
	if j.js, err = jetstream.New(j.conn, jetstream.WithDefaultTimeout(j.config.Timeout), jetstream.WithPublishAsyncMaxPending(256)); err != nil {
		return err
	}
	if _, err := j.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("the journal's NATS server %s has no JetStream for us: %w", j.place(), err)
	}
	return nil
}

// clusterOptions keep a connection to a cluster through its restarts.
func (j *Journal) clusterOptions() []nats.Option {
	log := j.config.Logger
	options := []nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to the journal is lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("the journal is there again", "server", c.ConnectedUrlRedacted()) }),
	}
	if j.config.Credentials != "" {
		options = append(options, nats.UserCredentials(j.config.Credentials))
	}
	return options
}

// place is where the journal is, for people, without passwords.
func (j *Journal) place() string {
	if j.config.URL == "" {
		return "in this process"
	}
	var shown []string
	for address := range strings.SplitSeq(j.config.URL, ",") {
		shown = append(shown, redacted(address))
	}
	return "at " + strings.Join(shown, ",")
}

// Owner is who this process is in leases: the node, which keeps its name over
// restarts, and this run of it.
func (j *Journal) Owner() Owner { return j.owner }

// Leases are the leases of this journal.
func (j *Journal) Leases() *Leases { return j.leases }

// MaxMessage is how long a message may be, in bytes, with its headers.
func (j *Journal) MaxMessage() int { return int(j.conn.MaxPayload()) }

// Close gives back the leases, and ends the connection and the embedded server.
// What was acknowledged is kept. Closing again returns what the first Close did.
func (j *Journal) Close(ctx context.Context) error {
	j.closing.Do(func() {
		if j.stopMend != nil {
			j.stopMend()
			j.mending.Wait()
		}
		if j.leases != nil {
			j.closed = j.leases.close(ctx)
		}
		if j.conn != nil {
			j.conn.Close()
		}
		if j.embedded != nil {
			j.embedded.stop()
		}
	})
	return j.closed
}
