package amazon_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// keys are those of one tenant.
func keys(t testing.TB) *sigv4.Keyring {
	t.Helper()
	ring := new(sigv4.Keyring)
	tenant, err := ring.AddTenant(sigv4.Tenant{Name: "team-a", Account: "123456789012"})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.AddKey(tenant, testKey, testPass); err != nil {
		t.Fatal(err)
	}
	if err := ring.AddToken(tenant, testToken); err != nil {
		t.Fatal(err)
	}
	return ring
}

const testToken = "a-bearer-token-of-forty-characters-or-so"

// outcropOver serves a back-end as a second Outcrop does, on loopback.
func outcropOver(t testing.TB, b outcrop.Backend, ring server.Keys) *httptest.Server {
	t.Helper()
	manager, err := outcrop.New(outcrop.Config{Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Manager: manager, Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(func() { listening.CloseClientConnections(); listening.Close() })
	return listening
}

func simulate(t testing.TB) *simulator.Backend {
	t.Helper()
	b, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConformance: the suite of all back-ends, in front of a second Outcrop
// that verifies signatures, or tokens, and simulates the models.
func TestConformance(t *testing.T) {
	for _, with := range []string{"signature", "token"} {
		t.Run(with, func(t *testing.T) {
			backendtest.Test(t, func(t *testing.T) outcrop.Backend {
				signedIn(t)
				if with == "token" {
					t.Setenv("AWS_BEARER_TOKEN_BEDROCK", testToken)
				}
				// Connections are not kept: the suite counts goroutines.
				return open(t, outcropOver(t, simulate(t), keys(t)).URL, func(c *amazon.Config) {
					c.Transport = &http.Transport{DisableKeepAlives: true}
				})
			}, backendtest.Options{
				ModelID: modelID,
				// An error's Field does not travel: Bedrock names the field in
				// the message.
				Without: []backendtest.Feature{backendtest.Checks},
			})
		})
	}
}

// TestSameBytes: what the second Outcrop answers comes back byte for byte,
// replies and streams, for ids and for ARNs.
func TestSameBytes(t *testing.T) {
	signedIn(t)
	direct := simulate(t)
	b := open(t, outcropOver(t, direct, keys(t)).URL)
	native := `{"anthropic_version":"bedrock-2023-05-31","max_tokens":60,"messages":[{"role":"user","content":"hello"}]}`
	for _, tt := range []struct{ operation, body string }{
		{bedrock.OpConverse, hello},
		{bedrock.OpConverseStream, hello},
		{bedrock.OpInvokeModel, native},
		{bedrock.OpInvokeModelWithResponseStream, native},
	} {
		for _, id := range []string{modelID, "us." + modelID, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + modelID} {
			call := func() *outcrop.Call { return outcrop.NewInvokeCall(tt.operation, id, []byte(tt.body)) }
			want, err := direct.Do(t.Context(), call())
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.Do(t.Context(), call())
			if err != nil {
				t.Fatalf("%s of %s: %v", tt.operation, id, err)
			}
			var wanted, gotten []byte
			if want.Stream != nil {
				wanted, _, err = collect(t, want.Stream)
				if err == nil {
					gotten, _, err = collect(t, got.Stream)
				}
			} else {
				wanted, err = want.Body()
				if err == nil {
					gotten, err = got.Body()
				}
			}
			if err != nil || !bytes.Equal(wanted, gotten) {
				t.Errorf("%s of %s: %d bytes, want %d (%v)", tt.operation, id, len(gotten), len(wanted), err)
			}
			if tt.operation == bedrock.OpInvokeModel && (got.Meta.Usage == nil || !reflect.DeepEqual(got.Meta.Usage, want.Meta.Usage) || got.Meta.ContentType != "application/json") {
				t.Errorf("meta %+v, want %+v", got.Meta, want.Meta)
			}
		}
	}
}

// recorder keeps what it is asked and passes it on.
type recorder struct {
	mu   sync.Mutex
	seen []seen
	next http.Handler
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := new(bytes.Buffer)
	_, _ = body.ReadFrom(req.Body)
	req.Body.Close()
	r.mu.Lock()
	r.seen = append(r.seen, seen{req.Method, req.RequestURI, req.Header.Clone(), body.String()})
	r.mu.Unlock()
	req.Body = http.NoBody
	copied := req.Clone(req.Context())
	copied.Body = readCloser{bytes.NewReader(body.Bytes())}
	r.next.ServeHTTP(w, copied)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// guarding stands for a service with guardrails, which let everything pass.
type guarding struct{ outcrop.Backend }

func (g guarding) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	asked, err := call.Converse()
	if err != nil {
		return nil, err
	}
	req := *asked
	req.GuardrailConfig = nil
	req.Messages = slices.Clone(req.Messages)
	for i := range req.Messages {
		req.Messages[i].Content = slices.DeleteFunc(slices.Clone(req.Messages[i].Content), func(b bedrock.ContentBlock) bool { return b.GuardContent != nil })
	}
	return g.Backend.Do(ctx, call.WithConverse(call.Operation, &req))
}

// TestBehindTheSDK: the SDK's typed client asks once directly and once through
// an Outcrop that forwards; the service sees the same request both times, and
// the client the same reply. guardrailConfig and guardContent are among it.
func TestBehindTheSDK(t *testing.T) {
	signedIn(t)
	simulated, err := outcrop.New(outcrop.Config{Backend: guarding{simulate(t)}})
	if err != nil {
		t.Fatal(err)
	}
	last, err := server.New(server.Config{Manager: simulated, Keys: keys(t)})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{next: last.Handler()}
	service := httptest.NewServer(rec)
	t.Cleanup(service.Close)
	forwarding := outcropOver(t, open(t, service.URL), nil)

	input := &bedrockruntime.ConverseInput{
		ModelId: aws.String("us." + modelID),
		Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{
			&types.ContentBlockMemberText{Value: "What is <quantum> computing? ✓"},
			&types.ContentBlockMemberGuardContent{Value: &types.GuardrailConverseContentBlockMemberText{Value: types.GuardrailConverseTextBlock{
				Text: aws.String("guarded"), Qualifiers: []types.GuardrailConverseContentQualifier{types.GuardrailConverseContentQualifierGuardContent},
			}}},
		}}},
		GuardrailConfig: &types.GuardrailConfiguration{GuardrailIdentifier: aws.String("gr1"), GuardrailVersion: aws.String("DRAFT"), Trace: types.GuardrailTraceEnabled},
		RequestMetadata: map[string]string{"project": "a b"},
	}
	var replies []*bedrockruntime.ConverseOutput
	for _, url := range []string{service.URL, forwarding.URL} {
		client := bedrockruntime.New(bedrockruntime.Options{
			Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testPass}, nil
			}),
		})
		out, err := client.Converse(t.Context(), input)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, out)
	}
	if len(rec.seen) != 2 {
		t.Fatalf("%d requests", len(rec.seen))
	}
	one, two := rec.seen[0], rec.seen[1]
	if one.uri != two.uri || one.method != two.method {
		t.Errorf("%s %s became %s %s", one.method, one.uri, two.method, two.uri)
	}
	if one.body != two.body {
		t.Errorf("%s became %s", one.body, two.body)
	}
	a := replies[0].Output.(*types.ConverseOutputMemberMessage).Value.Content[0].(*types.ContentBlockMemberText).Value
	b := replies[1].Output.(*types.ConverseOutputMemberMessage).Value.Content[0].(*types.ContentBlockMemberText).Value
	if a != b || a == "" {
		t.Errorf("%q became %q", a, b)
	}
}
