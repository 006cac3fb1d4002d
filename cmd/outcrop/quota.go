package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/local"
)

func newQuota(a *app) *cobra.Command {
	var watch bool
	var every time.Duration
	c := &cobra.Command{
		Use:   "quota",
		Short: "Show how the quota books stand; plan and pull quotas",
		Long: `quota shows the books of the server that owns the data directory, or of the one
that --endpoint names: what of each quota is used, what calls under way hold,
what waits and when the next is admitted, which limit binds and what to raise.
Quotas are set in the section quotas of the configuration; see
docs/quota-guide.md.`,
		Example: `  outcrop quota
  outcrop quota --watch
  outcrop quota plan --rate 120 --input 1500 --output 300
  outcrop quota pull -o quotas.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args)
			}
			if every <= 0 {
				return usageError{fmt.Errorf("--every: expected more than 0s")}
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.quota(ctx, m, watch, every) })
		},
	}
	c.SuggestionsMinimumDistance = 2
	c.Flags().BoolVarP(&watch, "watch", "w", false, "show it again and again, until interrupted")
	c.Flags().DurationVar(&every, "every", time.Second, "how often, with --watch")
	c.AddCommand(newQuotaPlan(a), newQuotaPull(a))
	return c
}

func (a *app) quota(ctx context.Context, m *local.Local, watch bool, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		status, err := m.QuotaStatus(ctx)
		if err != nil {
			return err
		}
		if watch && !a.json && isTerminal(a.stdout) {
			fmt.Fprint(a.stdout, "\x1b[H\x1b[2J") // the terminal is cleared
		}
		if err := a.showQuota(&status); err != nil || !watch {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *app) showQuota(s *governed.Status) error {
	if a.json {
		return a.printJSON(s)
	}
	if s.Observe {
		fmt.Fprintln(a.stdout, "observing: calls are booked, and neither delayed nor changed")
	}
	for _, q := range s.Backends {
		showQueue(a.stdout, &q)
	}
	switch {
	case len(s.Rules)+len(s.Lanes) == 0 && len(s.Backends) > 0:
		return nil
	case len(s.Rules)+len(s.Lanes) == 0:
		fmt.Fprintln(a.stdout, "no quotas are set: see the section quotas of the configuration, or outcrop quota pull")
		return nil
	case len(s.Pools) == 0:
		if len(s.Rules) == 0 {
			fmt.Fprintln(a.stdout, "no call has been governed yet; no quotas are set, so those of lanes are learned:")
			return showLanes(a.stdout, s.Lanes)
		}
		fmt.Fprintln(a.stdout, "no call has been governed yet; these quotas are set:")
		if err := showRules(a.stdout, s.Rules); err != nil {
			return err
		}
		return showLanes(a.stdout, s.Lanes)
	}
	if err := showPools(a.stdout, s); err != nil {
		return err
	}
	return showLanes(a.stdout, s.Lanes)
}

// showPools tells how each pool of quota stands, and below them what became of its
// calls and what to raise.
func showPools(out io.Writer, s *governed.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tSCOPE\tBACK-END\tTOKENS\tHELD\tREQUESTS\tDAY\tUNDER WAY\tQUEUED\tNEXT\tBINDS")
	for i := range s.Pools {
		p := &s.Pools[i]
		model := p.Model
		if p.Methods != "" {
			model += " (" + p.Methods + ")"
		}
		backend := p.Backend
		if p.Account != p.Backend {
			backend += "/" + p.Account
		}
		queued := p.Queued.Interactive + p.Queued.Batch + p.Queued.Background
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", model, p.Scope, backend,
			quotaAmount(p.Tokens.Used, p.Tokens.Limit), shortNumber(p.Tokens.Held), quotaAmount(p.Requests.Used, p.Requests.Limit), quotaAmount(p.Day.Used, p.Day.Limit),
			quotaAmount(int64(p.Inflight), int64(p.Concurrent)), queued, next(p, s.Time), p.Binds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range s.Pools {
		p := &s.Pools[i]
		t := p.Stats
		fmt.Fprintf(out, "%s: %d admitted, %d of them after waiting (%s at most), %d refused, %d throttled by the service\n",
			p.Model, t.Admitted, t.Waited, time.Duration(t.LongestMs)*time.Millisecond, t.Refused, t.Throttled)
		if t.Placed > 0 {
			fmt.Fprintf(out, "%s: %d placed on %s, %s, %d of them to stay with their conversation\n", p.Model, t.Placed, p.Backend, p.Scope, t.Kept)
		}
		if p.Advice != "" {
			fmt.Fprintf(out, "%s: %s\n", p.Model, p.Advice)
		}
	}
	return nil
}

// showQueue tells who is at a back-end, and who waits for it.
func showQueue(out io.Writer, q *governed.QueueStatus) {
	if q.Tried {
		wait := "none waits"
		if n := q.Queued.Batch + q.Queued.Background; n > 0 {
			wait = fmt.Sprintf("%d wait, the first for %s", n, (time.Duration(q.LongestMs) * time.Millisecond).Round(100*time.Millisecond))
		}
		fmt.Fprintf(out, "%s: %d calls are under way; records of jobs make room for interactive calls from %d on; %s\n",
			q.Backend, q.Inflight, q.Concurrent, wait)
		return
	}
	fmt.Fprintf(out, "%s: %d of %d calls are under way; %d interactive ones and %d others wait\n",
		q.Backend, q.Inflight, q.Concurrent, q.Queued.Interactive, q.Queued.Batch+q.Queued.Background)
}

// showLanes tells among which lanes calls are placed.
func showLanes(out io.Writer, lanes []governed.LaneStatus) error {
	if len(lanes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LANES OF\tBACK-END\tMODEL THERE\tPRICE")
	for _, l := range lanes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%g\n", l.Match, l.Backend, cmp.Or(l.Model, "as asked for"), l.Price)
	}
	return w.Flush()
}

// next is when the next of those that wait is admitted.
func next(p *governed.PoolStatus, now time.Time) string {
	switch {
	case !p.Waiting:
		return "-"
	case p.Next.IsZero():
		return "when one ends"
	}
	return max(0, p.Next.Sub(now)).Round(100 * time.Millisecond).String()
}

func showRules(out io.Writer, rules []governed.RuleStatus) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MATCH\tSCOPE\tBACK-END\tMETHODS\tTPM\tRPM\tPER DAY\tAT ONCE\tJOBS\tLEARNED")
	for _, r := range rules {
		learned := "-"
		if r.Learn {
			learned = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Match, cmp.Or(r.Scope, "all"), cmp.Or(r.Backend, "all"), cmp.Or(strings.Join(r.Methods, ","), "all"),
			quotaLimit(r.TokensPerMinute), quotaLimit(r.RequestsPerMinute), quotaLimit(r.TokensPerDay), quotaLimit(int64(r.Concurrent)), quotaLimit(int64(r.ConcurrentJobs)), learned)
	}
	return w.Flush()
}

func quotaLimit(n int64) string {
	if n == 0 {
		return "-"
	}
	return shortNumber(n)
}

// quotaAmount is what is used of a limit.
func quotaAmount(used, limit int64) string {
	if limit == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %s", shortNumber(used), shortNumber(limit))
}
