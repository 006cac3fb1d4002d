package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
)

// amazon looks at an account. When nobody answers at all, it stops.
func (e *examination) amazon(b *amazon.Backend) {
	place := b.Place()
	profile := place.Profile
	if profile.Value == "" {
		profile.Value = "none"
	}
	e.add("profile", OK, profile.Value+" ("+profile.From+")", "")
	e.add("region", OK, place.Region.Value+" ("+place.Region.From+")", "")
	if endpoint := place.Endpoint.Value + " (" + place.Endpoint.From + ")"; place.Here() && !b.AtAWS() {
		e.add("endpoint", Warn, endpoint, "this machine answers and not Amazon Bedrock: name another profile or endpoint if that is not meant")
	} else {
		e.add("endpoint", OK, endpoint, "")
	}
	if !e.clock(b) || !e.identity(b) {
		return
	}
	e.models(b)
	quotas := e.quotas(b)
	for _, id := range e.backend.Models {
		if e.access(b, id) && quotas != nil {
			e.quota(id, quotas)
		}
	}
	e.batch(b)
}

// The service takes signatures that are up to five minutes off.
const (
	skewBad   = 5 * time.Minute
	skewWrong = 30 * time.Second
)

// clock tells whether the service can be reached at all.
func (e *examination) clock(b *amazon.Backend) bool {
	ctx, cancel := e.limited()
	defer cancel()
	ahead, err := b.Skew(ctx)
	const advice = "set this machine's clock: signatures are refused when it is more than 5 minutes off"
	off := fmt.Sprintf("this machine is %s ahead of the service", ahead)
	if ahead < 0 {
		off = fmt.Sprintf("this machine is %s behind the service", -ahead)
	}
	switch {
	case err != nil:
		e.failed("reachable", Fail, err, "")
		return false
	case ahead.Abs() >= skewBad:
		e.add("clock", Fail, off, advice)
	case ahead.Abs() >= skewWrong:
		e.add("clock", Warn, off, advice)
	default:
		e.add("clock", OK, "within "+skewWrong.String()+" of the service's", "")
	}
	return true
}

// identity tells whether there are credentials that work.
func (e *examination) identity(b *amazon.Backend) bool {
	from := b.Place().Credentials
	switch {
	case b.Bearer():
		e.add("identity", OK, "a bearer token ("+from.From+"), which names nobody", "")
		return true
	case !b.AtAWS():
		e.add("identity", OK, "not asked for: the endpoint is not AWS's", "")
		return true
	}
	ctx, cancel := e.limited()
	defer cancel()
	id, err := b.Identity(ctx)
	switch {
	case err != nil && outcrop.AsError(err).Code == bedrock.CodeUnknownOperation:
		e.add("identity", Warn, "the endpoint of "+b.Place().Endpoint.From+" does not say who the credentials are", "nothing, where it is not AWS that answers")
		return true
	case err != nil:
		e.failed("identity", Fail, err, "")
		return false
	}
	e.add("identity", OK, fmt.Sprintf("%s in account %s (%s)", id.ARN, id.Account, from.From), "")
	return true
}

// models looks whether models can be listed, which only lists need.
func (e *examination) models(b *amazon.Backend) {
	ctx, cancel := e.limited()
	defer cancel()
	models, err := b.Models(ctx)
	if err != nil {
		e.failed("models", Warn, err, "bedrock:ListFoundationModels and bedrock:ListInferenceProfiles")
		return
	}
	e.add("models", OK, fmt.Sprintf("%d in %s", len(models), b.Place().Region.Value), "")
}

// access tells whether calls to a model would be taken.
func (e *examination) access(b *amazon.Backend, id string) bool {
	match, known := catalog.Default().Resolve(id)
	if known && match.Profile == nil && !match.Model.OnDemand && len(match.Model.Profiles) > 0 {
		e.add("access", Fail, id+" answers under an inference profile only",
			"use "+profileFor(match.Model, b.Place().Region.Value)+", or give the route a name such as us.*")
		return false
	}
	if known && b.AtAWS() {
		e.availability(b, id)
	}
	if known && !match.Model.Has("TEXT") {
		e.add("access", Warn, id+" is no model for text: whether it may be invoked cannot be tried without cost", "")
		return true
	}
	may := e.mayInvoke(b, id, false)
	if may {
		may = e.mayInvoke(b, id, true)
	}
	if may {
		e.count(b, id)
	}
	return may
}

// profileFor is a profile of a model that can be called from a Region.
func profileFor(m *catalog.Model, region string) string {
	best := m.Profiles[len(m.Profiles)-1].ID
	for _, p := range m.Profiles {
		for _, r := range p.Regions {
			if r == region {
				return p.ID
			}
		}
	}
	return best
}

func (e *examination) availability(b *amazon.Backend, id string) {
	ctx, cancel := e.limited()
	defer cancel()
	a, err := b.Availability(ctx, id)
	const terms = "open the model's page in the Bedrock console once and accept its terms; the first use also takes aws-marketplace:Subscribe (docs/aws-account.md)"
	switch {
	case err != nil:
		e.failed("available", Warn, err, "bedrock:GetFoundationModelAvailability")
	case !a.InRegion:
		e.add("available", Fail, id+" is not in "+b.Place().Region.Value, "choose a Region that has it, with --region")
	case a.Agreement != "" && a.Agreement != "AVAILABLE":
		e.add("available", Fail, strings.TrimSpace(fmt.Sprintf("%s: the agreement with its provider is %s. %s", id, a.Agreement, a.Description)), terms)
	case !a.Entitled:
		e.add("available", Fail, id+": the account has no access to it", terms)
	case !a.Authorized:
		e.add("available", Fail, id+": these credentials are not authorized for it", "allow bedrock:InvokeModel on the model (docs/aws-account.md)")
	default:
		e.add("available", OK, id, "")
	}
}

func (e *examination) mayInvoke(b *amazon.Backend, id string, stream bool) bool {
	ctx, cancel := e.limited()
	defer cancel()
	check, permission := "invoke", "bedrock:InvokeModel"
	if stream {
		check, permission = "stream", "bedrock:InvokeModelWithResponseStream"
	}
	if err := b.MayInvoke(ctx, id, stream); err != nil {
		e.failed(check, Fail, err, permission)
		return false
	}
	e.add(check, OK, id+" may be invoked (asked for nothing, at no cost)", "")
	return true
}

func (e *examination) count(b *amazon.Backend, id string) {
	ctx, cancel := e.limited()
	defer cancel()
	hello := &bedrock.ConverseRequest{ModelID: id, Messages: []bedrock.Message{bedrock.UserText("hello")}}
	n, err := b.CountTokens(ctx, outcrop.NewConverseCall(bedrock.OpConverse, hello))
	if err != nil {
		e.failed("count", Warn, err, "bedrock:CountTokens")
		return
	}
	e.add("count", OK, fmt.Sprintf("%s counts tokens (%d for a hello)", id, n.InputTokens), "")
}

// batch looks whether jobs can be listed, which only batch jobs need.
func (e *examination) batch(b *amazon.Backend) {
	ctx, cancel := e.limited()
	defer cancel()
	one := 1
	if _, err := b.Jobs().List(ctx, outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{MaxResults: &one}); err != nil {
		e.failed("batch", Warn, err, "bedrock:ListModelInvocationJobs, and for jobs bedrock:CreateModelInvocationJob and iam:PassRole")
		return
	}
	e.add("batch", OK, "jobs can be listed; creating one also takes bedrock:CreateModelInvocationJob and iam:PassRole", "")
}
