package catalog_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/catalog"
)

func TestResolveTakesIDsProfilesAndARNs(t *testing.T) {
	const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	for _, c := range []struct{ id, model, profile string }{
		{sonnet, sonnet, ""},
		{"us." + sonnet, sonnet, "us." + sonnet},
		{"global." + sonnet, sonnet, "global." + sonnet},
		{"arn:aws:bedrock:eu-west-1::foundation-model/" + sonnet, sonnet, ""},
		{"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + sonnet, sonnet, "us." + sonnet},
		{"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/" + sonnet, sonnet, ""},
	} {
		m, ok := catalog.Default().Resolve(c.id)
		if !ok || m.Model.ID != c.model {
			t.Errorf("%s: found %v, want model %s", c.id, m.Model, c.model)
			continue
		}
		switch {
		case c.profile == "" && m.Profile != nil:
			t.Errorf("%s: profile %s, want none", c.id, m.Profile.ID)
		case c.profile != "" && (m.Profile == nil || m.Profile.ID != c.profile):
			t.Errorf("%s: profile %v, want %s", c.id, m.Profile, c.profile)
		}
	}
	for _, id := range []string{"", "claude", "moon." + sonnet, sonnet + " ", "arn:aws:s3:::" + sonnet, "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/" + sonnet} {
		if m, ok := catalog.Default().Resolve(id); ok {
			t.Errorf("%q: found %s, want nothing", id, m.Model.ID)
		}
	}
}

// TestFacts checks what can be checked of the data without asking AWS.
func TestFacts(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9-]{1,63}[.][a-z0-9-]{1,63}([.][a-z0-9-]{1,63})?(:[a-z0-9-]{1,63}){0,2}$`)
	region := regexp.MustCompile(`^[a-z]{2}-[a-z]+-\d$`)
	providers := map[string]bool{}
	models := catalog.Default().Models()
	if len(models) < 45 {
		t.Errorf("%d models, want 45 or more", len(models))
	}
	for _, m := range models {
		providers[m.Provider] = true
		if !id.MatchString(m.ID) {
			t.Errorf("%s is no model id", m.ID)
		}
		if m.Name == "" || len(m.Input) == 0 || len(m.Output) == 0 {
			t.Errorf("%s: name, input or output is missing", m.ID)
		}
		if m.Lifecycle != catalog.Active && m.Lifecycle != catalog.Legacy {
			t.Errorf("%s: lifecycle %q", m.ID, m.Lifecycle)
		}
		if m.MaxOutput > m.Context && m.Context > 0 || m.Context < 0 || m.MaxOutput < 0 {
			t.Errorf("%s: %d output tokens in a window of %d", m.ID, m.MaxOutput, m.Context)
		}
		if !m.OnDemand && len(m.Profiles) == 0 {
			t.Errorf("%s answers neither on demand nor through a profile", m.ID)
		}
		for _, p := range m.Profiles {
			if !strings.HasSuffix(p.ID, "."+m.ID) || len(p.Regions) == 0 || len(p.ID) > 64 {
				t.Errorf("%s: profile %+v", m.ID, p)
			}
			for _, r := range p.Regions {
				if !region.MatchString(r) {
					t.Errorf("%s: profile %s runs in %q", m.ID, p.ID, r)
				}
			}
		}
	}
	for _, want := range []string{"AI21 Labs", "Amazon", "Anthropic", "Cohere", "DeepSeek", "Meta", "Mistral AI", "OpenAI", "Qwen", "Stability AI"} {
		if !providers[want] {
			t.Errorf("no model of %s", want)
		}
	}
}

func TestWithOverridesAndAliases(t *testing.T) {
	const arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
	c, err := catalog.Default().With(
		[]catalog.Model{{ID: "amazon.nova-lite-v1:0", Name: "Nova Lite", MaxOutput: 7}, {ID: "acme.tiny-v1", Name: "Tiny"}},
		map[string]string{arn: "acme.tiny-v1", "fast": "us.amazon.nova-micro-v1:0"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := c.Resolve("amazon.nova-lite-v1:0"); !ok || m.Model.MaxOutput != 7 {
		t.Errorf("the override is not there: %+v", m)
	}
	if m, ok := c.Resolve(arn); !ok || m.Model.ID != "acme.tiny-v1" {
		t.Errorf("the alias is not there: %+v", m)
	}
	if m, ok := c.Resolve("fast"); !ok || m.Profile == nil || m.Profile.ID != "us.amazon.nova-micro-v1:0" {
		t.Errorf("the alias of a profile is not there: %+v", m)
	}
	if m, _ := catalog.Default().Resolve("amazon.nova-lite-v1:0"); m.Model.MaxOutput == 7 {
		t.Error("With changed the catalogue it was called on")
	}
	_, err = c.With(nil, map[string]string{"slow": "nobody.knows-it"})
	if err == nil || !strings.Contains(err.Error(), "slow") || !strings.Contains(err.Error(), "nobody.knows-it") {
		t.Errorf("alias for nothing: %v", err)
	}
}

func BenchmarkResolve(b *testing.B) {
	b.ReportAllocs()
	c := catalog.Default()
	for b.Loop() {
		c.Resolve("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0")
	}
}
