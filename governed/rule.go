package governed

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

// Rule gives the models of a pattern their quotas: each model that it matches a
// pool of its own, and each of its scopes too, as Bedrock does.
type Rule struct {
	// Match is a model id, or a pattern in which * is any text. It is held
	// against the id that the back-end is given, without its ARN, and without
	// the geography of an inference profile.
	Match string

	// Backend names the one lane that the rule is about; "" means all.
	Backend string

	// Scope is the one kind of inference profile that the rule is about; nil
	// means all.
	Scope *quota.Scope

	// Methods are the inference methods that the rule is about, in a pool of
	// their own: sync, stream, async, converse. None means all of them together,
	// as Bedrock counts.
	Methods []string

	// Quota are the limits. Its ID is not used.
	Quota quota.PoolConfig

	// Learn says that the quota is not known, or used by others too: the limits
	// are where to begin, or else DefaultLearnTokens and DefaultLearnRequests.
	Learn bool

	// MaxTokens is filled in as the output limit of calls that set none, or the
	// model's own maximum where that is less. 0 means DefaultMaxTokens.
	MaxTokens int

	// Jobs is how many batch jobs of a model an account may have submitted or in
	// progress at once; 0 is no bound. See GovernJobs.
	Jobs int

	// Shorten lowers output limits to what replies have been learned to need,
	// and continues those that need more.
	Shorten bool
}

// Where learning begins, per minute, when nothing is said: low enough not to
// hurt anybody, and grown by one percent a second while it is wanted.
const (
	DefaultLearnTokens   = 200_000
	DefaultLearnRequests = 120
	// LearnMost bounds what is learned, as a multiple of where it began.
	LearnMost = 1000
)

// MethodNames are the methods that rules can tell apart. Construct asks by
// Converse, and is converse here.
var MethodNames = []string{string(outcrop.MethodSync), string(outcrop.MethodStream), string(outcrop.MethodAsync), string(outcrop.MethodConverse)}

func (r *Rule) check(table quota.Burndown) error {
	if r.Match == "" {
		return errors.New("match: a model id, or a pattern such as anthropic.*, is missing")
	}
	for _, m := range r.Methods {
		if !slices.Contains(MethodNames, m) {
			return fmt.Errorf("methods: %q is none of %s", m, strings.Join(MethodNames, ", "))
		}
	}
	if r.MaxTokens < 0 {
		return fmt.Errorf("maxTokens: must not be negative, got %d", r.MaxTokens)
	}
	pc := r.pool()
	pc.ID = quota.PoolID{Account: "a", Model: "m"}
	_, err := quota.NewBook(quota.Config{Pools: []quota.PoolConfig{pc}, Burndown: table})
	return err
}

// pool is the configuration of the rule's pools, but for their ids.
func (r *Rule) pool() quota.PoolConfig {
	pc := r.Quota
	if !r.Learn {
		return pc
	}
	pc.Adaptive.On = true
	if pc.TokensPerMinute == 0 && pc.RequestsPerMinute == 0 {
		pc.TokensPerMinute, pc.RequestsPerMinute = DefaultLearnTokens, DefaultLearnRequests
		if pc.Adaptive.Most == 0 {
			pc.Adaptive.Most = LearnMost
		}
	}
	return pc
}

// methods names the rule's methods, for the id of its pools.
func (r *Rule) methods() string { return strings.Join(r.Methods, "+") }

func (r *Rule) covers(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method)
}

// method is the inference method of a call; a batch job's records are async
// whatever operation they go by.
func method(call *outcrop.Call) string {
	switch {
	case call.Class == outcrop.Batch:
		return string(outcrop.MethodAsync)
	case call.Operation == bedrock.OpInvokeModel:
		return string(outcrop.MethodSync)
	case call.Operation == bedrock.OpInvokeModelWithResponseStream:
		return string(outcrop.MethodStream)
	}
	return string(outcrop.MethodConverse)
}

// identity is the model behind an id, a profile's id or an ARN of either, and
// the scope in which it is asked: each has quotas of its own.
func identity(known *catalog.Catalog, id string) (model string, scope quota.Scope) {
	plain := catalog.FromARN(id)
	if m, ok := known.Resolve(id); ok {
		model = m.Model.ID
		if m.Profile != nil {
			plain = m.Profile.ID // an alias may stand for a profile
		}
	} else {
		model = native.BaseModel(id)
	}
	prefix, rest, _ := strings.Cut(plain, ".")
	switch {
	case plain == model || rest != model:
		return model, quota.InRegion
	case prefix == "global":
		return model, quota.Global
	}
	return model, quota.Geo
}

// Identity is the model behind an id, an inference profile's id or an ARN of
// either, and the scope in which it is asked by it.
func Identity(id string) (model string, scope quota.Scope) { return identity(catalog.Default(), id) }
