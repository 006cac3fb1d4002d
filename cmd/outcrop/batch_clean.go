package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func newBatchClean(a *app) *cobra.Command {
	var older string
	var outputs, dry bool
	c := &cobra.Command{
		Use:   "clean",
		Short: "Forget jobs that have ended, and remove what is left of old ones",
		Long: `clean forgets jobs that ended longer ago than --older-than, with --outputs also
the objects that hold their results, and says what it has removed. It removes
besides the copies that batch run made of its files, and what killed processes
left unfinished (that only when it is at least a day old). What a job uses that
has not ended stays, and so does a job whose events somebody still waits for.

A server does the same by itself, after batch.retention, batch.stagingRetention
and objects.uploadExpiry; it never removes results. Where a server runs, the
server cleans; a tenant's key removes the tenant's own jobs alone.`,
		Example: `  outcrop batch clean --dry-run
  outcrop batch clean --older-than 30d --outputs`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := span(older)
			if err != nil {
				return usageError{fmt.Errorf("--older-than: %w", err)}
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error {
				done, err := m.Clean(ctx, local.Cleaning{OlderThan: d, Outputs: outputs, DryRun: dry})
				if done == nil {
					return err
				}
				if printing := a.printCleaned(done); err == nil {
					err = printing
				}
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&older, "older-than", "7d", "what ended so long ago: 7d, 12h, 0s")
	f.BoolVar(&outputs, "outputs", false, "remove the jobs' results too")
	f.BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return c
}

// printCleaned prints a line for each thing that has gone.
func (a *app) printCleaned(done *local.Cleaned) error {
	if a.json {
		return a.printJSON(done)
	}
	results, copies, bytes := 0, len(done.Staged), int64(0)
	for i := range done.Jobs {
		job := &done.Jobs[i]
		fmt.Fprintf(a.stdout, "job  %s  %s  %s  ended %s\n", shortID(job.ARN), job.Name, job.Status, when(job.Ended))
		for _, o := range job.Outputs {
			fmt.Fprintf(a.stdout, "result  %s  %s\n", o.URI, size(o.Size))
			results++
			bytes += o.Size
		}
		for _, o := range job.Inputs {
			fmt.Fprintf(a.stdout, "copy  %s  %s\n", o.URI, size(o.Size))
			copies++
			bytes += o.Size
		}
	}
	for _, o := range done.Staged {
		fmt.Fprintf(a.stdout, "copy  %s  %s\n", o.URI, size(o.Size))
		bytes += o.Size
	}
	for _, l := range done.Leftovers {
		fmt.Fprintf(a.stdout, "unfinished  %s  %s\n", l.Path, size(l.Size))
		bytes += l.Size
	}
	verb := "removed"
	if done.DryRun {
		verb = "would remove"
	}
	a.say("%s %d jobs, %d results, %d copies and %d unfinished files: %s", verb, len(done.Jobs), results, copies, len(done.Leftovers), size(bytes))
	return nil
}

// cleanDoor cleans for those who ask a server: everything for whoever sees all,
// the jobs of its account for a tenant.
func cleanDoor(m *local.Local) server.Mount {
	return server.Mount{
		Name: "clean", Path: local.CleanPath, Methods: []string{http.MethodPost}, Verify: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, err := parameters(r)
			if err != nil { // above all one that hides dryRun
				refuse(w, outcrop.Errorf(bedrock.CodeValidation, "%w", err))
				return
			}
			q, err := local.ReadCleaning(query)
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			q.Account = accountSeen(m, r)
			done, err := m.Clean(r.Context(), q)
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			reply(w, http.StatusOK, done)
		}),
	}
}

// accountSeen is the account whose jobs a caller may ask about: "" is all.
func accountSeen(m *local.Local, r *http.Request) string {
	caller := outcrop.OriginOf(r.Context()).Caller
	if seesAll(m, caller) {
		return ""
	}
	return cmp.Or(caller.Account, sigv4.DefaultAccount)
}
