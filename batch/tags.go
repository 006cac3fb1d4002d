package batch

import (
	"context"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Tags are a job's tags, in the order in which their keys were first set.
func (j *Jobs) Tags(ctx context.Context, caller outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	job, err := j.tagged(ctx, caller, arn)
	if err != nil {
		return nil, err
	}
	tags := slices.Clone(job.snapshot().Tags)
	if tags == nil {
		tags = []bedrock.Tag{}
	}
	return tags, nil
}

// Tag sets tags of a job: new ones, or new values of those whose keys it has. A
// job with more than Config.MaxTags is a TooManyTagsException, and is left as it
// was.
func (j *Jobs) Tag(ctx context.Context, caller outcrop.Caller, arn string, tags []bedrock.Tag) error {
	job, err := j.tagged(ctx, caller, arn)
	if err != nil {
		return err
	}
	if err := bedrock.Validate(&bedrock.TagResourceRequest{ResourceARN: arn, Tags: tags}); err != nil {
		return outcrop.AsError(err)
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	var tooMany error
	_, err = job.change(ctx, func(s *state) bool {
		merged := mergeTags(s.Tags, tags)
		if len(merged) > j.config.MaxTags {
			tooMany = outcrop.Errorf(bedrock.CodeTooManyTags, "%s would have %d tags; at most %d are allowed", s.ARN, len(merged), j.config.MaxTags)
			return false
		}
		same := slices.EqualFunc(merged, s.Tags, func(a, b bedrock.Tag) bool { return a.Key == b.Key && a.Value == b.Value })
		s.Tags = merged
		return !same
	})
	if err == nil {
		err = tooMany
	}
	return err
}

// Untag removes tags of a job by their keys. A key that it does not have is
// fine.
func (j *Jobs) Untag(ctx context.Context, caller outcrop.Caller, arn string, keys []string) error {
	job, err := j.tagged(ctx, caller, arn)
	if err != nil {
		return err
	}
	if err := bedrock.Validate(&bedrock.UntagResourceRequest{ResourceARN: arn, TagKeys: keys}); err != nil {
		return outcrop.AsError(err)
	}
	_, err = job.change(ctx, func(s *state) bool {
		before := len(s.Tags)
		s.Tags = slices.DeleteFunc(slices.Clone(s.Tags), func(t bedrock.Tag) bool { return slices.Contains(keys, t.Key) })
		return len(s.Tags) < before
	})
	return err
}

// tagged is the job with an ARN. Unlike elsewhere, its id alone is none.
func (j *Jobs) tagged(ctx context.Context, caller outcrop.Caller, arn string) (*job, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return nil, outcrop.Invalid("resourceARN", "%q is not an ARN", clip(arn))
	}
	return j.find(ctx, caller, arn)
}

// checkTags refuses what the request's own constraints let through.
func checkTags(tags []bedrock.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return outcrop.Invalid("tags", "the key %q begins with aws:, which is reserved", clip(t.Key))
		}
		if seen[t.Key] {
			return outcrop.Invalid("tags", "the key %q comes twice", clip(t.Key))
		}
		seen[t.Key] = true
	}
	return nil
}

// mergeTags is the old tags with the new ones set, in a slice of its own.
func mergeTags(old, set []bedrock.Tag) []bedrock.Tag {
	merged := slices.Clone(old)
	for _, t := range set {
		if i := slices.IndexFunc(merged, func(o bedrock.Tag) bool { return o.Key == t.Key }); i >= 0 {
			merged[i] = t
		} else {
			merged = append(merged, t)
		}
	}
	return merged
}
