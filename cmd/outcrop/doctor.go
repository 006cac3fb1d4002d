package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/doctor"
	"github.com/outcrop-ai/outcrop/local"
)

func newDoctor(a *app) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether the back-ends can be used, and say what to do",
		Long: `doctor looks at every back-end that a call can reach. At Amazon Bedrock it asks
who the credentials are, for which profile and Region and why, whether the
models that are configured may be invoked and streamed, which permissions are
missing, what the quotas are, and whether the clocks agree; of other servers,
whether they are there and have the models. No model is made to answer, so it
costs nothing. It looks from here, also where a server answers other commands:
give it the settings that the server has.

It exits with 0 when nothing failed; what only warns keeps no call from working.`,
		Example: `  outcrop doctor
  outcrop doctor --backend amazon -m us.amazon.nova-lite-v1:0
  outcrop doctor --profile work --region eu-central-1 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c, timeout) },
	}
	c.Flags().DurationVar(&timeout, "timeout", doctor.DefaultTimeout, "how long one check may take")
	return c
}

func (a *app) doctor(c *cobra.Command, timeout time.Duration) (err error) {
	if a.endpoint != "" {
		return usageError{errors.New("--endpoint is for commands that ask a server; doctor looks from here: run it on the server's machine, with the server's settings")}
	}
	s, err := a.load(c)
	if err != nil {
		return err
	}
	opened, closeAll := local.OpenEach(s)
	defer func() {
		if closing := closeAll(); err == nil {
			err = closing
		}
	}()
	options := doctor.Options{Timeout: timeout}
	if !a.json {
		options.Found = a.finding
	}
	findings := doctor.Examine(c.Context(), opened, options)
	failed := doctor.Failed(findings)
	if a.json {
		if err := a.printJSON(map[string]any{"ok": failed == 0, "findings": findings}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s failed", counted(failed, "check"))
	}
	return nil
}

// finding prints a line as it is found, and below it what to do.
func (a *app) finding(f doctor.Finding) {
	fmt.Fprintf(a.stdout, "%-4s  %-10s  %-13s  %s\n", f.Status, f.Backend, f.Check, f.Detail)
	if f.Advice != "" {
		fmt.Fprintf(a.stdout, "%-4s  %-10s  %-13s  -> %s\n", "", "", "", f.Advice)
	}
}
