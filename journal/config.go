package journal

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/owner"
)

// Config says where a journal is. Lock is required; a zero field means its
// default.
type Config struct {
	// Lock is the ownership of the data directory. An embedded server keeps its
	// files in the directory's journal subdirectory; in any case store.json is
	// there, which tells this node's name. The lock must be held until Close
	// has returned.
	Lock *owner.Lock

	// URL is the address of a NATS cluster with JetStream, or several with
	// commas between them: nats://a:4222,nats://b:4222. Empty means the embedded
	// server, which listens nowhere.
	URL string

	// Credentials is the file with the user's NATS credentials, where the
	// cluster asks for them.
	Credentials string

	// Name comes before the names of all streams and subjects, in upper and in
	// lower case: programs with the same name on one cluster share what they
	// keep. Letters, digits and dashes; outcrop.
	Name string

	// Replicas is how many servers of a cluster keep each stream; 3 in a
	// cluster, 1 otherwise.
	Replicas int

	// MaxDisk bounds what the embedded server stores, in bytes. Nothing but the
	// disk does by default.
	MaxDisk int64

	// Timeout bounds a request whose context has no deadline; 30 s.
	Timeout time.Duration

	// LeaseTime is how long a lease outlives its last heartbeat; 15 s. A third
	// of it lies between heartbeats.
	LeaseTime time.Duration

	// Logger is told what the embedded server warns of, and when the connection
	// to a cluster comes and goes. Nil tells nobody.
	Logger *slog.Logger
}

// embeddedPayload is the largest message of the embedded server, in bytes: what
// JetStream takes at most.
const embeddedPayload = 64 << 20

// leaseMemory bounds the leases of the embedded server, in bytes.
const leaseMemory = 64 << 20

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)

func (c Config) withDefaults() (Config, error) {
	if c.Lock == nil {
		return c, errors.New("journal: Config.Lock is missing: own the data directory with owner.Acquire")
	}
	if !c.Lock.Held() {
		return c, errors.New("journal: Config.Lock was released")
	}
	c.Name = cmp.Or(c.Name, "outcrop")
	if !nameForm.MatchString(c.Name) {
		return c, fmt.Errorf("journal: Config.Name: %q is not made of letters, digits and dashes", c.Name)
	}
	c.Name = strings.ToLower(c.Name)
	if c.Replicas < 0 || c.Replicas > 5 {
		return c, fmt.Errorf("journal: Config.Replicas: %d is not between 1 and 5", c.Replicas)
	}
	c.MaxDisk = cmp.Or(c.MaxDisk, 1<<62)
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.LeaseTime = cmp.Or(c.LeaseTime, 15*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
