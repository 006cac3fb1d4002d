package amazon_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/outcrop-ai/outcrop/backend/amazon"
)

const twoProfiles = `[default]
region = eu-west-1
[profile aws]
region = ap-southeast-2
[profile plain]
[profile local]
region = us-east-2
services = here
endpoint_url = http://127.0.0.1:1/all
[services here]
bedrock_runtime =
  endpoint_url = http://127.0.0.1:8777
`

const overlaid = `[default]
region = eu-west-1
[profile aws]
region = us-west-2
services = outcrop
[services outcrop]
bedrock_runtime =
  endpoint_url = http://127.0.0.1:8777
`

const twoKeys = `[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = x
[aws]
aws_access_key_id = AKIDAWS
aws_secret_access_key = x
`

// TestWhere is the rule for profile, Region and endpoint, case by case.
func TestWhere(t *testing.T) {
	const aws = "https://bedrock-runtime."
	for _, tt := range []struct {
		name                      string
		file                      string
		env                       map[string]string
		config                    amazon.Config
		profile, region, endpoint string // value, and what decided it in brackets
	}{
		{
			name: "nothing at all", profile: " [default: there is no profile named aws]",
			region: "us-west-2 [default]", endpoint: aws + "us-west-2.amazonaws.com [default]",
		},
		{
			name: "the profile named aws", file: twoProfiles, profile: "aws [default: there is a profile of this name]",
			region: "ap-southeast-2 [profile aws]", endpoint: aws + "ap-southeast-2.amazonaws.com [default]",
		},
		{
			name: "the profile named aws, as python-overlay leaves it", file: overlaid, profile: " [default: the profile aws leads to an Outcrop server]",
			region: "eu-west-1 [profile default]", endpoint: aws + "eu-west-1.amazonaws.com [default]",
		},
		{
			name: "the same, when it is named", file: overlaid, config: amazon.Config{Flag: amazon.Choice{Profile: "aws"}}, profile: "aws [flag]",
			region: "us-west-2 [profile aws]", endpoint: "http://127.0.0.1:8777 [profile aws, services outcrop]",
		},
		{
			name: "a flag before all", file: twoProfiles, env: map[string]string{"AWS_PROFILE": "default", "AWS_REGION": "eu-north-1"},
			config:  amazon.Config{Flag: amazon.Choice{Profile: "plain", Region: "us-gov-west-1"}, File: amazon.Choice{Profile: "default", Region: "sa-east-1"}},
			profile: "plain [flag]", region: "us-gov-west-1 [flag]", endpoint: aws + "us-gov-west-1.amazonaws.com [default]",
		},
		{
			name: "the environment before the file", file: twoProfiles, env: map[string]string{"AWS_PROFILE": "default", "AWS_REGION": "eu-north-1"},
			config:  amazon.Config{File: amazon.Choice{Profile: "plain", Region: "sa-east-1"}},
			profile: "default [environment AWS_PROFILE]", region: "eu-north-1 [environment AWS_REGION]", endpoint: aws + "eu-north-1.amazonaws.com [default]",
		},
		{
			name: "the file before the default", file: twoProfiles, config: amazon.Config{File: amazon.Choice{Profile: "plain", Region: "sa-east-1"}},
			profile: "plain [configuration file]", region: "sa-east-1 [configuration file]", endpoint: aws + "sa-east-1.amazonaws.com [default]",
		},
		{
			name: "a profile without a region", file: twoProfiles, config: amazon.Config{Flag: amazon.Choice{Profile: "plain"}},
			profile: "plain [flag]", region: "us-west-2 [default]", endpoint: aws + "us-west-2.amazonaws.com [default]",
		},
		{
			name: "keys in the environment", file: twoProfiles, env: map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "x"},
			profile: " [default: the environment holds credentials]", region: "eu-west-1 [profile default]", endpoint: aws + "eu-west-1.amazonaws.com [default]",
		},
		{
			name: "the services section", file: twoProfiles, env: map[string]string{"AWS_PROFILE": "local"},
			profile: "local [environment AWS_PROFILE]", region: "us-east-2 [profile local]", endpoint: "http://127.0.0.1:8777 [profile local, services here]",
		},
		{
			name: "an endpoint for all services", file: twoProfiles, env: map[string]string{"AWS_PROFILE": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:2"},
			profile: "local [environment AWS_PROFILE]", region: "us-east-2 [profile local]", endpoint: "http://127.0.0.1:2 [environment AWS_ENDPOINT_URL]",
		},
		{
			name: "an endpoint for this service", file: twoProfiles,
			env:     map[string]string{"AWS_PROFILE": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:3"},
			profile: "local [environment AWS_PROFILE]", region: "us-east-2 [profile local]", endpoint: "http://127.0.0.1:3 [environment AWS_ENDPOINT_URL_BEDROCK_RUNTIME]",
		},
		{
			name: "endpoints ignored", file: twoProfiles,
			env:     map[string]string{"AWS_PROFILE": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			profile: "local [environment AWS_PROFILE]", region: "us-east-2 [profile local]", endpoint: aws + "us-east-2.amazonaws.com [default]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := ""
			if tt.file != "" {
				keys = twoKeys
			}
			isolate(t, tt.file, keys)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			place, err := amazon.Where(t.Context(), tt.config)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []struct {
				name string
				got  amazon.Setting
				want string
			}{{"profile", place.Profile, tt.profile}, {"region", place.Region, tt.region}, {"endpoint", place.Endpoint, tt.endpoint}} {
				if got := s.got.Value + " [" + s.got.From + "]"; got != s.want {
					t.Errorf("%s: %s, want %s", s.name, got, s.want)
				}
			}
		})
	}
}

// TestWhereErrors: what cannot be is refused by name, before any call.
func TestWhereErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		config amazon.Config
		want   string
	}{
		"a profile that is not there": {amazon.Config{Flag: amazon.Choice{Profile: "nobody"}}, "nobody"},
		"a region that is none":       {amazon.Config{Flag: amazon.Choice{Region: "evil.example/"}}, "no name of a Region"},
		"an endpoint that is no URL":  {amazon.Config{Flag: amazon.Choice{Endpoint: "localhost:8777"}}, "no http or https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, "", "")
			if _, err := amazon.Where(t.Context(), tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestHosts: AWS's own host names are those of the SDK's endpoint rules, in
// every partition, with FIPS and dual stack.
func TestHosts(t *testing.T) {
	resolver := bedrockruntime.NewDefaultEndpointResolverV2()
	yes, no := true, false
	for _, region := range []string{
		"us-east-1", "us-west-2", "eu-central-1", "ap-southeast-7", "mx-central-1", "us-gov-west-1",
		"cn-north-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1",
	} {
		for _, fips := range []bool{false, true} {
			for _, dual := range []bool{false, true} {
				params := bedrockruntime.EndpointParameters{Region: &region, UseFIPS: &no, UseDualStack: &no}
				isolate(t, "", "")
				if fips {
					params.UseFIPS = &yes
					t.Setenv("AWS_USE_FIPS_ENDPOINT", "true")
				}
				if dual {
					params.UseDualStack = &yes
					t.Setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
				}
				want, err := resolver.ResolveEndpoint(context.Background(), params)
				if err != nil { // a combination that the partition lacks
					continue
				}
				place, err := amazon.Where(t.Context(), amazon.Config{Flag: amazon.Choice{Region: region}})
				if err != nil {
					t.Fatal(err)
				}
				got, err := url.Parse(place.Endpoint.Value)
				if err != nil || got.Host != want.URI.Host {
					t.Errorf("%s, FIPS %v, dual stack %v: %s, want %s", region, fips, dual, place.Endpoint.Value, want.URI.Host)
				}
			}
		}
	}
}
