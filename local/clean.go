package local

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/objects"
)

// The paths at which a server answers Clean and Undelivered.
const (
	CleanPath  = "/outcrop/clean"
	EventsPath = "/outcrop/events"
)

// minLeftover is how old what was never finished must be, whatever is asked: a
// writer that is at work may pause for long.
const minLeftover = 24 * time.Hour

// sweepInterval is how often what has passed its retention is removed.
const sweepInterval = time.Hour

// Cleaning says what Clean removes.
type Cleaning struct {
	Account   string        // whose jobs; "" is everybody's, and all else
	OlderThan time.Duration // what ended, or was written last, so long ago
	Outputs   bool          // the results of jobs too
	DryRun    bool          // only tell
}

// Cleaned is what Clean has removed, or would remove.
type Cleaned struct {
	DryRun    bool               `json:"dryRun"`
	Jobs      []batch.Cleaned    `json:"jobs"`
	Staged    []outcrop.Object   `json:"staged"`    // copies of batch run's files
	Leftovers []objects.Leftover `json:"leftovers"` // of what was never finished
}

// Clean removes jobs that have ended and, when asked, their results; and, unless
// it is about one account, copies that batch run has made and what killed
// processes have left, the latter when it is at least a day old. What cannot be
// removed does not keep the rest. When a server answers, it is the server that
// cleans.
func (l *Local) Clean(ctx context.Context, c Cleaning) (*Cleaned, error) {
	if l.server != nil {
		done := new(Cleaned)
		if err := l.server.Fetch(ctx, http.MethodPost, CleanPath, c.query(), done); err != nil {
			return nil, err
		}
		return done, nil
	}
	return l.jobs.clean(ctx, c)
}

func (c *Cleaning) query() url.Values {
	return url.Values{
		"olderThan": {c.OlderThan.String()}, "outputs": {strconv.FormatBool(c.Outputs)}, "dryRun": {strconv.FormatBool(c.DryRun)},
	}
}

// ReadCleaning reads what a command has asked a server for.
func ReadCleaning(v url.Values) (c Cleaning, err error) {
	if c.OlderThan, err = time.ParseDuration(v.Get("olderThan")); err != nil || c.OlderThan < 0 {
		return c, outcrop.Invalid("olderThan", "%q is no length of time such as 168h", v.Get("olderThan"))
	}
	for name, to := range map[string]*bool{"outputs": &c.Outputs, "dryRun": &c.DryRun} {
		if text := v.Get(name); text != "" {
			if *to, err = strconv.ParseBool(text); err != nil {
				return c, outcrop.Invalid(name, "%q is neither true nor false", text)
			}
		}
	}
	return c, nil
}

// Undelivered is the events of jobs that wait for their targets; of one account,
// or with "" of all. When a server answers, it is asked.
func (l *Local) Undelivered(ctx context.Context, account string) ([]events.Undelivered, error) {
	list := []events.Undelivered{}
	if l.server != nil {
		err := l.server.Fetch(ctx, http.MethodGet, EventsPath, nil, &list)
		return list, err
	}
	if _, err := l.jobs.open(ctx); err != nil || l.jobs.events == nil {
		return list, err
	}
	return l.jobs.events.Undelivered(account), nil
}

func (j *jobs) clean(ctx context.Context, c Cleaning) (*Cleaned, error) {
	opened, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	before := now.Add(-c.OlderThan)
	done := &Cleaned{DryRun: c.DryRun, Jobs: []batch.Cleaned{}, Staged: []outcrop.Object{}, Leftovers: []objects.Leftover{}}
	jobs, err := opened.Clean(ctx, batch.Cleaning{Account: c.Account, Before: before, Outputs: c.Outputs, DryRun: c.DryRun, Copied: copied})
	done.Jobs = append(done.Jobs, jobs...)
	if c.Account != "" {
		return done, err
	}
	staged, stuck := j.cleanStaged(ctx, opened, before, c.DryRun)
	told := done.told()
	done.Staged = slices.DeleteFunc(staged, func(o outcrop.Object) bool { return told[o.URI] })
	left, kept := j.leftovers(ctx, now, c.OlderThan, c.DryRun)
	done.Leftovers = append(done.Leftovers, left...)
	return done, cmp.Or(err, stuck, kept)
}

// leftovers removes what was never finished and has reached an age.
func (j *jobs) leftovers(ctx context.Context, now time.Time, age time.Duration, dry bool) ([]objects.Leftover, error) {
	d, ok := j.config.Objects.(*objects.Directory)
	if !ok {
		return nil, nil
	}
	return d.Leftovers(ctx, now.Add(-max(age, minLeftover)), dry)
}

// told are the objects that are listed with their jobs: in a dry run they are
// there still.
func (c *Cleaned) told() map[string]bool {
	uris := map[string]bool{}
	for i := range c.Jobs {
		for _, o := range c.Jobs[i].Outputs {
			uris[o.URI] = true
		}
	}
	return uris
}

// InputCopies is the folder, in the bucket of a job's results, in which batch
// create has the copy of a file that it was given as the input: under an id of
// its own making.
const InputCopies = "outcrop-input"

var copiedForm = regexp.MustCompile(`^s3://[^/]+/` + InputCopies + `/[a-z2-7]{26}/[^/]+$`)

func copied(uri string) bool { return copiedForm.MatchString(uri) }

// stagedForm is the keys under which batch run has its files: an id of its own
// making, and what for.
var stagedForm = regexp.MustCompile(`^[a-z2-7]{26}/(input|output)/`)

// cleanStaged removes what batch run has in its bucket: below each of its
// folders all, when nothing there is newer and no job uses it.
func (j *jobs) cleanStaged(ctx context.Context, opened *batch.Jobs, before time.Time, dry bool) ([]outcrop.Object, error) {
	bucket := "s3://" + j.state.settings.Objects.Staging + "/"
	removed, folder := []outcrop.Object{}, []outcrop.Object(nil)
	finish := func() error {
		doomed := folder
		folder = nil
		for _, o := range doomed {
			if o.Modified.IsZero() || !o.Modified.Before(before) {
				return nil
			}
		}
		if len(doomed) == 0 || opened.InUse(folderOf(bucket, doomed[0].URI)) {
			return nil
		}
		for _, o := range doomed {
			if err := j.remove(ctx, o.URI, dry); err != nil {
				return err
			}
			removed = append(removed, o)
		}
		return nil
	}
	for o, err := range j.config.Objects.List(ctx, bucket) {
		if err != nil {
			if outcrop.AsError(err).Code == bedrock.CodeResourceNotFound {
				return removed, nil // nothing was ever staged
			}
			return removed, err
		}
		if !stagedForm.MatchString(strings.TrimPrefix(o.URI, bucket)) {
			continue // the bucket may hold other things of the user's
		}
		if len(folder) > 0 && folderOf(bucket, folder[0].URI) != folderOf(bucket, o.URI) {
			if err := finish(); err != nil {
				return removed, err
			}
		}
		folder = append(folder, o)
	}
	return removed, finish()
}

// folderOf is the first folder of an object, in its bucket.
func folderOf(bucket, uri string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(uri, bucket), "/")
	return bucket + name + "/"
}

func (j *jobs) remove(ctx context.Context, uri string, dry bool) error {
	if dry {
		return nil
	}
	d, ok := j.config.Objects.(interface {
		Delete(ctx context.Context, uri string) error
	})
	if !ok {
		return outcrop.Errorf(bedrock.CodeValidation, "objects cannot be removed where they lie")
	}
	return d.Delete(ctx, uri)
}

// sweep removes what has passed its retention, now and every hour, until ctx
// ends. What fails is tried again an hour later.
func (j *jobs) sweep(ctx context.Context, opened *batch.Jobs) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		if err := j.expire(ctx, opened, time.Now()); err != nil && ctx.Err() == nil {
			j.state.log().Warn("what has passed its retention could not be removed", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// expire removes what has passed its retention: jobs, staged copies, and what
// was never finished. One that fails does not keep the others.
func (j *jobs) expire(ctx context.Context, opened *batch.Jobs, now time.Time) error {
	s := j.state.settings
	var errs []error
	if s.Batch.Retention > 0 {
		_, err := opened.Clean(ctx, batch.Cleaning{Before: now.Add(-s.Batch.Retention), Copied: copied})
		errs = append(errs, err)
	}
	if s.Batch.StagingRetention > 0 {
		_, err := j.cleanStaged(ctx, opened, now.Add(-s.Batch.StagingRetention), false)
		errs = append(errs, err)
	}
	_, err := j.leftovers(ctx, now, s.Objects.UploadExpiry, false)
	return errors.Join(append(errs, err)...)
}
