package batch

import (
	"context"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Cleaning says which jobs Clean forgets.
type Cleaning struct {
	Account string    // whose jobs; "" is everybody's
	Before  time.Time // jobs that ended before this
	Outputs bool      // the objects with their results too
	DryRun  bool      // only tell

	// Copied tells of an input, which is one object, that it was copied for its
	// job: it goes with the job, unless another reads it. Nil: none was.
	Copied func(uri string) bool
}

// Cleaned is a job that Clean has forgotten, or would forget.
type Cleaned struct {
	ARN     string                           `json:"jobArn"`
	Name    string                           `json:"jobName"`
	Status  bedrock.ModelInvocationJobStatus `json:"status"`
	Ended   time.Time                        `json:"endTime"`
	Outputs []outcrop.Object                 `json:"outputs,omitzero"` // removed with it
	Inputs  []outcrop.Object                 `json:"inputs,omitzero"`  // likewise: copies
}

// deleter is what Objects must be so that results can be removed. An object
// that is not there is no error.
type deleter interface {
	Delete(ctx context.Context, uri string) error
}

// Clean forgets jobs that have ended, with all that is kept of them, and returns
// which; their results are removed before, so that what an error or the end of
// the process leaves is found by the next Clean. An error that may pass ends it;
// one that is about the files of one job leaves that job, and is returned when the
// others are done. A job stays as long as somebody has to be told of it (see
// Listener). It may be called at any time; two calls wait for each other.
func (j *Jobs) Clean(ctx context.Context, c Cleaning) ([]Cleaned, error) {
	j.cleaning.Lock()
	defer j.cleaning.Unlock()
	var list []Cleaned
	var left error // the first
	for _, job := range j.registry.endedBefore(c.Account, c.Before) {
		if err := ctx.Err(); err != nil {
			return list, outcrop.AsError(err)
		}
		done, err := j.clean(ctx, job, &c)
		switch {
		case err == nil:
			list = append(list, done)
		case outcrop.AsError(err).Retryable:
			return list, err
		case left == nil:
			left = err
		}
	}
	return list, left
}

func (j *Jobs) clean(ctx context.Context, job *job, c *Cleaning) (Cleaned, error) {
	s := job.snapshot()
	done := Cleaned{ARN: s.ARN, Name: s.Request.JobName, Status: s.Status, Ended: s.Ended}
	task, err := readRequest(s.Request, anyLimits)
	if err != nil && c.Outputs {
		return done, err
	}
	// A request of an older version, which would be refused now, is forgotten
	// without its copy: it must not be in the way of those behind it.
	if c.Outputs {
		if done.Outputs, err = j.remove(ctx, job.scope(task.writes), outputFolder(&task, s.ID), c.DryRun); err != nil {
			return done, err
		}
	}
	if c.Copied != nil && task.object != "" && c.Copied(task.object) && !j.InUse(task.object) {
		if done.Inputs, err = j.remove(ctx, job.scope(task.reads), task.object, c.DryRun); err != nil {
			return done, err
		}
	}
	if c.DryRun {
		return done, nil
	}
	if err := j.config.Store.Delete(ctx, s.ID); err != nil {
		return done, unkept(err)
	}
	j.registry.drop(job)
	j.config.Listener.Forgotten(s.ID)
	return done, nil
}

// remove removes an object, or all in a folder, as a job may.
func (j *Jobs) remove(ctx context.Context, scope outcrop.ObjectScope, uri string, dry bool) ([]outcrop.Object, error) {
	objects := outcrop.ScopeObjects(j.config.Objects, scope)
	from, ok := objects.(deleter)
	if !ok {
		return nil, outcrop.Errorf(bedrock.CodeValidation, "the files of jobs cannot be removed where these objects lie")
	}
	var found []outcrop.Object
	for o, err := range objects.List(ctx, uri) {
		if err != nil {
			if outcrop.AsError(err).Code == bedrock.CodeResourceNotFound {
				break // the bucket has gone
			}
			return nil, err
		}
		if o.URI == uri || strings.HasSuffix(uri, "/") {
			found = append(found, o)
		}
	}
	if dry {
		return found, nil
	}
	for _, o := range found {
		if err := from.Delete(ctx, o.URI); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// InUse tells whether a job that has not ended reads or writes below a prefix.
func (j *Jobs) InUse(prefix string) bool {
	for _, job := range j.registry.unended() {
		for _, uri := range []string{job.task.object, job.task.folder, job.task.output + "/"} {
			if strings.HasPrefix(uri, prefix) || strings.HasSuffix(uri, "/") && strings.HasPrefix(prefix, uri) {
				return true
			}
		}
	}
	return false
}
