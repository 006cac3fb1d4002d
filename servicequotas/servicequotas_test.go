package servicequotas_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/servicequotas"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limits gives every model and scope other numbers.
func limits(model, scope string) servicequotas.Limits {
	n := int64(len(model)*1000 + len(scope))
	return servicequotas.Limits{TokensPerMinute: n, RequestsPerMinute: n + 1, TokensPerDay: n + 2, ConcurrentJobs: len(model)}
}

// TestEveryModelIsFoundByItsName: what is listed can be read back.
func TestEveryModelIsFoundByItsName(t *testing.T) {
	known := catalog.Default()
	list := servicequotas.List(known, limits)
	models, unknown := servicequotas.Read(known, list)
	if len(unknown) > 0 {
		t.Errorf("names that are not found: %v", unknown)
	}
	found := map[string]bool{}
	same := map[string]int{} // models of one name share their quotas
	for _, m := range known.Models() {
		same[m.Provider+m.Name]++
	}
	for _, m := range models {
		found[m.ID] = true
		match, _ := known.Resolve(m.ID)
		if same[match.Model.Provider+match.Model.Name] == 1 && m.Limits != limits(m.ID, m.Scope) {
			t.Errorf("%s %s: %+v, want %+v", m.ID, m.Scope, m.Limits, limits(m.ID, m.Scope))
		}
	}
	for _, m := range known.Models() {
		if !found[m.ID] {
			t.Errorf("%s (%s) is not there", m.ID, m.Name)
		}
	}
}

// TestNamesAsAWSWritesThem: capitals, order and versions vary.
func TestNamesAsAWSWritesThem(t *testing.T) {
	for name, want := range map[string]servicequotas.Model{
		"On-demand model inference tokens per minute for Anthropic Claude 3.5 Sonnet V2":                          {ID: "anthropic.claude-3-5-sonnet-20241022-v2:0", Scope: "in-region", Limits: servicequotas.Limits{TokensPerMinute: 7}},
		"On-demand model inference requests per minute for Anthropic Claude 3.5 Sonnet":                           {ID: "anthropic.claude-3-5-sonnet-20240620-v1:0", Scope: "in-region", Limits: servicequotas.Limits{RequestsPerMinute: 7}},
		"Cross-Region model inference tokens per minute for Anthropic Claude Sonnet 4.5 V1":                       {ID: "anthropic.claude-sonnet-4-5-20250929-v1:0", Scope: "geo", Limits: servicequotas.Limits{TokensPerMinute: 7}},
		"Global cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5":                    {ID: "anthropic.claude-haiku-4-5-20251001-v1:0", Scope: "global", Limits: servicequotas.Limits{TokensPerMinute: 7}},
		"Cross-region model inference requests per minute for Amazon Nova Pro":                                    {ID: "amazon.nova-pro-v1:0", Scope: "geo", Limits: servicequotas.Limits{RequestsPerMinute: 7}},
		"Model invocation max tokens per day for Anthropic Claude Sonnet 4.5 V1 (doubled for cross-region calls)": {ID: "anthropic.claude-sonnet-4-5-20250929-v1:0", Scope: "in-region", Limits: servicequotas.Limits{TokensPerDay: 7}},
		"On-demand model inference requests per minute for Meta Llama 3.1 8B Instruct":                            {ID: "meta.llama3-1-8b-instruct-v1:0", Scope: "in-region", Limits: servicequotas.Limits{RequestsPerMinute: 7}},
		"On-demand model inference tokens per minute for Cohere Command R Plus":                                   {ID: "cohere.command-r-plus-v1:0", Scope: "in-region", Limits: servicequotas.Limits{TokensPerMinute: 7}},
	} {
		models, unknown := servicequotas.Read(catalog.Default(), []servicequotas.Quota{{Name: name, Value: 7}, {Name: "Number of guardrails", Value: 100}})
		if len(models) != 1 || models[0] != want || len(unknown) != 0 {
			t.Errorf("%s: read as %+v, %v; want %+v", name, models, unknown, want)
		}
	}
	strange := servicequotas.Quota{Name: "On-demand model inference tokens per minute for Acme Anvil V1", Value: 7}
	if models, unknown := servicequotas.Read(catalog.Default(), []servicequotas.Quota{strange}); len(models) != 0 || len(unknown) != 1 {
		t.Errorf("a model nobody knows: %v, %v", models, unknown)
	}
}

func client(url, key, secret string) *api.Client {
	return api.New(api.Options{
		Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
	})
}

// TestTheSDKAsks: aws-sdk-go-v2's own client, page by page and one by one.
func TestTheSDKAsks(t *testing.T) {
	ring := new(sigv4.Keyring)
	team, err := ring.AddTenant(sigv4.Tenant{Name: "team", Account: "123456789012"})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.AddKey(team, "AKIDEXAMPLE", "secret"); err != nil {
		t.Fatal(err)
	}
	quotas := servicequotas.List(catalog.Default(), limits)
	server := httptest.NewServer(&servicequotas.Handler{
		Quotas: func() []servicequotas.Quota { return quotas }, Account: "000000000000", Region: "us-east-1",
		Verifier: &sigv4.Verifier{Keys: ring, Services: []string{servicequotas.Service}},
	})
	defer server.Close()
	c := client(server.URL, "AKIDEXAMPLE", "secret")
	var listed []types.ServiceQuota
	pages := api.NewListServiceQuotasPaginator(c, &api.ListServiceQuotasInput{ServiceCode: aws.String("bedrock"), MaxResults: aws.Int32(50)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Quotas) > 50 {
			t.Fatalf("%d on a page", len(page.Quotas))
		}
		listed = append(listed, page.Quotas...)
	}
	if len(listed) != len(quotas) {
		t.Fatalf("%d listed, want %d", len(listed), len(quotas))
	}
	for i, q := range listed {
		if *q.QuotaName != quotas[i].Name || *q.Value != quotas[i].Value || *q.QuotaCode != quotas[i].Code ||
			*q.QuotaArn != "arn:aws:servicequotas:eu-west-1:123456789012:bedrock/"+quotas[i].Code {
			t.Fatalf("quota %d is %+v", i, q)
		}
	}
	one, err := c.GetServiceQuota(t.Context(), &api.GetServiceQuotaInput{ServiceCode: aws.String("bedrock"), QuotaCode: &quotas[3].Code})
	if err != nil || *one.Quota.QuotaName != quotas[3].Name {
		t.Errorf("got %+v, %v", one, err)
	}
	for name, ask := range map[string]func() error{
		"NoSuchResourceException": func() error {
			_, err := c.GetServiceQuota(t.Context(), &api.GetServiceQuotaInput{ServiceCode: aws.String("bedrock"), QuotaCode: aws.String("L-0")})
			return err
		},
		"UnknownOperationException": func() error {
			_, err := c.ListServices(t.Context(), &api.ListServicesInput{})
			return err
		},
		"InvalidPaginationTokenException": func() error {
			_, err := c.ListServiceQuotas(t.Context(), &api.ListServiceQuotasInput{ServiceCode: aws.String("bedrock"), NextToken: aws.String("x")})
			return err
		},
		"UnrecognizedClientException": func() error {
			_, err := client(server.URL, "nobody", "x").ListServiceQuotas(t.Context(), &api.ListServiceQuotasInput{ServiceCode: aws.String("bedrock")})
			return err
		},
		"InvalidSignatureException": func() error {
			_, err := client(server.URL, "AKIDEXAMPLE", "wrong").ListServiceQuotas(t.Context(), &api.ListServiceQuotasInput{ServiceCode: aws.String("bedrock")})
			return err
		},
	} {
		err := ask()
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != name {
			t.Errorf("want %s, got %v", name, err)
		}
	}
}

// FuzzRead: names of any kind are read or not, and never mistaken for a kind
// they are not of.
func FuzzRead(f *testing.F) {
	f.Add("On-demand model inference tokens per minute for Amazon Nova Lite", 7.0)
	f.Add("Global cross-region model inference requests per minute for (", 0.0)
	f.Fuzz(func(t *testing.T, name string, value float64) {
		models, _ := servicequotas.Read(catalog.Default(), []servicequotas.Quota{{Name: name, Value: value}})
		for _, m := range models {
			if _, ok := catalog.Default().Resolve(m.ID); !ok || !strings.Contains(strings.ToLower(name), " for ") {
				t.Errorf("%q was read as %+v", name, m)
			}
		}
	})
}
