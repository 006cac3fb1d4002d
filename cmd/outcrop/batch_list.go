package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// batchList is what batch list is asked for.
type batchList struct {
	status, name  string
	after, before string
	most          int
}

func newBatchList(a *app) *cobra.Command {
	var o batchList
	c := &cobra.Command{
		Use: "list", Short: "List jobs, the newest first", Args: cobra.NoArgs,
		Example: `  outcrop batch list
  outcrop batch list --status InProgress
  outcrop batch list --after 24h --json`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.batchList(ctx, m, &o) })
		},
	}
	c.Flags().StringVar(&o.status, "status", "", "only jobs in this state: InProgress, Completed, Failed, ...")
	complete(c, "status", oneOf("Submitted", "Validating", "Scheduled", "InProgress", "Stopping", "Stopped", "Completed", "PartiallyCompleted", "Failed", "Expired"))
	c.Flags().StringVar(&o.name, "name", "", "only jobs whose name contains this")
	c.Flags().StringVar(&o.after, "after", "", "only jobs submitted after this: a time (RFC 3339), or how long ago, as 24h")
	c.Flags().StringVar(&o.before, "before", "", "only jobs submitted before this")
	c.Flags().IntVar(&o.most, "limit", 50, "jobs at most; 0 is all")
	return c
}

func (a *app) batchList(ctx context.Context, m *local.Local, o *batchList) error {
	req := &bedrock.ListModelInvocationJobsRequest{StatusEquals: bedrock.ModelInvocationJobStatus(o.status), NameContains: o.name, SortOrder: bedrock.SortOrderDescending}
	var err error
	for flag, bound := range map[string]struct {
		text string
		at   *time.Time
	}{"after": {o.after, &req.SubmitTimeAfter}, "before": {o.before, &req.SubmitTimeBefore}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = moment(bound.text, time.Now(), -1); err != nil {
			return usageError{fmt.Errorf("--%s: %w", flag, err)}
		}
	}
	jobs, err := m.Jobs()
	if err != nil {
		return err
	}
	list, err := listed(ctx, jobs, req, o.most)
	if err != nil {
		return err
	}
	for i := range list {
		job := &list[i]
		uncounted(m, job.Status, &job.ProcessedRecordCount, &job.SuccessRecordCount, &job.ErrorRecordCount)
		if !m.Served() && job.EndTime.IsZero() && m.RunsHere(ctx, job.JobARN) {
			a.say("job %s is not worked on: no server runs; it goes on with: %s", shortID(job.JobARN), a.again("batch wait "+shortID(job.JobARN)))
		}
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("%s%s", o.none(), a.lookedIn(m))
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSTATE\tRECORDS\tSUBMITTED\tMODEL")
	for i := range list {
		job := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", shortID(job.JobARN), job.JobName, job.Status,
			jobCounts(job.TotalRecordCount, job.ProcessedRecordCount, job.ErrorRecordCount), when(job.SubmitTime), job.ModelID)
	}
	return w.Flush()
}

// none says that the list is empty.
func (o *batchList) none() string {
	if o.status+o.name+o.after+o.before == "" {
		return "there are no jobs"
	}
	return "there is no such job"
}

// listed fetches the pages of a list until there are enough jobs.
func listed(ctx context.Context, jobs outcrop.Jobs, req *bedrock.ListModelInvocationJobsRequest, most int) ([]bedrock.ModelInvocationJobSummary, error) {
	list := []bedrock.ModelInvocationJobSummary{}
	for {
		page, err := jobs.List(ctx, outcrop.OriginOf(ctx).Caller, req)
		if err != nil {
			return nil, err
		}
		list = append(list, page.InvocationJobSummaries...)
		if most > 0 && len(list) >= most {
			return list[:most], nil
		}
		if page.NextToken == "" {
			return list, nil
		}
		req.NextToken = page.NextToken
	}
}
