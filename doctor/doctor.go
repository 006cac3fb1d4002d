// Package doctor looks whether back-ends can be used: credentials, Region,
// access to models, permissions, quotas, clocks; and of servers on this machine,
// whether they are there and have the models.
//
// Call [Examine] with the back-ends that a configuration uses. It asks them what
// costs nothing, and returns a [Finding] for each check, with what to do about
// those that are not well. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
)

// Status is how a check ended.
type Status string

// The ways in which a check ends. Only a failure keeps calls from working.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is one line of the report.
type Finding struct {
	Backend string `json:"backend"`
	Check   string `json:"check"` // "identity", "access", "quota", ...
	Status  Status `json:"status"`
	Detail  string `json:"detail"`
	Advice  string `json:"advice,omitzero"` // what to do; of warnings and failures
}

// DefaultTimeout is how long one check may take.
const DefaultTimeout = 15 * time.Second

// Options says how to look. The zero value is useful.
type Options struct {
	// Timeout is how long one check may take; 0 means DefaultTimeout.
	Timeout time.Duration

	// Found is told each finding as it is made; nil tells nobody.
	Found func(Finding)
}

// Failed counts the failures.
func Failed(findings []Finding) int {
	n := 0
	for _, f := range findings {
		if f.Status == Fail {
			n++
		}
	}
	return n
}

// Examine looks at back-ends, one after the other.
func Examine(ctx context.Context, backends []local.Opened, o Options) []Finding {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	var all []Finding
	for _, b := range backends {
		e := &examination{ctx: ctx, options: o, backend: b}
		e.run()
		all = append(all, e.findings...)
	}
	return all
}

// examination is that of one back-end.
type examination struct {
	ctx      context.Context
	options  Options
	backend  local.Opened
	findings []Finding
}

func (e *examination) run() {
	if e.backend.Err != nil {
		e.add("configuration", Fail, e.backend.Err.Error(), "outcrop config check and outcrop profile show what is in force")
		return
	}
	switch e.backend.Kind {
	case config.KindSimulator:
		e.simulator()
	case config.KindAmazon:
		if b, ok := e.backend.Backend.(*amazon.Backend); ok {
			e.amazon(b)
		}
	default:
		e.engine()
	}
}

// simulator looks whether the models that the settings name are in its
// catalogue.
func (e *examination) simulator() {
	e.add("simulator", OK, "built in; it answers without any model", "")
	known := outcrop.Abilities{Next: e.backend.Backend}
	for _, id := range e.backend.Models {
		if err := known.CheckModel(id); err != nil {
			e.add("access", Fail, id+": "+outcrop.AsError(err).Message, "outcrop models lists those that there are")
		}
	}
}

func (e *examination) add(check string, status Status, detail, advice string) {
	f := Finding{Backend: e.backend.Name, Check: check, Status: status, Detail: detail, Advice: advice}
	e.findings = append(e.findings, f)
	if e.options.Found != nil {
		e.options.Found(f)
	}
}

// limited is the context of one check.
func (e *examination) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(e.ctx, e.options.Timeout)
}

// failed notes a check that could not be made: it fails what calls need, and
// warns of what only the check needed. what is the check's permission.
func (e *examination) failed(check string, status Status, err error, what string) {
	f := outcrop.AsError(err)
	detail := f.Message
	if errors.Is(err, context.DeadlineExceeded) {
		detail = "no answer within " + e.options.Timeout.String()
	}
	e.add(check, status, detail, advice(f, what))
}

var deniedAction = regexp.MustCompile(`not authorized to perform:? ([a-z0-9-]+:[A-Za-z*]+)(?: on resource: (\S+))?`)

// advice is what to do about an error; permission is what the call takes where
// the error does not name it.
func advice(e *outcrop.Error, permission string) string {
	switch e.Code {
	case bedrock.CodeAccessDenied:
		resource := ""
		if m := deniedAction.FindStringSubmatch(e.Message); m != nil {
			permission = m[1]
			if m[2] != "" {
				resource = " on " + m[2]
			}
		}
		if permission == "" {
			return "check the credentials: outcrop profile shows which are in force"
		}
		return "allow " + permission + resource + " (policies: docs/aws-account.md); an explicit deny, as of an organization's policy, has to go first"
	case bedrock.CodeUnrecognizedClient:
		return "sign in, or name another profile with --profile"
	case bedrock.CodeServiceUnavailable, bedrock.CodeModelTimeout:
		return "check the network, a proxy in HTTPS_PROXY, the Region and the endpoint"
	case bedrock.CodeThrottling:
		return "try again in a minute"
	}
	return "outcrop profile shows which settings are in force, and why"
}
