package batch

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// defaultPage is how many jobs a page has when the request does not say.
const defaultPage = 100

// List is the account's jobs that pass the filters, by time of submission, the
// latest first unless the request says otherwise. submitTimeAfter and
// submitTimeBefore are exclusive. Jobs that are created while somebody pages
// through do not shift the pages.
func (j *Jobs) List(ctx context.Context, caller outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	if err := bedrock.Validate(req); err != nil {
		return nil, outcrop.AsError(err)
	}
	after, err := readPageToken(req)
	if err != nil {
		return nil, err
	}
	size := defaultPage
	if req.MaxResults != nil {
		size = *req.MaxResults
	}
	ascending := req.SortOrder == bedrock.SortOrderAscending
	jobs := j.registry.all(withDefaults(caller).Account)
	if !ascending {
		slices.Reverse(jobs)
	}
	out := &bedrock.ListModelInvocationJobsResponse{InvocationJobSummaries: []bedrock.ModelInvocationJobSummary{}}
	var last uint64
	for _, job := range jobs {
		s := job.snapshot()
		if after != 0 && (ascending && s.Sequence <= after || !ascending && s.Sequence >= after) || !matches(req, &s) {
			continue
		}
		if len(out.InvocationJobSummaries) == size {
			out.NextToken = pageToken(req, last)
			break
		}
		out.InvocationJobSummaries = append(out.InvocationJobSummaries, s.summary())
		last = s.Sequence
	}
	return out, nil
}

func matches(req *bedrock.ListModelInvocationJobsRequest, s *state) bool {
	return (req.SubmitTimeAfter.IsZero() || s.Submitted.After(req.SubmitTimeAfter)) &&
		(req.SubmitTimeBefore.IsZero() || s.Submitted.Before(req.SubmitTimeBefore)) &&
		(req.StatusEquals == "" || s.Status == req.StatusEquals) &&
		strings.Contains(s.Request.JobName, req.NameContains)
}

// A page token is the sequence of the last job that was told, with a check sum
// of the filters it goes with.

func pageToken(req *bedrock.ListModelInvocationJobsRequest, last uint64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "1.%d.%x", last, filterSum(req)))
}

func readPageToken(req *bedrock.ListModelInvocationJobsRequest) (after uint64, err error) {
	if req.NextToken == "" {
		return 0, nil
	}
	var sum uint64
	text, err := base64.RawURLEncoding.DecodeString(req.NextToken)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "1.%d.%x", &after, &sum)
	}
	if err != nil || after == 0 {
		return 0, outcrop.Invalid("nextToken", "is not a token that a list of jobs has returned")
	}
	if sum != filterSum(req) {
		return 0, outcrop.Invalid("nextToken", "was returned for a list with other filters")
	}
	return after, nil
}

func filterSum(req *bedrock.ListModelInvocationJobsRequest) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d %q %q %q", req.SubmitTimeAfter.UnixNano(), req.SubmitTimeBefore.UnixNano(), req.StatusEquals, req.NameContains, req.SortOrder)
	return h.Sum64()
}
