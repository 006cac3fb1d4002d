package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// sayLeft says what becomes of a job that a command no longer waits for, and
// what to type for its results.
func (a *app) sayLeft(ctx context.Context, m *local.Local, arn, again string, err error) {
	id := shortID(arn)
	interrupted := ctx.Err() != nil
	here := m.RunsHere(context.WithoutCancel(ctx), arn)
	switch {
	case interrupted && m.Served():
		a.say("job %s goes on at the server; its results: %s; its end: %s", id, again, a.again("batch stop "+id))
	case interrupted && here:
		a.say("job %s is left where it is, and goes on with: %s", id, again)
	case interrupted:
		a.say("job %s goes on at its service; its results: %s; its end: %s", id, again, a.again("batch stop "+id))
	case m.Served() && outcrop.AsError(err).Code == bedrock.CodeServiceUnavailable:
		a.say("job %s is kept by the server, which goes on with it once it runs again (outcrop serve); its results: %s", id, again)
	}
}

// waitLine is what to type for a job's results.
func (a *app) waitLine(arn string) string { return a.again("batch wait " + shortID(arn) + " -o DIR") }

// shortID is the last part of a job's ARN, which is enough to name it.
func shortID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// jobEnded is the error of a job that did not complete. It is never a model's:
// what a model fails at is a record's error.
func jobEnded(job *bedrock.GetModelInvocationJobResponse) error {
	if job.Status == bedrock.ModelInvocationJobStatusCompleted {
		return nil
	}
	return outcrop.Errorf(bedrock.CodeValidation, "the job ended as %s: %s", job.Status, job.Message)
}

// results copies what a job has written into a directory of the user's, and
// names the files.
func (a *app) results(ctx context.Context, m *local.Local, job *bedrock.GetModelInvocationJobResponse, dir string) error {
	id := shortID(job.JobARN)
	if job.EndTime.IsZero() {
		return usageError{fmt.Errorf("job %s is %s, and its results come when it ends: %s", id, job.Status, a.again("batch wait "+id+" -o "+quoted(dir)))}
	}
	uri := job.OutputDataConfig.S3URI
	if s3 := job.OutputDataConfig.S3OutputDataConfig; s3 != nil {
		uri = s3.S3URI
	}
	from := strings.TrimSuffix(uri, "/") + "/" + id + "/"
	files, err := m.CopyOut(ctx, from, dir)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "there are no results of job %s under %s (--objects says where s3:// leads)", id, from)
	}
	if a.json {
		err = a.printJSON(job)
	} else {
		for _, file := range files {
			fmt.Fprintln(a.stdout, file)
		}
	}
	if failed := job.ErrorRecordCount; failed != nil && *failed > 0 {
		a.say("%d of %d records failed; their lines say why", *failed, *job.TotalRecordCount)
	}
	return err
}

// uncounted drops the count of a job that this process has just opened, and that
// nobody has worked on since: its results are kept, and not yet counted.
func uncounted(m *local.Local, status bedrock.ModelInvocationJobStatus, counts ...**int) {
	under := status == bedrock.ModelInvocationJobStatusInProgress || status == bedrock.ModelInvocationJobStatusStopping
	if m.Served() || !under || *counts[0] == nil || **counts[0] > 0 {
		return
	}
	for _, n := range counts {
		*n = nil
	}
}
