package batch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestTags(t *testing.T) {
	f := newFixture(t, Config{})
	req := inline(`{}`)
	req.Tags = []bedrock.Tag{{Key: "team", Value: "a"}, {Key: "cost", Value: "1"}}
	arn := f.create(req)
	has := func(want ...string) {
		t.Helper()
		tags, err := f.Tags(t.Context(), alice, arn)
		var got []string
		for _, tag := range tags {
			got = append(got, tag.Key+"="+tag.Value)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the tags are %v, error %v; want %v", got, err, want)
		}
	}
	has("team=a", "cost=1")
	for range 2 { // what is done twice is done once
		if err := f.Tag(t.Context(), alice, arn, []bedrock.Tag{{Key: "cost", Value: "2"}, {Key: "new", Value: "x"}}); err != nil {
			t.Fatal(err)
		}
		has("team=a", "cost=2", "new=x")
	}
	for range 2 {
		if err := f.Untag(t.Context(), alice, arn, []string{"team", "never"}); err != nil {
			t.Fatal(err)
		}
		has("cost=2", "new=x")
	}

	var many []bedrock.Tag
	for i := range 49 {
		many = append(many, bedrock.Tag{Key: fmt.Sprint("k", i), Value: "v"})
	}
	if err := f.Tag(t.Context(), alice, arn, many); code(err) != bedrock.CodeTooManyTags {
		t.Errorf("51 tags: error %v, want a TooManyTagsException", err)
	}
	has("cost=2", "new=x")
	if err := f.Tag(t.Context(), alice, arn, many[:48]); err != nil {
		t.Errorf("50 tags: %v", err)
	}
	for name, c := range map[string]struct {
		arn  string
		tags []bedrock.Tag
		want string
	}{
		"an empty key":      {arn, []bedrock.Tag{{Value: "x"}}, bedrock.CodeValidation},
		"a reserved key":    {arn, []bedrock.Tag{{Key: "AWS:x", Value: "1"}}, bedrock.CodeValidation},
		"a key twice":       {arn, []bedrock.Tag{{Key: "x", Value: "1"}, {Key: "x", Value: "1"}}, bedrock.CodeValidation},
		"a key too long":    {arn, []bedrock.Tag{{Key: strings.Repeat("x", 129)}}, bedrock.CodeValidation},
		"another character": {arn, []bedrock.Tag{{Key: "a!", Value: "1"}}, bedrock.CodeValidation},
		"an id":             {id(arn), many[:1], bedrock.CodeValidation},
		"no such job":       {strings.TrimSuffix(arn, id(arn)) + "aaaaaaaaaaaa", many[:1], bedrock.CodeResourceNotFound},
	} {
		if err := f.Tag(t.Context(), alice, c.arn, c.tags); code(err) != c.want {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	if _, err := f.Tags(t.Context(), outcrop.Caller{Account: "999999999999"}, arn); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("another account: error %v, want a ResourceNotFoundException", err)
	}
	req = inline(`{}`)
	req.Tags = append(many, bedrock.Tag{Key: "a", Value: "1"}, bedrock.Tag{Key: "b", Value: "1"})
	if _, err := f.Create(t.Context(), alice, req); code(err) != bedrock.CodeValidation || !strings.Contains(err.Error(), "at most 50") {
		t.Errorf("a job with 51 tags: error %v", err)
	}
}
