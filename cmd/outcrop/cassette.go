package main

import (
	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/config"
)

func newRecord(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "record DIR",
		Short: "Serve, and record every exchange with a back-end",
		Long: `record is serve that writes each exchange with a back-end into a directory: a
readable file with the request, the reply, and a stream's events with their
times. Point a program or its tests at the address it prints, and later replay
the directory without the back-end. Headers, keys and who asked are not written,
and what looks like a key in a body is struck out; prompts are written.

Any command records what it asks with --record DIR.`,
		Example: `  outcrop record testdata/cassette --backend amazon
  outcrop record testdata/cassette --backend openai=http://127.0.0.1:11434/v1
  outcrop converse --record testdata/cassette --backend amazon "What is basalt?"`,
		Args: exactly(1, "a directory"),
		RunE: func(c *cobra.Command, args []string) error {
			a.implied = append(a.implied, config.Assignment{Path: "cassette.record", Value: args[0], Flag: "outcrop record"})
			return a.own(c, a.serve)
		},
	}
	addServeFlags(c)
	return c
}

func newReplay(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "replay DIR",
		Short: "Serve what was recorded, without a back-end",
		Long: `replay is serve that answers from the exchanges in a directory: no back-end is
opened, nothing costs anything, and equal requests have equal answers. A request
is found by its operation, its model and its body, white space and order aside;
one that is not there is a ResourceNotFoundException that names the nearest
recording and what differs.

Any command is answered in this way with --replay DIR.`,
		Example: `  outcrop replay testdata/cassette
  outcrop replay testdata/cassette --paced
  outcrop converse --replay testdata/cassette "What is basalt?"`,
		Args: exactly(1, "a directory"),
		RunE: func(c *cobra.Command, args []string) error {
			a.implied = append(a.implied, config.Assignment{Path: "cassette.replay", Value: args[0], Flag: "outcrop replay"})
			return a.own(c, a.serve)
		},
	}
	addServeFlags(c)
	c.Flags().Bool("paced", false, "keep the pace of the recording")
	return c
}
