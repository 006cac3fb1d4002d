package route

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// listPage is how many jobs a page has when the request does not say.
const listPage = 100

// List merges the jobs of all places by their time of submission. A page's
// token says how far each place was read: the token of its own page, and how
// many of that were told.
func (j *Jobs) List(ctx context.Context, caller outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	if len(j.config.Services) == 0 {
		return j.config.Here.List(ctx, caller, req)
	}
	if err := bedrock.Validate(req); err != nil {
		return nil, outcrop.AsError(err)
	}
	places, err := j.places(req.NextToken)
	if err != nil {
		return nil, err
	}
	size := listPage
	if req.MaxResults != nil {
		size = *req.MaxResults
	}
	asked := *req
	asked.MaxResults = &size
	ascending := req.SortOrder == bedrock.SortOrderAscending
	response := &bedrock.ListModelInvocationJobsResponse{InvocationJobSummaries: []bedrock.ModelInvocationJobSummary{}}
	for len(response.InvocationJobSummaries) < size {
		var first *jobPlace
		for _, p := range places {
			head, err := p.head(ctx, caller, asked)
			if err != nil {
				if err = j.unlisted(ctx, p, err); err != nil {
					return nil, err
				}
				continue
			}
			if head != nil && (first == nil || head.SubmitTime.Before(first.page[first.told].SubmitTime) == ascending && !head.SubmitTime.Equal(first.page[first.told].SubmitTime)) {
				first = p
			}
		}
		if first == nil {
			return response, nil
		}
		response.InvocationJobSummaries = append(response.InvocationJobSummaries, first.page[first.told])
		first.told++
	}
	response.NextToken = tokenOf(places)
	return response, nil
}

// unlisted passes over a place that cannot list, unless it is here.
func (j *Jobs) unlisted(ctx context.Context, p *jobPlace, err error) error {
	if p.name == here || j.config.OnUnlisted == nil || ctx.Err() != nil {
		return err
	}
	j.config.OnUnlisted(p.name, err)
	p.done = true
	return nil
}

// here is the name of the place that is no service. No back-end has it.
const here = "."

// jobPlace is a place whose jobs are read page by page.
type jobPlace struct {
	name   string
	jobs   outcrop.Jobs
	token  string // of the page that is being read
	told   int    // how many of it were
	done   bool   // there are no more
	loaded bool
	page   []bedrock.ModelInvocationJobSummary
	next   string // the token of the page after it
}

// head is the place's next job, or nil when there is none.
func (p *jobPlace) head(ctx context.Context, caller outcrop.Caller, req bedrock.ListModelInvocationJobsRequest) (*bedrock.ModelInvocationJobSummary, error) {
	for !p.done {
		if !p.loaded {
			req.NextToken = p.token
			got, err := p.jobs.List(ctx, caller, &req)
			if err != nil {
				return nil, err
			}
			p.page, p.next, p.loaded = got.InvocationJobSummaries, got.NextToken, true
		}
		switch {
		case p.told < len(p.page):
			return &p.page[p.told], nil
		case p.next == "" || p.next == p.token:
			p.done = true
		default:
			p.token, p.told, p.loaded = p.next, 0, false
		}
	}
	return nil, nil
}

// places are all of them, at where a token says.
func (j *Jobs) places(token string) ([]*jobPlace, error) {
	list := []*jobPlace{{name: here, jobs: j.config.Here}}
	for _, name := range j.names {
		list = append(list, &jobPlace{name: name, jobs: j.config.Services[name]})
	}
	if token == "" {
		return list, nil
	}
	values, err := url.ParseQuery(token)
	begun := 0
	for _, p := range list {
		given := values[p.name]
		if given == nil {
			p.done = true
			continue
		}
		told, own, ok := strings.Cut(given[0], ".")
		n, bad := strconv.Atoi(told)
		if !ok || bad != nil || n < 0 || len(given) > 1 {
			break
		}
		p.told, p.token = n, own
		begun++
	}
	if err != nil || begun == 0 || begun < len(values) {
		return nil, outcrop.Invalid("nextToken", "is not a token that a list of jobs has returned")
	}
	return list, nil
}

// tokenOf says how far places were read; "" when there is no more.
func tokenOf(places []*jobPlace) string {
	values := url.Values{}
	for _, p := range places {
		if p.done || p.loaded && p.told == len(p.page) && p.next == "" {
			continue
		}
		values.Set(p.name, strconv.Itoa(p.told)+"."+p.token)
	}
	return values.Encode()
}
