package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/doctor"
	"github.com/outcrop-ai/outcrop/local"
)

const (
	nova   = "us.amazon.nova-micro-v1:0"
	denied = `{"message":"User: arn:aws:iam::123456789012:user/ann is not authorized to perform: %s on resource: arn:aws:bedrock:us-west-2::foundation-model/x because no identity-based policy allows the %[1]s action"}`
)

// account is an AWS on loopback. Its members make it refuse, or say something
// else, by the word that stands in the path or the body of a request.
type account struct {
	deny   map[string]string // the word to the action that is missing
	answer map[string]string // the word to the answer
	ahead  time.Duration     // of its clock
	asked  []string

	stranger bool // it does not know the credentials
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what := r.URL.Path + " " + r.Header.Get("X-Amz-Target") + " " + string(body)
	a.asked = append(a.asked, r.Method+" "+what)
	w.Header().Set("Date", time.Now().Add(a.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	refuse := func(status int, code, text string) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
	if a.stranger && strings.Contains(what, "GetCallerIdentity") {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
		return
	}
	for word, action := range a.deny {
		if strings.Contains(what, word) {
			refuse(http.StatusForbidden, "AccessDeniedException", fmt.Sprintf(denied, action))
			return
		}
	}
	for word, answer := range a.answer {
		if strings.Contains(what, word) {
			io.WriteString(w, answer)
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/":
		refuse(http.StatusForbidden, "MissingAuthenticationTokenException", `{}`)
	case strings.Contains(what, "GetCallerIdentity"):
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>A</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case strings.Contains(what, "ListServiceQuotas"):
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		io.WriteString(w, `{"Quotas":[
			{"QuotaName":"Cross-region model inference tokens per minute for Amazon Nova Micro","Value":4000000},
			{"QuotaName":"Cross-region model inference requests per minute for Amazon Nova Micro","Value":2000},
			{"QuotaName":"On-demand model inference tokens per minute for Amazon Nova Micro","Value":7}]}`)
	case r.URL.Path == "/foundation-models":
		io.WriteString(w, `{"modelSummaries":[{"modelId":"amazon.nova-micro-v1:0","modelArn":"arn:aws:bedrock:us-west-2::foundation-model/x"}]}`)
	case r.URL.Path == "/inference-profiles":
		io.WriteString(w, `{"inferenceProfileSummaries":[]}`)
	case strings.HasPrefix(r.URL.Path, "/foundation-model-availability/"):
		io.WriteString(w, `{"modelId":"x","agreementAvailability":{"status":"AVAILABLE"},"authorizationStatus":"AUTHORIZED","entitlementAvailability":"AVAILABLE","regionAvailability":"AVAILABLE"}`)
	case strings.HasSuffix(r.URL.Path, "/count-tokens"):
		io.WriteString(w, `{"inputTokens":3}`)
	case strings.Contains(r.URL.Path, "/converse"):
		refuse(http.StatusBadRequest, "ValidationException", `{"message":"A conversation must start with a user message."}`)
	case r.URL.Path == "/model-invocation-jobs":
		io.WriteString(w, `{"invocationJobSummaries":[]}`)
	default:
		refuse(http.StatusNotFound, "UnknownOperationException", `{}`)
	}
}

// examine looks at a configuration, with nothing of the developer's own AWS.
func examine(t *testing.T, text string) []doctor.Finding {
	t.Helper()
	s, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	opened, closeAll := local.OpenEach(s)
	t.Cleanup(func() { _ = closeAll() })
	return doctor.Examine(t.Context(), opened, doctor.Options{Timeout: 5 * time.Second})
}

func signedIn(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "OUTCROP_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
}

func aws(t *testing.T, a *account) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
}

func find(t *testing.T, findings []doctor.Finding, check string) doctor.Finding {
	t.Helper()
	for _, f := range findings {
		if f.Check == check {
			return f
		}
	}
	text, _ := json.MarshalIndent(findings, "", " ")
	t.Fatalf("no check %s in %s", check, text)
	return doctor.Finding{}
}

// TestAHealthyAccount: everything is ok, and nobody was made to answer.
func TestAHealthyAccount(t *testing.T) {
	signedIn(t)
	a := &account{}
	aws(t, a)
	findings := examine(t, "backend: amazon\nmodel: "+nova)
	for _, f := range findings {
		if f.Status != doctor.OK || f.Advice != "" {
			t.Errorf("%+v", f)
		}
	}
	for check, want := range map[string]string{
		"identity": "arn:aws:iam::123456789012:user/ann in account 123456789012 (environment AWS_ACCESS_KEY_ID)",
		"region":   "us-west-2 (default)", "profile": "none (default: the environment holds credentials)",
		"available": nova, "quota": nova + ": 2,000 requests per minute, 4,000,000 tokens per minute", "batch": "jobs can be listed", "count": "3 for a hello",
	} {
		if f := find(t, findings, check); !strings.Contains(f.Detail, want) {
			t.Errorf("%s: %q, want %q", check, f.Detail, want)
		}
	}
	for _, asked := range a.asked {
		if strings.Contains(asked, "/converse") && !strings.HasSuffix(asked, `{"messages":[]}`) {
			t.Errorf("a model was asked: %s", asked)
		}
	}
}

// TestWhatIsWrong: each trouble is found, graded, and told what to do about.
func TestWhatIsWrong(t *testing.T) {
	const unavailable = `{"agreementAvailability":{"status":"%s"},"authorizationStatus":"AUTHORIZED","entitlementAvailability":"%s","regionAvailability":"%s"}`
	for _, tt := range []struct {
		name, check string
		account     account
		model       string
		status      doctor.Status
		detail      string
		advice      string
	}{
		{
			name: "no permission to invoke", check: "invoke", account: account{deny: map[string]string{`{"messages":[]}`: "bedrock:InvokeModel"}}, status: doctor.Fail,
			detail: "not authorized to perform: bedrock:InvokeModel", advice: "allow bedrock:InvokeModel on arn:aws:bedrock:us-west-2::foundation-model/x",
		},
		{
			name: "no permission to stream", check: "stream", account: account{deny: map[string]string{"/converse-stream": "bedrock:InvokeModelWithResponseStream"}}, status: doctor.Fail,
			advice: "allow bedrock:InvokeModelWithResponseStream on",
		},
		{name: "no permission to count", check: "count", account: account{deny: map[string]string{"/count-tokens": "bedrock:CountTokens"}}, status: doctor.Warn, advice: "allow bedrock:CountTokens on"},
		{name: "no permission to list", check: "models", account: account{deny: map[string]string{"/foundation-models": "bedrock:ListFoundationModels"}}, status: doctor.Warn, advice: "allow bedrock:ListFoundationModels"},
		{name: "no permission for quotas", check: "quotas", account: account{deny: map[string]string{"ListServiceQuotas": "servicequotas:ListServiceQuotas"}}, status: doctor.Warn, advice: "allow servicequotas:ListServiceQuotas"},
		{name: "no permission for jobs", check: "batch", account: account{deny: map[string]string{"/model-invocation-jobs": "bedrock:ListModelInvocationJobs"}}, status: doctor.Warn, advice: "allow bedrock:ListModelInvocationJobs"},
		{
			name: "no such credentials", check: "identity", account: account{stranger: true}, status: doctor.Fail,
			detail: "The security token included in the request is invalid", advice: "check the credentials",
		},
		{
			name: "another Region", check: "available", account: account{answer: map[string]string{"availability": fmt.Sprintf(unavailable, "AVAILABLE", "AVAILABLE", "NOT_AVAILABLE")}}, status: doctor.Fail,
			detail: "is not in us-west-2", advice: "choose a Region that has it",
		},
		{
			name: "terms not accepted", check: "available", account: account{answer: map[string]string{"availability": fmt.Sprintf(unavailable, "NOT_AVAILABLE", "NOT_AVAILABLE", "AVAILABLE")}}, status: doctor.Fail,
			detail: "the agreement with its provider is NOT_AVAILABLE", advice: "accept its terms",
		},
		{name: "no access", check: "available", account: account{answer: map[string]string{"availability": fmt.Sprintf(unavailable, "AVAILABLE", "NOT_AVAILABLE", "AVAILABLE")}}, status: doctor.Fail, detail: "no access"},
		{
			name: "a quota of nothing", check: "quota", account: account{answer: map[string]string{"ListServiceQuotas": `{"Quotas":[{"QuotaName":"Cross-Region model inference tokens per minute for Amazon Nova Micro V1","Value":0}]}`}}, status: doctor.Fail,
			detail: "0 tokens per minute", advice: "ask AWS to raise it",
		},
		{name: "no quota of that name", check: "quota", account: account{answer: map[string]string{"ListServiceQuotas": `{"Quotas":[]}`}}, status: doctor.Warn, detail: "no quota has the name of Nova Micro"},
		{name: "a clock that is wrong", check: "clock", account: account{ahead: 10 * time.Minute}, status: doctor.Fail, detail: "behind the service", advice: "set this machine's clock"},
		{name: "a clock that is off", check: "clock", account: account{ahead: -2 * time.Minute}, status: doctor.Warn, detail: "ahead of the service"},
		{
			name: "a model without a profile", check: "access", model: "anthropic.claude-sonnet-4-5-20250929-v1:0", status: doctor.Fail,
			detail: "answers under an inference profile only", advice: "use us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signedIn(t)
			aws(t, &tt.account)
			if tt.model == "" {
				tt.model = nova
			}
			findings := examine(t, "backend: amazon\nmodel: "+tt.model)
			f := find(t, findings, tt.check)
			if f.Status != tt.status || !strings.Contains(f.Detail, tt.detail) || !strings.Contains(f.Advice, tt.advice) {
				t.Errorf("%+v", f)
			}
			if f.Status != doctor.OK && f.Advice == "" {
				t.Errorf("no advice: %+v", f)
			}
			if (doctor.Failed(findings) > 0) != (tt.status == doctor.Fail) {
				t.Errorf("%d failed: %+v", doctor.Failed(findings), findings)
			}
		})
	}
}

// TestNobodyThere: what cannot be reached, or opened, is one failure and no
// more.
func TestNobodyThere(t *testing.T) {
	for _, tt := range []struct{ name, text, check, advice string }{
		{"AWS", "backend: amazon\nbackends: {amazon: {kind: amazon, endpoint: 'http://127.0.0.1:1'}}", "reachable", "check the network"},
		{"an engine", "backends: {e: {kind: openai, baseUrl: 'http://127.0.0.1:1/v1'}}", "reachable", "start the server"},
		{"a key", "backends: {e: {kind: openai, baseUrl: 'http://127.0.0.1:1/v1', apiKeyEnv: OUTCROP_NO_KEY}}", "configuration", "outcrop config check"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signedIn(t)
			findings := examine(t, tt.text)
			f := find(t, findings, tt.check)
			if f.Status != doctor.Fail || !strings.Contains(f.Advice, tt.advice) || doctor.Failed(findings) != 1 {
				t.Errorf("%+v", findings)
			}
		})
	}
}

// TestAnotherServerForBedrock: where only Bedrock's endpoint is another
// server's, AWS is asked nothing.
func TestAnotherServerForBedrock(t *testing.T) {
	signedIn(t)
	a := &account{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	findings := examine(t, "backend: b\nmodel: "+nova+"\nbackends: {b: {kind: amazon, endpoint: '"+server.URL+"'}}")
	if f := find(t, findings, "identity"); f.Status != doctor.OK || !strings.Contains(f.Detail, "not AWS's") {
		t.Errorf("%+v", f)
	}
	if f := find(t, findings, "endpoint"); f.Status != doctor.Warn || !strings.Contains(f.Advice, "this machine answers") {
		t.Errorf("%+v", f)
	}
	if n := doctor.Failed(findings); n != 0 {
		t.Errorf("%d failed: %+v", n, findings)
	}
	for _, asked := range a.asked {
		if strings.Contains(asked, "GetCallerIdentity") || strings.Contains(asked, "ListServiceQuotas") {
			t.Errorf("asked %s", asked)
		}
	}
}

// TestSimulator: the models that the settings name are looked for, those behind
// aliases too.
func TestSimulator(t *testing.T) {
	signedIn(t)
	findings := examine(t, "aliases: {fast: "+nova+", quick: amazon.nova-quick}")
	if f := find(t, findings, "access"); f.Status != doctor.Fail || !strings.Contains(f.Detail, "amazon.nova-quick") || doctor.Failed(findings) != 1 {
		t.Errorf("%+v", findings)
	}
}

// TestEngine: the models that are configured are looked for.
func TestEngine(t *testing.T) {
	signedIn(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"object":"list","data":[{"id":"tiny:latest"},{"id":"small:1b"}]}`)
	}))
	t.Cleanup(server.Close)
	base := "backends: {e: {kind: openai, baseUrl: '" + server.URL + "/v1'"
	findings := examine(t, base+", model: tiny}}")
	if f := find(t, findings, "model"); f.Status != doctor.OK || f.Detail != "tiny" {
		t.Errorf("%+v", f)
	}
	if f := find(t, findings, "engine"); f.Status != doctor.OK || !strings.Contains(f.Detail, "backends.e.engine says so") {
		t.Errorf("%+v", f)
	}
	if f := find(t, examine(t, base+", engine: vllm}}"), "engine"); f.Status != doctor.OK || f.Detail != "vllm" {
		t.Errorf("%+v", f)
	}
	findings = examine(t, base+"}}\nmodel: big")
	if f := find(t, findings, "model"); f.Status != doctor.Warn || !strings.Contains(f.Advice, "small:1b") || doctor.Failed(findings) != 0 {
		t.Errorf("%+v", f)
	}
}

// TestCancelled: a context that is over ends the examination.
func TestCancelled(t *testing.T) {
	signedIn(t)
	aws(t, &account{})
	s, err := config.Parse("outcrop.yaml", []byte("backend: amazon"), config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	opened, closeAll := local.OpenEach(s)
	t.Cleanup(func() { _ = closeAll() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n := doctor.Failed(doctor.Examine(ctx, opened, doctor.Options{})); n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
}
