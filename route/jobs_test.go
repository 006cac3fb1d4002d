package route_test

import (
	"context"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/route"
)

// emptyJobs are jobs of which there are none.
type emptyJobs struct{ outcrop.Jobs }

func (emptyJobs) List(context.Context, outcrop.Caller, *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	return &bedrock.ListModelInvocationJobsResponse{}, nil
}

// A token that no list has returned is refused, and is not the end of a list.
func TestForgedListTokens(t *testing.T) {
	jobs := route.NewJobs(route.JobsConfig{Here: emptyJobs{}, Services: map[string]outcrop.Jobs{"aws": emptyJobs{}}})
	for _, token := range []string{"%zz", "%zz&aws=0.", "abc", "elsewhere=0.", ".=x", ".=-1.", "aws=1", ".=0.&.=1.", "&", ".=0.&else=0."} {
		list, err := jobs.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{NextToken: token})
		if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeValidation || e.Field != "nextToken" {
			t.Errorf("%q: list %+v, error %v", token, list, err)
		}
	}
	for _, token := range []string{"", "aws=0.", ".=0.&aws=2.abc"} {
		if _, err := jobs.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{NextToken: token}); err != nil {
			t.Errorf("%q: error %v", token, err)
		}
	}
}
