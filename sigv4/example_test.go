package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/outcrop-ai/outcrop/sigv4"
)

func Example() {
	keys, err := sigv4.ParseKeys("keys.yaml", []byte(`
tenants:
  - name: dev
    accessKeys: [{id: AKIDEXAMPLE, secret: a-secret}]
    bearerTokens: [a-token]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := &sigv4.Verifier{Keys: keys, Tokens: keys, Services: []string{"bedrock", "s3"}}

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := sigv4.Parse(r)
		var who sigv4.Identity
		if err == nil {
			// Here req.Scope.Service tells Bedrock from S3.
			body, _ := io.ReadAll(r.Body)
			who, err = verifier.Verify(req, body)
		}
		if e, ok := errors.AsType[*sigv4.Error](err); ok {
			w.Header().Set("X-Amzn-Errortype", e.Code)
			http.Error(w, e.Message, e.Status)
			return
		}
		fmt.Fprintf(w, "hello, %s", who.Tenant.Name)
	})

	for _, token := range []string{"a-token", "another"} {
		r := httptest.NewRequest(http.MethodPost, "/model/m/converse", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body)
	}
	// Output:
	// 200  hello, dev
	// 403 AccessDeniedException Authentication failed: Please make sure your API Key is valid.
}
