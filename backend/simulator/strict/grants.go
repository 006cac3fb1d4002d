package strict

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/pattern"
	"github.com/outcrop-ai/outcrop/internal/yamlfile"
	"github.com/outcrop-ai/outcrop/native"
)

// The scopes in which a model is asked; each has quotas of its own.
const (
	InRegion = "in-region"
	Geo      = "geo"
	Global   = "global"
)

// Grant is what each model of a pattern is granted, in each scope and account.
type Grant struct {
	Match          string
	Scope          string // one of the scopes, or "" for all
	ConcurrentJobs int
	Throttle       throttle.Config // its Burndown is AWS's table's when 0
	Foreign        Foreign
	Unavailable    Unavailable
}

// Foreign is hidden load: what others use of the quota, and nobody is told.
type Foreign struct {
	TPM, RPM    float64
	From, Until time.Duration // since the first call; Until 0 is for ever
}

// Unavailable are bursts without capacity: for Lasts of every Every, calls are
// refused with a 503 while Above or more are under way. The first comes at the
// end of the first Every.
type Unavailable struct {
	Every, Lasts time.Duration
	Above        int
}

// Grants are held against a call in their order. Without any that fits, a call
// is free.
type Grants []Grant

// fits tells whether a grant is about a model in a scope.
func (g *Grant) fits(id, model, scope string) bool {
	if g.Scope != "" && g.Scope != scope {
		return false
	}
	for _, form := range []string{id, model} {
		if _, ok := pattern.Match(g.Match, form); ok {
			return true
		}
	}
	return false
}

// Of is the grant of a model in a scope, or nil.
func (gs Grants) Of(model, scope string) *Grant {
	for i := range gs {
		if gs[i].fits(model, model, scope) {
			return &gs[i]
		}
	}
	return nil
}

// whose is the model and the scope of an id, a profile's id or an ARN.
func whose(known *catalog.Catalog, id string) (plain, model, scope string) {
	plain = catalog.FromARN(id)
	model = native.BaseModel(plain)
	if m, ok := known.Resolve(id); ok {
		model = m.Model.ID
	}
	switch prefix, rest, _ := strings.Cut(plain, "."); {
	case rest != model:
		return plain, model, InRegion
	case prefix == Global:
		return plain, model, Global
	}
	return plain, model, Geo
}

// burndown is AWS's table, written down a second time on purpose: how many
// tokens of quota one of output uses. Source: docs/design/quota.md.
func burndown(model string) float64 {
	id := strings.ToLower(model)
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(id, part) {
				return true
			}
		}
		return false
	}
	switch {
	case !strings.Contains(id, "claude"):
		return 1
	case has("opus-4-8", "sonnet-4-8", "haiku-4-8"):
		return 15
	case has("opus-5", "sonnet-5"):
		return 10
	case has("3-7-sonnet", "opus-4", "sonnet-4", "haiku-4"):
		return 5
	}
	return 1
}

// maxFile is the largest file of grants, in bytes.
const maxFile = 1 << 20

// Load reads a file of grants. Errors name the file and the line or the field.
func Load(path string) (Grants, error) {
	data, _, err := yamlfile.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// span reads a time; an empty text is none.
func span(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("expected a time such as 500ms, 30s or 5m")
	}
	return d, nil
}

// Parse reads the text of a file of grants; name is for errors.
func Parse(name string, data []byte) (Grants, error) {
	var file struct {
		Grants []struct {
			Match          string  `yaml:"match"`
			Scope          string  `yaml:"scope"`
			TPM            int64   `yaml:"tpm"`
			RPM            int64   `yaml:"rpm"`
			TokensPerDay   int64   `yaml:"tokensPerDay"`
			ConcurrentJobs int     `yaml:"concurrentJobs"`
			Burndown       float64 `yaml:"burndown"`
			Policy         string  `yaml:"policy"`
			Window         string  `yaml:"window"`
			Align          string  `yaml:"align"`
			Grain          string  `yaml:"grain"`
			CountRejected  bool    `yaml:"countRejected"`
			Foreign        struct {
				TPM   float64 `yaml:"tpm"`
				RPM   float64 `yaml:"rpm"`
				From  string  `yaml:"from"`
				Until string  `yaml:"until"`
			} `yaml:"foreign"`
			Unavailable struct {
				Every string `yaml:"every"`
				Lasts string `yaml:"lasts"`
				Above int    `yaml:"above"`
			} `yaml:"unavailable"`
		} `yaml:"grants"`
	}
	if err := yamlfile.Decode(name, "a file of grants", data, &file); err != nil {
		return nil, err
	}
	if len(file.Grants) == 0 {
		return nil, fmt.Errorf("%s: there are no grants: it has a list of that name, with what the simulated service grants", name)
	}
	grants := make(Grants, 0, len(file.Grants))
	for i, f := range file.Grants {
		policy, err := parsePolicy(f.Policy)
		if err != nil {
			return nil, fmt.Errorf("%s: grants[%d].policy: %w", name, i, err)
		}
		var times [7]time.Duration
		for j, t := range []struct{ field, text string }{
			{"window", f.Window},
			{"align", f.Align},
			{"grain", f.Grain},
			{"foreign.from", f.Foreign.From},
			{"foreign.until", f.Foreign.Until},
			{"unavailable.every", f.Unavailable.Every},
			{"unavailable.lasts", f.Unavailable.Lasts},
		} {
			if times[j], err = span(t.text); err != nil {
				return nil, fmt.Errorf("%s: grants[%d].%s: %w", name, i, t.field, err)
			}
		}
		grants = append(grants, Grant{
			Match: f.Match, Scope: f.Scope, ConcurrentJobs: f.ConcurrentJobs,
			Throttle: throttle.Config{
				Policy: policy, TokensPerMinute: f.TPM, RequestsPerMinute: f.RPM, TokensPerDay: f.TokensPerDay,
				Window: times[0], Align: times[1], Grain: times[2],
				Burndown: f.Burndown, CountRejected: f.CountRejected,
			},
			Foreign:     Foreign{TPM: f.Foreign.TPM, RPM: f.Foreign.RPM, From: times[3], Until: times[4]},
			Unavailable: Unavailable{Every: times[5], Lasts: times[6], Above: f.Unavailable.Above},
		})
		if err := grants[i].check(); err != nil {
			return nil, fmt.Errorf("%s: grants[%d].%w", name, i, err)
		}
	}
	return grants, nil
}

func parsePolicy(text string) (throttle.Policy, error) {
	switch text {
	case "", "bucket":
		return throttle.RefundBucket, nil
	case "fixed-window":
		return throttle.FixedWindow, nil
	case "strict":
		return throttle.Strict, nil
	}
	return 0, errors.New("expected bucket, fixed-window or strict")
}

func (g *Grant) check() error {
	switch {
	case g.Match == "":
		return errors.New("match: a model id, or a pattern such as anthropic.*, is missing")
	case g.Scope != "" && g.Scope != InRegion && g.Scope != Geo && g.Scope != Global:
		return fmt.Errorf("scope: expected %s, %s or %s", InRegion, Geo, Global)
	case g.ConcurrentJobs < 0:
		return errors.New("concurrentJobs: must not be negative")
	case g.Foreign.TPM < 0 || g.Foreign.RPM < 0:
		return errors.New("foreign: tpm and rpm must not be negative")
	case g.Foreign.Until != 0 && g.Foreign.Until <= g.Foreign.From:
		return errors.New("foreign.until: must come after from")
	case g.Unavailable.Lasts > g.Unavailable.Every:
		return errors.New("unavailable.lasts: must not be longer than every")
	case g.Unavailable.Above < 0:
		return errors.New("unavailable.above: must not be negative")
	}
	_, err := throttle.New(g.Throttle)
	return err
}
