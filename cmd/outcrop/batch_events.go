package main

import (
	"context"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
)

func newBatchEvents(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "events",
		Short: "List events of jobs that their targets have not taken",
		Long: `events lists the changes of jobs that wait to be delivered to the targets under
events in the configuration, with the error of the last attempt. Where there
are none, everything was delivered, or given up after events.maxAge.

Attempts are counted and their errors known by the server that makes them. A
command that ran a job in its own process made attempts too, and has taken its
count with it; the next one begins with 0.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error {
				list, err := m.Undelivered(ctx, "")
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(list)
				}
				if len(list) == 0 {
					a.say("no event waits")
					return nil
				}
				w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "TARGET\tJOB\tSTATE\tSINCE\tATTEMPTS\tNEXT\tERROR")
				for i := range list {
					u := &list[i]
					since, _ := time.Parse(time.RFC3339, u.Event.Time)
					arn := u.Event.Detail.BatchJobARN
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", u.Target, shortID(arn), u.Event.Detail.Status,
						when(since), u.Attempts, when(u.Next), u.Error)
				}
				return w.Flush()
			})
		},
	}
}

// eventsDoor tells which events wait: all of them to whoever sees all, those of
// its account to a tenant.
func eventsDoor(m *local.Local) server.Mount {
	return server.Mount{
		Name: "events", Path: local.EventsPath, Methods: []string{http.MethodGet}, Verify: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list, err := m.Undelivered(r.Context(), accountSeen(m, r))
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			reply(w, http.StatusOK, list)
		}),
	}
}
