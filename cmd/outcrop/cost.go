package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/price"
)

// spending is what a command asks before it costs money.
type spending struct {
	yes bool // --yes
}

// addFlags declares the flags of commands that begin with an estimate.
func (s *spending) addFlags(c *cobra.Command) {
	c.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask whether the estimated cost is all right")
	c.Flags().Float64("max-cost", 0, "refuse what may cost more than this, in USD (0: no limit)")
}

// agree says what work on a model may cost and, at a terminal, asks whether
// that is all right. It says nothing where nobody charges. An error means that
// nothing must be sent.
func (a *app) agree(m *local.Local, s *spending, work estimate.Work, batch bool) error {
	cost, charged, err := m.Cost(m.ModelID(), work, batch)
	if err != nil || !charged {
		return err
	}
	limit := a.settings.MaxCost
	what := fmt.Sprintf("%s, about %d input and at most %d output tokens", counted(work.Calls, "call"), work.Input, work.MaxOutput)
	if !cost.Known {
		a.say("estimate: %s; what %s charges for %s is not known (prices in the configuration say it)", what, cost.Backend, m.ModelID())
		if limit > 0 {
			return fmt.Errorf("the cost is not known, and --max-cost is $%s: nothing was sent", plain(limit))
		}
	} else {
		a.say("estimate: %s: at most %s at %s (prices of %s; yours may differ)", what, dollars(cost.USD), cost.Backend, price.Default().AsOf())
		if limit > 0 && cost.USD > limit {
			return fmt.Errorf("this may cost %s, more than --max-cost $%s: nothing was sent", dollars(cost.USD), plain(limit))
		}
	}
	if s.yes || !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return nil
	}
	if !a.confirm("Go on?") {
		return usageError{errors.New("nothing was sent")}
	}
	return nil
}

// agreeToFile is agree for a job over the records of a file, which run at the
// price of single calls. The file is read only where somebody charges.
func (a *app) agreeToFile(m *local.Local, s *spending, file string, converse bool) error {
	if _, charged, err := m.Cost(m.ModelID(), estimate.Work{}, false); err != nil || !charged {
		return nil //nolint:nilerr // a model that nobody answers for is the job's error to tell
	}
	f, err := os.Open(file)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	work, err := estimate.Records(f, m.ModelID(), converse)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", file, err)}
	}
	return a.agree(m, s, work, false)
}
