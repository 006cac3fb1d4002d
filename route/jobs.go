package route

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// JobsConfig says where jobs run. Here and Router are required.
type JobsConfig struct {
	// Here runs a job's records one by one, on any back-end.
	Here outcrop.Jobs

	// Router says which back-end a job's model belongs to.
	Router *Router

	// Services are the back-ends, by name, that run jobs themselves.
	Services map[string]outcrop.Jobs

	// OnUnlisted is told of services that could not list their jobs, which are
	// then missing in List. nil makes List fail instead.
	OnUnlisted func(backend string, err error)
}

// Jobs sends each job to where it runs: to the batch service of its model's
// back-end where there is one, and else here. A job is found by its ARN or id
// wherever it is: here first, then at the services in the order of their names.
// It is safe for concurrent use and holds nothing that must be closed.
//
// A job whose input stands in the request runs here, since services read
// objects; so does one that [OnDemand] marks.
type Jobs struct {
	config JobsConfig
	names  []string // of the services, in order
}

var _ outcrop.Jobs = (*Jobs)(nil)

// NewJobs makes a Jobs.
func NewJobs(c JobsConfig) *Jobs {
	return &Jobs{config: c, names: slices.Sorted(maps.Keys(c.Services))}
}

type onDemandKey struct{}

// OnDemand marks the jobs that are created with the context: they run here, by
// single calls, whatever service there is.
func OnDemand(ctx context.Context) context.Context {
	return context.WithValue(ctx, onDemandKey{}, true)
}

// Create sends a job to where it runs. A service is given the model's name
// there.
func (j *Jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	service, model, err := j.place(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case service == nil:
		return j.config.Here.Create(ctx, caller, req)
	case model != req.ModelID:
		copied := *req
		copied.ModelID = model
		req = &copied
	}
	if err := bedrock.Validate(req); err != nil {
		return nil, outcrop.AsError(err)
	}
	return service.Create(ctx, caller, req)
}

// place is the service that a job belongs to, with its model's name there; nil
// means here.
func (j *Jobs) place(ctx context.Context, req *bedrock.CreateModelInvocationJobRequest) (outcrop.Jobs, string, error) {
	if len(j.config.Services) == 0 || req.InputDataConfig.S3InputDataConfig == nil || ctx.Value(onDemandKey{}) != nil {
		return nil, "", nil
	}
	targets, err := j.config.Router.Targets(req.ModelID)
	if err != nil {
		return nil, "", err
	}
	return j.config.Services[targets[0].Backend], targets[0].Name, nil
}

// Get is a job's state, wherever it is.
func (j *Jobs) Get(ctx context.Context, caller outcrop.Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error) {
	_, state, err := j.find(ctx, caller, identifier)
	return state, err
}

// find is where a job is, and its state.
func (j *Jobs) find(ctx context.Context, caller outcrop.Caller, identifier string) (outcrop.Jobs, *bedrock.GetModelInvocationJobResponse, error) {
	state, missing := j.config.Here.Get(ctx, caller, identifier)
	if missing == nil || outcrop.AsError(missing).Code != bedrock.CodeResourceNotFound {
		return j.config.Here, state, missing
	}
	var failed error
	for _, name := range j.names {
		state, err := j.config.Services[name].Get(ctx, caller, identifier)
		if err == nil {
			return j.config.Services[name], state, nil
		}
		switch e := outcrop.AsError(err); e.Code {
		case bedrock.CodeResourceNotFound, bedrock.CodeValidation: // no id of that service is of this form
		default:
			unsure := *e
			unsure.Message = "the job is not here, and back-end " + name + " could not say whether it is there: " + e.Message
			failed = &unsure
		}
	}
	if failed != nil {
		return nil, nil, failed
	}
	return nil, nil, missing
}

// Stop ends a job early, wherever it is.
func (j *Jobs) Stop(ctx context.Context, caller outcrop.Caller, identifier string) error {
	place, _, err := j.find(ctx, caller, identifier)
	if err != nil {
		return err
	}
	return place.Stop(ctx, caller, identifier)
}

// Watch yields a job's state now and at each change, wherever it is.
func (j *Jobs) Watch(ctx context.Context, caller outcrop.Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(yield func(*bedrock.GetModelInvocationJobResponse, error) bool) {
		place, _, err := j.find(ctx, caller, identifier)
		if err != nil {
			yield(nil, err)
			return
		}
		for state, err := range place.Watch(ctx, caller, identifier) {
			if !yield(state, err) {
				return
			}
		}
	}
}

func (j *Jobs) tagger(ctx context.Context, caller outcrop.Caller, arn string) (outcrop.Tagger, error) {
	place, _, err := j.find(ctx, caller, arn)
	if err != nil {
		return nil, err
	}
	return outcrop.TaggerOf(place)
}

// Tags are the tags of a job, wherever it is.
func (j *Jobs) Tags(ctx context.Context, caller outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	t, err := j.tagger(ctx, caller, arn)
	if err != nil {
		return nil, err
	}
	return t.Tags(ctx, caller, arn)
}

// Tag adds tags to a job, wherever it is.
func (j *Jobs) Tag(ctx context.Context, caller outcrop.Caller, arn string, tags []bedrock.Tag) error {
	t, err := j.tagger(ctx, caller, arn)
	if err != nil {
		return err
	}
	return t.Tag(ctx, caller, arn, tags)
}

// Untag takes tags from a job, wherever it is.
func (j *Jobs) Untag(ctx context.Context, caller outcrop.Caller, arn string, keys []string) error {
	t, err := j.tagger(ctx, caller, arn)
	if err != nil {
		return err
	}
	return t.Untag(ctx, caller, arn, keys)
}
