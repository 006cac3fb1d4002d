package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/quota"
)

// quotaLoad is what quota plan is asked.
type quotaLoad struct {
	load                 quota.Load
	tpm, rpm, day, count int64
}

func newQuotaPlan(a *app) *cobra.Command {
	p := &quotaLoad{}
	c := &cobra.Command{
		Use:   "plan",
		Short: "Tell which quota a load needs, and how much a quota lets through",
		Long: `plan tells what a steady load takes of Bedrock's quotas, by its rules: a request
reserves its input and its output limit, and settles its input and the burndown
times its output. It tells which limit binds under the quotas that the
configuration sets for the model, or that flags set, and what other output limits
would change. Where the model has several lanes, it tells what each lets through.
It calls nobody.`,
		Example: `  outcrop quota plan --rate 120 --input 1500 --output 300
  outcrop quota plan --rate 120 --input 1500 --output 300 --max-tokens 64000 --tpm 2000000 --rpm 1000`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.quotaPlan(c, p) },
	}
	flags := c.Flags()
	flags.Float64Var(&p.load.Rate, "rate", 60, "requests per minute")
	flags.IntVar(&p.load.Input, "input", 1000, "input tokens of a request, on average")
	flags.IntVar(&p.load.Output, "output", 300, "output tokens of a reply, on average")
	flags.IntVar(&p.load.MaxTokens, "max-tokens", 0, "output limit of a request (default the model's maximum, which an unset one reserves)")
	flags.DurationVar(&p.load.Takes, "takes", 0, "how long a reply takes, on average (default 400ms and 80 tokens a second)")
	flags.Float64Var(&p.load.Burndown, "burndown", 0, "quota that an output token uses (default the model's)")
	flags.Int64Var(&p.tpm, "tpm", 0, "tokens per minute that you have (default the configuration's)")
	flags.Int64Var(&p.rpm, "rpm", 0, "requests per minute that you have")
	flags.Int64Var(&p.day, "tokens-per-day", 0, "tokens per day that you have")
	flags.Int64Var(&p.count, "concurrent", 0, "requests at once that you have")
	return c
}

// quotaPlanned is the answer, as JSON has it.
type quotaPlanned struct {
	Model      string     `json:"model"`
	Burndown   float64    `json:"burndown"`
	MaxTokens  int        `json:"maxTokens"`
	Reserved   float64    `json:"reservedPerRequest"`
	Settled    float64    `json:"settledPerRequest"`
	UnderWay   float64    `json:"underWay"`
	Needs      planLimits `json:"needs"`
	NeedsFor   string     `json:"tpmIsNeededFor"` // what is spent, or what is held
	Have       planLimits `json:"have"`
	Binds      string     `json:"binds"`
	MaxRate    *float64   `json:"maxRequestsPerMinute"` // null where nothing bounds it
	Enough     bool       `json:"enough"`
	ByMaxToken []byLimit  `json:"byMaxTokens"`
	Lanes      []planLane `json:"lanes,omitzero"` // of which have and max are the sums
}

type planLimits struct {
	TPM        int64 `json:"tpm"`
	RPM        int64 `json:"rpm"`
	Day        int64 `json:"tokensPerDay"`
	Concurrent int   `json:"concurrent"`
}

// byLimit is what another output limit would change.
type byLimit struct {
	MaxTokens int      `json:"maxTokens"`
	TPM       int64    `json:"tpm"` // that the load needs with it
	MaxRate   *float64 `json:"maxRequestsPerMinute"`
	Binds     string   `json:"binds"`
}

func (a *app) quotaPlan(c *cobra.Command, p *quotaLoad) error {
	if min(p.tpm, p.rpm, p.day, p.count) < 0 {
		return usageError{errors.New("--tpm, --rpm, --tokens-per-day, --concurrent: expected numbers above 0")}
	}
	s, err := a.load(c)
	if err != nil {
		return err
	}
	l, have, most := p.filled(s)
	need, err := l.Plan()
	if err != nil {
		return usageError{err}
	}
	out := quotaPlanned{Model: s.Model}
	lanes := []quota.Quotas{have}
	if !p.given() {
		var known []quota.Quotas
		if out.Lanes, known, err = planLanes(s, l); err != nil {
			return usageError{err}
		}
		if len(out.Lanes) > 0 {
			lanes, have = known, together(known)
		}
	}
	rate, binds, err := mostOf(l, lanes)
	if err != nil {
		return usageError{err}
	}
	out.Burndown, out.MaxTokens, out.Reserved, out.Settled, out.UnderWay = l.Burndown, l.MaxTokens, need.Reserved, need.Settled, need.Inflight
	out.Needs, out.Have = limitsOf(need.Quotas), limitsOf(have)
	out.NeedsFor = "what is spent"
	if need.ByHold {
		out.NeedsFor = "what is held at a time"
	}
	out.Binds, out.MaxRate, out.Enough = binds.String(), finite(rate), rate >= l.Rate
	if out.ByMaxToken, err = byLimits(l, lanes, most); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(&out)
	}
	return a.showQuotaPlan(&out, l.Rate)
}

// given tells whether flags say what there is.
func (p *quotaLoad) given() bool { return p.tpm != 0 || p.rpm != 0 || p.day != 0 || p.count != 0 }

// filled is the load and the quotas that there are, with what nobody gave: the
// model's, the configuration's, the default. most is the model's longest output, or
// 0 where it is not known.
func (p *quotaLoad) filled(s *config.Config) (l quota.Load, have quota.Quotas, most int) {
	model := s.Model
	if m, ok := catalog.Default().Resolve(s.Model); ok {
		most, model = m.Model.MaxOutput, m.Model.ID
	}
	l = p.load
	if l.MaxTokens == 0 {
		l.MaxTokens = max(most, l.Output)
	}
	rule := local.QuotaOf(s, s.Model)
	if l.Burndown == 0 {
		l.Burndown = quota.DefaultBurndown().Of(model)
		if rule != nil && rule.Quota.Burndown > 0 {
			l.Burndown = rule.Quota.Burndown
		}
	}
	if l.Takes == 0 {
		l.Takes = 400*time.Millisecond + time.Duration(l.Output)*time.Second/80
	}
	if p.given() || rule == nil {
		return l, quota.Quotas{TokensPerMinute: p.tpm, RequestsPerMinute: p.rpm, TokensPerDay: p.day, Concurrent: int(p.count)}, most
	}
	l.Window = rule.Quota.Window
	return l, quotasOf(rule), most
}

func limitsOf(q quota.Quotas) planLimits {
	return planLimits{q.TokensPerMinute, q.RequestsPerMinute, q.TokensPerDay, q.Concurrent}
}

func finite(n float64) *float64 {
	if math.IsInf(n, 0) {
		return nil
	}
	return &n
}

// byLimits plans the load with other output limits: the tightest, one with room,
// the one that is filled in, the model's maximum.
func byLimits(l quota.Load, lanes []quota.Quotas, most int) ([]byLimit, error) {
	candidates := []int{l.Output, 2 * l.Output, 4096, l.MaxTokens, most}
	slices.Sort(candidates)
	var list []byLimit
	for _, n := range slices.Compact(candidates) {
		if n < max(l.Output, 1) || most > 0 && n > most {
			continue
		}
		l.MaxTokens = n
		need, err := l.Plan()
		if err != nil {
			return nil, err
		}
		rate, binds, err := mostOf(l, lanes)
		if err != nil {
			return nil, err
		}
		list = append(list, byLimit{n, need.TokensPerMinute, finite(rate), binds.String()})
	}
	return list, nil
}

func (a *app) showQuotaPlan(p *quotaPlanned, rate float64) error {
	fmt.Fprintf(a.stdout, "%s, burndown %v: a request reserves %s tokens and settles %s; %.1f are under way at a time\n",
		p.Model, p.Burndown, shortNumber(int64(p.Reserved)), shortNumber(int64(p.Settled)), p.UnderWay)
	fmt.Fprintf(a.stdout, "%v requests a minute need %s tokens per minute (for %s), %s requests per minute, %s tokens per day\n",
		rate, shortNumber(p.Needs.TPM), p.NeedsFor, shortNumber(p.Needs.RPM), shortNumber(p.Needs.Day))
	switch {
	case p.Have == planLimits{}:
		fmt.Fprintln(a.stdout, "no quota is given: set one with --tpm and --rpm, or in the configuration")
	case p.MaxRate == nil:
	case p.Enough:
		fmt.Fprintf(a.stdout, "the quota lets %.1f requests a minute through, which is enough; %s binds first\n", *p.MaxRate, p.Binds)
	default:
		fmt.Fprintf(a.stdout, "the quota lets %.1f requests a minute through, which is not enough: %s binds\n", *p.MaxRate, p.Binds)
	}
	if err := showPlanLanes(a.stdout, p.Lanes); err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MAX_TOKENS\tNEEDS TPM\tLETS THROUGH\tBINDS")
	for _, b := range p.ByMaxToken {
		through := "-"
		if b.MaxRate != nil {
			through = fmt.Sprintf("%.1f/min", *b.MaxRate)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", b.MaxTokens, shortNumber(b.TPM), through, b.Binds)
	}
	return w.Flush()
}
