package amazon_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestRoles: each tenant's calls go out in his own role, whose credentials are
// fetched once; callers without one go out with the plain credentials.
func TestRoles(t *testing.T) {
	signedIn(t)
	var mu sync.Mutex
	var assumed []string
	token := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		assumed = append(assumed, r.Form.Get("RoleArn")+" "+r.Form.Get("RoleSessionName")+" "+r.Form.Get("ExternalId"))
		name := r.Form.Get("RoleArn")[strings.LastIndex(r.Form.Get("RoleArn"), "/")+1:]
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
			<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/x/y</Arn><AssumedRoleId>x:y</AssumedRoleId></AssumedRoleUser>
			<Credentials><AccessKeyId>ASIA%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-of-%s</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			strings.ToUpper(name), name, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	t.Setenv("AWS_ENDPOINT_URL_STS", token.URL)
	var got []string
	service := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		key = strings.TrimPrefix(key[:strings.Index(key, "/")], "AWS4-HMAC-SHA256 Credential=")
		got = append(got, key+" "+r.Header.Get("X-Amz-Security-Token"))
		fmt.Fprint(w, `{}`)
	})
	b := open(t, service.URL, func(c *amazon.Config) {
		c.AssumeRole = amazon.Roles(map[string]amazon.Role{
			"team a/ü": {ARN: "arn:aws:iam::123456789012:role/a", ExternalID: "ext"},
			"team-b":   {ARN: "arn:aws:iam::123456789012:role/b", SessionName: "named"},
			"broken":   {},
		})
	})
	for _, tenant := range []string{"team a/ü", "team-b", "", "team a/ü", "team-b"} {
		call := converseCall(bedrock.OpConverse, hello)
		call.Caller.Tenant = tenant
		if _, err := b.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"ASIAA token-of-a", "ASIAB token-of-b", testKey + " ", "ASIAA token-of-a", "ASIAB token-of-b"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("signed as %q, want %q", got, want)
	}
	wantRoles := []string{"arn:aws:iam::123456789012:role/a outcrop-team_a__ ext", "arn:aws:iam::123456789012:role/b named "}
	if fmt.Sprint(assumed) != fmt.Sprint(wantRoles) {
		t.Errorf("assumed %q, want %q", assumed, wantRoles)
	}
	call := converseCall(bedrock.OpConverse, hello)
	call.Caller.Tenant = "broken"
	_, err := b.Do(t.Context(), call)
	if e := outcrop.AsError(err); e.Code != bedrock.CodeAccessDenied {
		t.Errorf("a role without ARN: %+v", e)
	}
}

// TestNoCredentials: the error says what to do, and shows no details of where
// the SDK has looked.
func TestNoCredentials(t *testing.T) {
	isolate(t, "", "")
	service := upstream(t, func(http.ResponseWriter, *http.Request) { t.Error("a request went out") })
	_, err := open(t, service.URL).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
	e := outcrop.AsError(err)
	if e.Code != bedrock.CodeUnrecognizedClient || e.Retryable || !strings.Contains(e.Message, "AWS_ACCESS_KEY_ID") || e.Cause == nil {
		t.Errorf("%+v", e)
	}
}

// TestBearer: the token goes instead of a signature, and never in the clear to
// another machine.
func TestBearer(t *testing.T) {
	isolate(t, "", "")
	t.Setenv("AWS_BEARER_TOKEN_BEDROCK", testToken)
	var got http.Header
	service := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		fmt.Fprint(w, `{}`)
	})
	b := open(t, service.URL)
	if _, err := b.Do(t.Context(), converseCall(bedrock.OpConverse, hello)); err != nil {
		t.Fatal(err)
	}
	if got.Get("Authorization") != "Bearer "+testToken || got.Get("X-Amz-Date") != "" {
		t.Errorf("headers %v", got)
	}
	if kind := b.Place().Credentials; kind.Value != "bearer token" || kind.From != "environment AWS_BEARER_TOKEN_BEDROCK" {
		t.Errorf("credentials %+v", kind)
	}
	_, err := amazon.New(t.Context(), amazon.Config{Flag: amazon.Choice{Endpoint: "http://192.0.2.1:80"}})
	if err == nil || !strings.Contains(err.Error(), "https only") || strings.Contains(err.Error(), testToken) {
		t.Errorf("error %v", err)
	}
}

// TestExpired: credentials that the service says are over are an error of
// Outcrop's own, worth another attempt; others are not.
func TestExpired(t *testing.T) {
	signedIn(t)
	for code, retryable := range map[string]bool{"ExpiredTokenException": true, "UnrecognizedClientException": false, "InvalidSignatureException": false} {
		service := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", code+":http://internal.amazon.com/coral/com.amazon.coral.service/")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"The security token included in the request is expired"}`)
		})
		_, err := open(t, service.URL).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
		e := outcrop.AsError(err)
		if e.Code != bedrock.CodeAccessDenied || e.Retryable != retryable || !strings.Contains(e.Message, "Outcrop's credentials: "+code) {
			t.Errorf("%s: %+v", code, e)
		}
	}
}

// TestErrorForms: where the code and the message stand differs by who wrote
// the error.
func TestErrorForms(t *testing.T) {
	signedIn(t)
	for _, tt := range []struct {
		name, header, body, after string
		status                    int
		code, message             string
		wait                      time.Duration
	}{
		{"in the header", "ThrottlingException:http://x/", `{"message":"slow"}`, "7", 429, bedrock.CodeThrottling, "slow", 7 * time.Second},
		{"in the body, with a namespace", "", `{"__type":"com.amazon#ValidationException","Message":"bad"}`, "", 400, bedrock.CodeValidation, "bad", 0},
		{"by another name", "ServiceUnavailable", `{"message":"busy"}`, "-1", 503, bedrock.CodeServiceUnavailable, "ServiceUnavailable: busy", 0},
		{"of a newer service", "MoonPhaseException", `{"message":"full"}`, "soon", 429, bedrock.CodeThrottling, "MoonPhaseException: full", 0},
		{"with nothing", "", ``, "999999", 504, bedrock.CodeServiceUnavailable, "Amazon Bedrock answered 504 Gateway Timeout", time.Hour},
		{"with nonsense", "", `[1,`, "", 404, bedrock.CodeResourceNotFound, "Amazon Bedrock answered 404 Not Found", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			service := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("X-Amzn-Errortype", tt.header)
				}
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			_, err := open(t, service.URL).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
			if e := outcrop.AsError(err); e.Code != tt.code || e.Message != tt.message || e.RetryAfter != tt.wait {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestNotHere: operations that the service does not have, and members that a
// path needs, are refused before anything is sent.
func TestNotHere(t *testing.T) {
	signedIn(t)
	b := open(t, "http://127.0.0.1:1")
	for _, tt := range []struct {
		call        *outcrop.Call
		code, field string
	}{
		{outcrop.NewOperationCall("Construct", nil, []byte(`{}`)), bedrock.CodeUnknownOperation, ""},
		{outcrop.NewOperationCall("InvokeModelWithBidirectionalStream", nil, nil), bedrock.CodeUnknownOperation, ""},
		{outcrop.NewOperationCall("DeleteInferenceProfile", map[string]string{"inferenceProfileIdentifier": "x"}, nil), bedrock.CodeUnknownOperation, ""},
		{outcrop.NewOperationCall("ApplyGuardrail", map[string]string{"guardrailIdentifier": "g"}, []byte(`{}`)), bedrock.CodeValidation, "guardrailVersion"},
		{outcrop.NewInvokeCall(bedrock.OpInvokeModel, "..", []byte(`{}`)), bedrock.CodeValidation, "modelId"},
		{outcrop.NewInvokeCall(bedrock.OpInvokeModel, "", []byte(`{}`)), bedrock.CodeValidation, "modelId"},
	} {
		_, err := b.Do(t.Context(), tt.call)
		if e := outcrop.AsError(err); e.Code != tt.code || e.Field != tt.field {
			t.Errorf("%s: %+v", tt.call.Operation, e)
		}
	}
}

// TestCountTokens: counts are asked for the model behind a profile or an ARN.
func TestCountTokens(t *testing.T) {
	signedIn(t)
	var got seen
	service := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = see(t, r)
		fmt.Fprint(w, `{"inputTokens":12}`)
	})
	b := open(t, service.URL)
	for _, id := range []string{modelID, "us." + modelID, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + modelID} {
		for _, tt := range []struct{ operation, body, want string }{
			{
				bedrock.OpConverse, `{"messages":[{"role":"user","content":[{"text":"hello"}]}],"inferenceConfig":{"maxTokens":5}}`,
				`{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hello"}]}]}}}`,
			},
			{bedrock.OpInvokeModel, `{"x":1}`, `{"input":{"invokeModel":{"body":"eyJ4IjoxfQ=="}}}`},
		} {
			count, err := b.CountTokens(t.Context(), outcrop.NewInvokeCall(tt.operation, id, []byte(tt.body)))
			if err != nil || count.InputTokens != 12 || count.Estimated {
				t.Fatalf("%+v, %v", count, err)
			}
			if got.uri != "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens" || got.body != tt.want {
				t.Errorf("asked %s %s", got.uri, got.body)
			}
		}
	}
}
