package server

import (
	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func (x *exchange) createJob() error {
	var req bedrock.CreateModelInvocationJobRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	x.model = req.ModelID
	response, err := x.server.manager.Batch(x.context(), &req)
	if err != nil {
		return err
	}
	return x.sendValue(response)
}

func (x *exchange) getJob() error {
	jobs, err := x.server.manager.Jobs()
	if err != nil {
		return err
	}
	// Whatever is no job's identifier is one that no job has, the pattern of
	// identifiers notwithstanding.
	response, err := jobs.Get(x.context(), x.caller, x.labels[0])
	if err != nil {
		return err
	}
	return x.sendValue(response)
}

func (x *exchange) listJobs() error {
	var req bedrock.ListModelInvocationJobsRequest
	jobs, err := x.jobs(&req)
	if err != nil {
		return err
	}
	response, err := jobs.List(x.context(), x.caller, &req)
	if err != nil {
		return err
	}
	return x.sendValue(response)
}

func (x *exchange) stopJob() error {
	jobs, err := x.server.manager.Jobs()
	if err != nil {
		return err
	}
	if err := jobs.Stop(x.context(), x.caller, x.labels[0]); err != nil {
		return err
	}
	return x.sendValue(&bedrock.StopModelInvocationJobResponse{})
}

func (x *exchange) tagResource() error {
	var req bedrock.TagResourceRequest
	tagger, err := x.tagger(&req)
	if err != nil {
		return err
	}
	if err := tagger.Tag(x.context(), x.caller, req.ResourceARN, req.Tags); err != nil {
		return err
	}
	return x.sendValue(&bedrock.TagResourceResponse{})
}

func (x *exchange) untagResource() error {
	var req bedrock.UntagResourceRequest
	tagger, err := x.tagger(&req)
	if err != nil {
		return err
	}
	if err := tagger.Untag(x.context(), x.caller, req.ResourceARN, req.TagKeys); err != nil {
		return err
	}
	return x.sendValue(&bedrock.UntagResourceResponse{})
}

func (x *exchange) listTags() error {
	var req bedrock.ListTagsForResourceRequest
	tagger, err := x.tagger(&req)
	if err != nil {
		return err
	}
	tags, err := tagger.Tags(x.context(), x.caller, req.ResourceARN)
	if err != nil {
		return err
	}
	return x.sendValue(&bedrock.ListTagsForResourceResponse{Tags: tags})
}

// jobs reads the request, and finds where batch jobs run.
func (x *exchange) jobs(req bedrock.Validatable) (outcrop.Jobs, error) {
	if err := x.decode(req); err != nil {
		return nil, err
	}
	return x.server.manager.Jobs()
}

// tagger reads the request, and finds where tags are kept.
func (x *exchange) tagger(req bedrock.Validatable) (outcrop.Tagger, error) {
	jobs, err := x.jobs(req)
	if err != nil {
		return nil, err
	}
	return outcrop.TaggerOf(jobs)
}
