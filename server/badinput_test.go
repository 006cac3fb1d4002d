package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// checkRefused wants an error as AWS sends it.
func checkRefused(t *testing.T, a answer, status int, code, message string) {
	t.Helper()
	if a.status != status || a.header.Get("X-Amzn-Errortype") != code {
		t.Errorf("%d %s: %s\nwant %d %s", a.status, a.header.Get("X-Amzn-Errortype"), a.body, status, code)
	}
	if a.header.Get("X-Amzn-Requestid") == "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", a.header)
	}
	var body struct{ Message string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || !strings.Contains(body.Message, message) {
		t.Errorf("body %s, want a message with %q", a.body, message)
	}
}

// TestBadInput: what is wrong with a request is said by AWS's class of error,
// in a message that names what is at fault.
func TestBadInput(t *testing.T) {
	config := server.Config{}
	config.MaxBody = 100_000
	r := start(t, config)
	c := client(t, &http.Transport{})
	const (
		converse = "/model/m/converse"
		invalid  = "ValidationException"
		unknown  = "UnknownOperationException"
		post     = http.MethodPost
		get      = http.MethodGet
	)
	message := func(content string) string { return `{"messages":[{"role":"user","content":[` + content + `]}]}` }
	for _, tt := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		code, message            string
	}{
		{"broken JSON", post, converse, `{"messages":[{"role"`, jsonHeader, 400, invalid, "messages.0"},
		{"trailing data", post, converse, message(`{"text":"x"}`) + "]", jsonHeader, 400, invalid, "invalid JSON"},
		{"no body", post, converse, ``, jsonHeader, 400, invalid, "empty"},
		{"an array", post, converse, `[]`, jsonHeader, 400, invalid, "expected an object, found an array"},
		{"a number for a string", post, converse, message(`{"text":5}`), jsonHeader, 400, invalid, "messages.0.content.0.text: expected a string, found a number"},
		{"a string for an array", post, converse, `{"messages":"hello"}`, jsonHeader, 400, invalid, "messages: expected an array, found a string"},
		{"a float for an integer", post, converse, `{"inferenceConfig":{"maxTokens":1.5}}`, jsonHeader, 400, invalid, "inferenceConfig.maxTokens"},
		{"duplicate keys", post, converse, `{"messages":[],"messages":[]}`, jsonHeader, 400, invalid, "messages: duplicate"},
		{"bad UTF-8", post, converse, message("{\"text\":\"\xff\"}"), jsonHeader, 400, invalid, "messages.0.content.0.text"},
		{"an unknown role", post, converse, `{"messages":[{"role":"robot","content":[{"text":"x"}]}]}`, jsonHeader, 400, invalid, "messages.1.member.role"},
		{"two members of a union", post, converse, message(`{"text":"x","image":{"format":"png","source":{"bytes":"AA=="}}}`), jsonHeader, 400, invalid, "messages.1.member.content.1.member"},
		{"10,000 levels of nesting", post, converse, message(`{"toolUse":{"toolUseId":"a","name":"b","input":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}}`), jsonHeader, 400, invalid, "messages.0.content.0.toolUse.input: the JSON text is nested more than 256 levels"},
		{"too large", post, converse, strings.Repeat(" ", 100_001), jsonHeader, 413, "RequestEntityTooLargeException", "larger than 100000 bytes"},
		{"no content type", post, converse, message(`{"text":"x"}`), nil, 400, invalid, "Content-Type: the header is missing"},
		{"a form", post, converse, message(`{"text":"x"}`), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 400, invalid, "Content-Type: 'application/x-www-form-urlencoded' is not application/json"},
		{"compressed", post, converse, message(`{"text":"x"}`), map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400, invalid, "Content-Encoding"},
		{"a bad member in a header", post, "/model/m/invoke", `{"prompt":"x"}`, map[string]string{"X-Amzn-Bedrock-Trace": "LOUD"}, 400, invalid, "trace"},
		{"too much metadata in a header", post, "/model/m/invoke", `{"prompt":"x"}`, map[string]string{"X-Amzn-Bedrock-Request-Metadata": strings.Repeat("x", 8501)}, 400, invalid, "requestMetadata"},
		{"native JSON that is none", post, "/model/m/invoke", `{"prompt":`, nil, 400, invalid, "prompt"},

		{"count: no input", post, "/model/m/count-tokens", `{}`, jsonHeader, 400, invalid, "'input'"},
		{"count: two inputs", post, "/model/m/count-tokens", `{"input":{"converse":{},"invokeModel":{"body":"e30="}}}`, jsonHeader, 400, invalid, "'input'"},
		{"count: no base64", post, "/model/m/count-tokens", `{"input":{"invokeModel":{"body":"{}"}}}`, jsonHeader, 400, invalid, "input.invokeModel.body"},
		{"construct: no schema", post, "/model/m/construct", `{"prompt":"x"}`, jsonHeader, 400, invalid, "schema"},
		{"construct: no prompt", post, "/model/m/construct", `{"schema":{}}`, jsonHeader, 400, invalid, "prompt"},
		{"construct stream: a bad schema", post, "/model/m/construct-stream", `{"prompt":"x","schema":{"type":"colour"}}`, jsonHeader, 400, invalid, "schema"},
		{"job: no name", post, "/model-invocation-job", `{"modelId":"m","inputDataConfig":{},"outputDataConfig":{}}`, jsonHeader, 400, invalid, "jobName"},
		{"jobs: maxResults is a word", get, "/model-invocation-jobs?maxResults=ten", "", nil, 400, invalid, "maxResults: expected an integer, found 'ten'"},
		{"jobs: maxResults out of range", get, "/model-invocation-jobs?maxResults=0", "", nil, 400, invalid, "maxResults"},
		{"jobs: twice", get, "/model-invocation-jobs?maxResults=1&maxResults=2", "", nil, 400, invalid, "maxResults: it is given 2 times"},
		{"jobs: a bad time", get, "/model-invocation-jobs?submitTimeAfter=yesterday", "", nil, 400, invalid, "submitTimeAfter: expected a timestamp"},
		{"jobs: a bad status", get, "/model-invocation-jobs?statusEquals=Sleeping", "", nil, 400, invalid, "statusEquals"},
		{"models: a bad filter", get, "/foundation-models?byOutputModality=SMELL", "", nil, 400, invalid, "byOutputModality"},
		{"models: a bad escape", get, "/foundation-models?byProvider=%zz", "", nil, 400, invalid, "query string"},
		{"conversations: a bad escape", get, "/conversations?maxResults=%zz", "", nil, 400, invalid, "query string"},
		{"conversations: maxResults is a word", get, "/conversations?maxResults=ten", "", nil, 400, invalid, "maxResults: expected a number"},
		{"conversations: twice", get, "/conversations?nextToken=a&nextToken=b", "", nil, 400, invalid, "nextToken: it is given 2 times"},
		{"conversation: a bad escape", get, "/conversations/c?format=%zz", "", nil, 400, invalid, "query string"},
		{"conversation: a bad format", get, "/conversations/c?format=pdf", "", nil, 400, invalid, "format: expected export"},
		{"profiles: a forged token", get, "/inference-profiles?nextToken=abc", "", nil, 400, invalid, "nextToken"},
		{"no such model", get, "/foundation-models/nobody.model-v1:0", "", nil, 404, "ResourceNotFoundException", "modelIdentifier"},
		{"no such profile", get, "/inference-profiles/xx.nobody.model-v1:0", "", nil, 404, "ResourceNotFoundException", "inferenceProfileIdentifier"},

		{"unknown path", post, "/model/m/guess", `{}`, jsonHeader, 404, unknown, "/model/m/guess"},
		{"the root", get, "/", "", nil, 404, unknown, "'/'"},
		{"empty segment", post, "/model//converse", `{}`, jsonHeader, 404, unknown, "empty segment"},
		{"double slash", post, "//model/m/converse", `{}`, jsonHeader, 404, unknown, "empty segment"},
		{"slash at the end", post, "/model/m/converse/", `{}`, jsonHeader, 404, unknown, "empty segment"},
		{"wrong method", get, converse, "", nil, 405, unknown, "Converse takes the method POST, not 'GET'"},
		{"not served", post, "/model/m/invoke-with-bidirectional-stream", "", nil, 404, unknown, "InvokeModelWithBidirectionalStream is an operation of Amazon Bedrock that Outcrop does not serve"},
		{"a space in the id", post, "/model/a%20b/converse", `{}`, jsonHeader, 400, invalid, "modelId"},
		{"a line break in the id", post, "/model/a%0Ab/converse", `{}`, jsonHeader, 400, invalid, "modelId"},
		{"a long id", post, "/model/" + strings.Repeat("a", 2049) + "/converse", `{}`, jsonHeader, 400, invalid, "modelId"},
		{"many segments", get, strings.Repeat("/a", 1000), "", nil, 404, unknown, "segments"},

		{"rebound", get, "/healthz", "", map[string]string{"Host": "evil.example:8777"}, 403, "AccessDeniedException", "'evil.example:8777'"},
		{"rebound to a number", get, "/healthz", "", map[string]string{"Host": "10.0.0.1"}, 403, "AccessDeniedException", "Host"},
		{"a name that only begins so", get, "/healthz", "", map[string]string{"Host": "localhost.evil.example"}, 403, "AccessDeniedException", "Host"},
		{"a foreign page", post, converse, `{}`, map[string]string{"Content-Type": "application/json", "Origin": "https://evil.example"}, 403, "AccessDeniedException", "'https://evil.example'"},
		{"a page of another port", get, "/healthz", "", map[string]string{"Origin": "http://127.0.0.1:1"}, 403, "AccessDeniedException", "Origin"},
		{"a page over TLS, which nobody speaks here", get, "/healthz", "", map[string]string{"Host": "127.0.0.1", "Origin": "https://127.0.0.1"}, 403, "AccessDeniedException", "Origin"},
		{"a sandboxed page", get, "/healthz", "", map[string]string{"Origin": "null"}, 403, "AccessDeniedException", "Origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := send(t, c, tt.method, r.url+tt.path, tt.body, tt.header)
			checkRefused(t, a, tt.status, tt.code, tt.message)
			if tt.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", a.header.Get("Allow"))
			}
		})
	}
}

// TestTwoContentTypes: of headers that contradict each other none is believed.
func TestTwoContentTypes(t *testing.T) {
	r := start(t, server.Config{})
	c := client(t, &http.Transport{})
	req, err := http.NewRequest(http.MethodPost, r.url+"/model/m/converse", strings.NewReader(converseBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Content-Type"] = []string{"application/json", "text/plain"}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkRefused(t, answer{resp.StatusCode, resp.Header, string(text)}, 400, "ValidationException", "Content-Type: the header is given 2 times")
}

// trustedLength is more than what a body may announce and get at once.
const trustedLength = 300 << 10

// TestBodyLimit: the limit holds for bodies of unknown length, and a body of
// exactly the limit passes.
func TestBodyLimit(t *testing.T) {
	config := server.Config{}
	config.MaxBody = int64(len(converseBody))
	r := start(t, config)
	c := client(t, &http.Transport{})
	chunked := func(body string) answer {
		req, err := http.NewRequest(http.MethodPost, r.url+"/model/m/converse", io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return answer{resp.StatusCode, resp.Header, string(text)}
	}
	if a := chunked(converseBody); a.status != 200 {
		t.Errorf("at the limit: %d %s", a.status, a.body)
	}
	long := strings.Replace(converseBody, "or", strings.Repeat("or ", trustedLength/3), 1)
	config.MaxBody = int64(len(long))
	large := start(t, config)
	if a := send(t, c, http.MethodPost, large.url+"/model/m/converse", long, jsonHeader); a.status != 200 || len(a.body) < trustedLength {
		t.Errorf("a long body: %d, %d bytes", a.status, len(a.body))
	}
	checkRefused(t, chunked(converseBody+" "), 413, "RequestEntityTooLargeException", fmt.Sprint(len(converseBody)))
}

// signed is a Converse request, signed by the AWS SDK's signer.
func signed(t *testing.T, url string, at time.Time, change func(*http.Request)) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url+"/model/"+modelID+"/converse", strings.NewReader(converseBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	sign(t, req, converseBody, at)
	if change != nil {
		change(req)
	}
	return req
}

// sign signs a request with the AWS SDK's signer.
func sign(t testing.TB, req *http.Request, body string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testPass}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), "bedrock", region, at); err != nil {
		t.Fatal(err)
	}
}

// TestSignatures: what is not signed as it should be is refused, as AWS does.
func TestSignatures(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := start(t, server.Config{Keys: keyring(t), Now: func() time.Time { return now }})
	c := client(t, &http.Transport{})
	const bad = "InvalidSignatureException"
	for _, tt := range []struct {
		name          string
		at            time.Time
		change        func(*http.Request)
		status        int
		code, message string
	}{
		{"good", now, nil, 200, "", ""},
		{"within the skew", now.Add(-4 * time.Minute), nil, 200, "", ""},
		{"expired", now.Add(-6 * time.Minute), nil, 403, bad, "Signature expired"},
		{"future", now.Add(6 * time.Minute), nil, 403, bad, "Signature not yet current"},
		{"another body", now, func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader([]byte(strings.Replace(converseBody, "not", "now", 1))))
		}, 403, bad, "signature"},
		{"another model", now, func(r *http.Request) { r.URL.Path = "/model/other/converse"; r.URL.RawPath = "" }, 403, bad, "signature"},
		{"another host", now, func(r *http.Request) { r.Host = "localhost:1" }, 403, bad, "signature"},
		{"nothing", now, func(r *http.Request) { r.Header.Del("Authorization") }, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"half a header", now, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") }, 403, "IncompleteSignatureException", "Signature"},
		{"unknown key", now, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIDOTHER", 1))
		}, 403, "UnrecognizedClientException", "security token"},
		{"for another service", now, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/bedrock/", "/sqs/", 1))
		}, 403, bad, "scope"},
		{"bearer", now, func(r *http.Request) { r.Header.Set("Authorization", "Bearer the-token-of-team-a") }, 200, "", ""},
		{"wrong bearer", now, func(r *http.Request) { r.Header.Set("Authorization", "Bearer guess") }, 403, "AccessDeniedException", "API Key"},
		{"basic", now, func(r *http.Request) { r.SetBasicAuth("a", "b") }, 403, "IncompleteSignatureException", "Credential"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := signed(t, r.url, tt.at, tt.change)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			a := answer{resp.StatusCode, resp.Header, string(text)}
			if tt.status != 200 {
				checkRefused(t, a, tt.status, tt.code, tt.message)
			} else if a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
			if strings.Contains(a.body, testPass) || strings.Contains(a.body, "the-token") {
				t.Errorf("the reply tells a secret: %s", a.body)
			}
		})
	}
}

// TestPresigned: a presigned URL is good for as long as it says.
func TestPresigned(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := start(t, server.Config{Keys: keyring(t), Now: func() time.Time { return now }})
	c := client(t, &http.Transport{})
	presign := func(at time.Time) string {
		req, err := http.NewRequest(http.MethodGet, r.url+"/foundation-models?X-Amz-Expires=600", nil)
		if err != nil {
			t.Fatal(err)
		}
		empty := sha256.Sum256(nil)
		creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testPass}
		url, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, req, hex.EncodeToString(empty[:]), "bedrock", region, at)
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
	if a := send(t, c, http.MethodGet, presign(now.Add(-9*time.Minute)), "", nil); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	checkRefused(t, send(t, c, http.MethodGet, presign(now.Add(-11*time.Minute)), "", nil), 403, "InvalidSignatureException", "Signature expired")
}

// TestRefusedUnread: who has no key is turned away before the body is read.
func TestRefusedUnread(t *testing.T) {
	r := start(t, server.Config{Keys: keyring(t)})
	c := client(t, &http.Transport{})
	req, err := http.NewRequest(http.MethodPost, r.url+"/model/m/converse", neverEnding{t})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1 << 20
	req.Header.Set("Authorization", "Bearer guess")
	req.Header.Set("Expect", "100-continue")
	c.Transport.(*http.Transport).ExpectContinueTimeout = time.Hour
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// neverEnding is a body that nobody should ask for.
type neverEnding struct{ t *testing.T }

func (n neverEnding) Read([]byte) (int, error) {
	n.t.Error("the body was read")
	return 0, io.EOF
}

// TestOpen: on a loopback address without keys any credentials will do, and
// the reply says which region they were for.
func TestOpen(t *testing.T) {
	r := start(t, server.Config{Region: "ap-south-1"})
	c := client(t, &http.Transport{})
	for _, tt := range []struct{ name, authorization, region string }{
		{"none", "", "ap-south-1"},
		{"garbage", "Digest x", "ap-south-1"},
		{"bearer", "Bearer x", "ap-south-1"},
		{"any key", "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-3/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64), "eu-west-3"},
		{"a region that is none", "AWS4-HMAC-SHA256 Credential=a/20260101/EU:1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64), "ap-south-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := map[string]string{"X-Amz-Date": "20260101T000000Z"}
			if tt.authorization != "" {
				header["Authorization"] = tt.authorization
			}
			a := send(t, c, http.MethodGet, r.url+"/foundation-models/"+modelID, "", header)
			want := `"modelArn":"arn:aws:bedrock:` + tt.region + `::foundation-model/` + modelID + `"`
			if a.status != 200 || !strings.Contains(a.body, want) {
				t.Errorf("%d %s\nwant %s", a.status, a.body, want)
			}
		})
	}
}

// TestFurtherTokens: a token beside the keys gets in where keys are asked for,
// and opens no door for others.
func TestFurtherTokens(t *testing.T) {
	local := new(sigv4.Keyring)
	owner, err := local.AddTenant(sigv4.Tenant{Name: "owner"})
	if err == nil {
		err = local.AddToken(owner, "the-owner-token")
	}
	if err != nil {
		t.Fatal(err)
	}
	var caller outcrop.Caller
	config := backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		caller = call.Caller
		return nil, nil
	})
	config.Keys, config.Tokens = keyring(t), local
	r := start(t, config)
	c := client(t, &http.Transport{})
	for token, want := range map[string]string{"the-owner-token": "owner", "the-token-of-team-a": tenant, "guess": ""} {
		caller = outcrop.Caller{}
		status := http.StatusOK
		if want == "" {
			status = http.StatusForbidden
		}
		a := send(t, c, http.MethodPost, r.url+"/model/m/converse", `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`,
			map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + token})
		if a.status != status || caller.Tenant != want {
			t.Errorf("%s: status %d as tenant %q, want %d as %q", token, a.status, caller.Tenant, status, want)
		}
	}
}
