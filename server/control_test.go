package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	bedrockapi "github.com/aws/aws-sdk-go-v2/service/bedrock"
	"github.com/aws/aws-sdk-go-v2/service/bedrock/types"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// TestModels: filters, identifiers of both kinds, and what a model's entry says.
func TestModels(t *testing.T) {
	r := start(t, server.Config{Keys: keyring(t)})
	c := controlClient(t, r)
	ctx := t.Context()
	for _, tt := range []struct {
		in   bedrockapi.ListFoundationModelsInput
		want []string
	}{
		{bedrockapi.ListFoundationModelsInput{}, []string{modelID, "amazon.titan-embed-text-v2:0", "meta.llama3-8b-instruct-v1:0"}},
		{bedrockapi.ListFoundationModelsInput{ByProvider: aws.String("meta")}, []string{"meta.llama3-8b-instruct-v1:0"}},
		{bedrockapi.ListFoundationModelsInput{ByOutputModality: types.ModelModalityEmbedding}, []string{"amazon.titan-embed-text-v2:0"}},
		{bedrockapi.ListFoundationModelsInput{ByInferenceType: types.InferenceTypeOnDemand, ByProvider: aws.String("Amazon")}, []string{modelID, "amazon.titan-embed-text-v2:0"}},
		{bedrockapi.ListFoundationModelsInput{ByInferenceType: types.InferenceTypeProvisioned}, nil},
		{bedrockapi.ListFoundationModelsInput{ByCustomizationType: types.ModelCustomizationFineTuning}, nil},
	} {
		out, err := c.ListFoundationModels(ctx, &tt.in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range out.ModelSummaries {
			got = append(got, *m.ModelId)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.in, got, tt.want)
		}
	}
	for _, id := range []string{"amazon.titan-embed-text-v2:0", "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"} {
		out, err := c.GetFoundationModel(ctx, &bedrockapi.GetFoundationModelInput{ModelIdentifier: aws.String(id)})
		if err != nil {
			t.Fatal(err)
		}
		d := out.ModelDetails
		if *d.ModelName != "Titan Embeddings" || *d.ResponseStreamingSupported || d.ModelLifecycle.Status != types.FoundationModelLifecycleStatusLegacy {
			t.Errorf("%s: %+v", id, d)
		}
	}
	_, err := c.GetFoundationModel(ctx, &bedrockapi.GetFoundationModelInput{ModelIdentifier: aws.String("nobody.model")})
	if !is[*types.ResourceNotFoundException](err) {
		t.Errorf("error %v", err)
	}
}

// TestProfiles: the pages together are all profiles, in order, once.
func TestProfiles(t *testing.T) {
	c := controlClient(t, start(t, server.Config{Keys: keyring(t)}))
	all := []string{"apac.meta.llama3-8b-instruct-v1:0", "eu." + modelID, "us." + modelID}
	for size := int32(1); size <= 4; size++ {
		var got []string
		pages := bedrockapi.NewListInferenceProfilesPaginator(c, &bedrockapi.ListInferenceProfilesInput{MaxResults: aws.Int32(size)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(page.InferenceProfileSummaries) > int(size) {
				t.Errorf("a page of %d, asked for %d", len(page.InferenceProfileSummaries), size)
			}
			for _, p := range page.InferenceProfileSummaries {
				got = append(got, *p.InferenceProfileId)
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("in pages of %d: %v", size, got)
		}
	}
	none, err := c.ListInferenceProfiles(t.Context(), &bedrockapi.ListInferenceProfilesInput{TypeEquals: types.InferenceProfileTypeApplication})
	if err != nil || len(none.InferenceProfileSummaries) != 0 {
		t.Errorf("application profiles: %v, %v", none, err)
	}
	arn := "arn:aws:bedrock:" + region + ":" + account + ":inference-profile/us." + modelID
	for _, id := range []string{"us." + modelID, arn} {
		p, err := c.GetInferenceProfile(t.Context(), &bedrockapi.GetInferenceProfileInput{InferenceProfileIdentifier: aws.String(id)})
		if err != nil {
			t.Fatal(err)
		}
		if *p.InferenceProfileArn != arn || len(p.Models) != 2 || *p.Models[1].ModelArn != "arn:aws:bedrock:us-west-2::foundation-model/"+modelID {
			t.Errorf("%s: %s, %d models", id, *p.InferenceProfileArn, len(p.Models))
		}
	}
}

// shelf is a Jobs that keeps what it is told, with tags.
type shelf struct {
	caller outcrop.Caller
	jobs   map[string]*bedrock.GetModelInvocationJobResponse
	listed *bedrock.ListModelInvocationJobsRequest
	tags   map[string][]bedrock.Tag
}

var (
	_ outcrop.Jobs   = (*shelf)(nil)
	_ outcrop.Tagger = (*shelf)(nil)
)

func (s *shelf) Create(_ context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	s.caller = caller
	arn := "arn:aws:bedrock:" + caller.Region + ":" + caller.Account + ":model-invocation-job/abcdef123456"
	s.jobs[arn] = &bedrock.GetModelInvocationJobResponse{
		JobARN: arn, JobName: req.JobName, ModelID: req.ModelID, RoleARN: req.RoleARN,
		Status: bedrock.ModelInvocationJobStatusInProgress, SubmitTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		InputDataConfig: req.InputDataConfig, OutputDataConfig: req.OutputDataConfig,
	}
	s.tags[arn] = req.Tags
	return &bedrock.CreateModelInvocationJobResponse{JobARN: arn}, nil
}

func (s *shelf) Get(_ context.Context, _ outcrop.Caller, id string) (*bedrock.GetModelInvocationJobResponse, error) {
	if job := s.jobs[id]; job != nil {
		return job, nil
	}
	return nil, outcrop.Errorf(bedrock.CodeResourceNotFound, "jobIdentifier: there is no job %s", id)
}

func (s *shelf) List(_ context.Context, _ outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	s.listed = req
	return &bedrock.ListModelInvocationJobsResponse{}, nil
}

func (s *shelf) Stop(ctx context.Context, caller outcrop.Caller, id string) error {
	job, err := s.Get(ctx, caller, id)
	if err == nil {
		job.Status = bedrock.ModelInvocationJobStatusStopped
	}
	return err
}

func (s *shelf) Watch(context.Context, outcrop.Caller, string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(func(*bedrock.GetModelInvocationJobResponse, error) bool) {}
}

func (s *shelf) Tags(_ context.Context, _ outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	return s.tags[arn], nil
}

func (s *shelf) Tag(_ context.Context, _ outcrop.Caller, arn string, tags []bedrock.Tag) error {
	s.tags[arn] = append(s.tags[arn], tags...)
	return nil
}

func (s *shelf) Untag(_ context.Context, _ outcrop.Caller, arn string, keys []string) error {
	s.tags[arn] = slices.DeleteFunc(s.tags[arn], func(t bedrock.Tag) bool { return slices.Contains(keys, t.Key) })
	return nil
}

// TestJobs: the SDK makes a job, reads it, lists with every filter, tags and
// stops it, by an ARN in one escaped segment of the path.
func TestJobs(t *testing.T) {
	jobs := &shelf{jobs: map[string]*bedrock.GetModelInvocationJobResponse{}, tags: map[string][]bedrock.Tag{}}
	m, err := outcrop.New(outcrop.Config{Backend: &echo{}, Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	c := controlClient(t, start(t, server.Config{Manager: m, Keys: keyring(t)}))
	ctx := t.Context()
	made, err := c.CreateModelInvocationJob(ctx, &bedrockapi.CreateModelInvocationJobInput{
		JobName: aws.String("nightly"), ModelId: aws.String(modelID), RoleArn: aws.String("arn:aws:iam::123456789012:role/batch"),
		InputDataConfig:  &types.ModelInvocationJobInputDataConfigMemberS3InputDataConfig{Value: types.ModelInvocationJobS3InputDataConfig{S3Uri: aws.String("s3://bucket-in/a.jsonl")}},
		OutputDataConfig: &types.ModelInvocationJobOutputDataConfigMemberS3OutputDataConfig{Value: types.ModelInvocationJobS3OutputDataConfig{S3Uri: aws.String("s3://bucket-out/")}},
		Tags:             []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (outcrop.Caller{Tenant: tenant, Account: account, Region: region}); jobs.caller != want {
		t.Errorf("the caller is %+v", jobs.caller)
	}
	job, err := c.GetModelInvocationJob(ctx, &bedrockapi.GetModelInvocationJobInput{JobIdentifier: made.JobArn})
	if err != nil {
		t.Fatal(err)
	}
	if *job.JobName != "nightly" || job.SubmitTime.Year() != 2026 || job.Status != types.ModelInvocationJobStatusInProgress {
		t.Errorf("%+v", job)
	}

	after, before := time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if _, err := c.ListModelInvocationJobs(ctx, &bedrockapi.ListModelInvocationJobsInput{
		SubmitTimeAfter: &after, SubmitTimeBefore: &before, StatusEquals: types.ModelInvocationJobStatusFailed, NameContains: aws.String("night"),
		MaxResults: aws.Int32(7), NextToken: aws.String("tok"), SortBy: types.SortJobsByCreationTime, SortOrder: types.SortOrderDescending,
	}); err != nil {
		t.Fatal(err)
	}
	l := jobs.listed
	if !l.SubmitTimeAfter.Equal(after) || !l.SubmitTimeBefore.Equal(before) || l.StatusEquals != "Failed" || l.NameContains != "night" ||
		*l.MaxResults != 7 || l.NextToken != "tok" || l.SortBy != "CreationTime" || l.SortOrder != "Descending" {
		t.Errorf("%+v", l)
	}

	if _, err := c.TagResource(ctx, &bedrockapi.TagResourceInput{ResourceARN: made.JobArn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &bedrockapi.UntagResourceInput{ResourceARN: made.JobArn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListTagsForResource(ctx, &bedrockapi.ListTagsForResourceInput{ResourceARN: made.JobArn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "k" {
		t.Errorf("tags %v, %v", tags, err)
	}

	if _, err := c.StopModelInvocationJob(ctx, &bedrockapi.StopModelInvocationJobInput{JobIdentifier: made.JobArn}); err != nil {
		t.Fatal(err)
	}
	if got := jobs.jobs[*made.JobArn].Status; got != bedrock.ModelInvocationJobStatusStopped {
		t.Errorf("the status is %s", got)
	}
	_, err = c.GetModelInvocationJob(ctx, &bedrockapi.GetModelInvocationJobInput{JobIdentifier: aws.String("abcdef999999")})
	if !is[*types.ResourceNotFoundException](err) {
		t.Errorf("error %v", err)
	}
}

// TestNoJobs: without a place for jobs, the operations say so.
func TestNoJobs(t *testing.T) {
	c := controlClient(t, start(t, server.Config{}))
	_, err := c.ListModelInvocationJobs(t.Context(), &bedrockapi.ListModelInvocationJobsInput{})
	if e, ok := errors.AsType[*types.ValidationException](err); !ok || !strings.Contains(e.ErrorMessage(), "not configured") {
		t.Errorf("error %v", err)
	}
}

const colourSchema = `{"type":"object","properties":{"colour":{"enum":["red","green"]}},"required":["colour"]}`

func constructBody(says string) string {
	text, _ := json.Marshal(says)
	return `{"prompt":` + string(text) + `,"schema":` + colourSchema + `,"maxAttempts":2}`
}

// TestConstruct: a value that validates is the reply; one that does not is a
// 422 with what there is.
func TestConstruct(t *testing.T) {
	r := start(t, server.Config{})
	c := client(t, &http.Transport{})
	a := send(t, c, http.MethodPost, r.url+"/model/"+modelID+"/construct", constructBody(`{"colour": "green"}`), jsonHeader)
	var ok struct {
		Output struct{ Colour string }
		Usage  struct{ TotalTokens int }
		Trace  struct{ Attempts []any }
	}
	if err := json.Unmarshal([]byte(a.body), &ok); err != nil || a.status != 200 || ok.Output.Colour != "green" || len(ok.Trace.Attempts) != 1 || ok.Usage.TotalTokens != 4 {
		t.Errorf("%d %s", a.status, a.body)
	}

	a = send(t, c, http.MethodPost, r.url+"/model/"+modelID+"/construct", constructBody(`{"colour": "blue"}`), jsonHeader)
	checkRefused(t, a, 422, "SchemaValidationException", "colour")
	var failed struct {
		PartialOutput struct{ Colour string }
		Errors        []struct{ Path, Message string }
		Attempts      []any
		Usage         struct{ TotalTokens int }
	}
	if err := json.Unmarshal([]byte(a.body), &failed); err != nil || failed.PartialOutput.Colour != "blue" || len(failed.Errors) == 0 || len(failed.Attempts) != 2 || failed.Usage.TotalTokens == 0 {
		t.Errorf("%s", a.body)
	}
}

// TestConstructStream: the last event is the result; a failure before any
// event is a plain reply.
func TestConstructStream(t *testing.T) {
	r := start(t, server.Config{})
	c := client(t, &http.Transport{})
	a := send(t, c, http.MethodPost, r.url+"/model/m/construct-stream", constructBody(`{"colour": "red"}`), jsonHeader)
	if types := eventTypes(t, strings.NewReader(a.body)); a.status != 200 || !strings.HasSuffix(types, "result") || strings.Contains(types, "!") {
		t.Errorf("%d, events %s", a.status, types)
	}
	a = send(t, c, http.MethodPost, r.url+"/model/m/construct-stream", constructBody(`{"colour": "blue"}`), jsonHeader)
	if a.status == 200 {
		if types := eventTypes(t, strings.NewReader(a.body)); !strings.HasSuffix(types, "!schemaValidationException") || !strings.Contains(a.body, `"partialOutput":{"colour":"blue"}`) {
			t.Errorf("events %s", types)
		}
		return
	}
	checkRefused(t, a, 422, "SchemaValidationException", "colour")
}
