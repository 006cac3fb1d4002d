package clients_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// rules are what a user writes to see how an application takes trouble.
const rules = `rules:
  - match: {text: busy twice}
    replies:
      - error: {code: ThrottlingException, message: "Too many requests, please wait before trying again."}
      - error: {code: ThrottlingException, message: "Too many requests, please wait before trying again."}
      - text: At last.
  - match: {text: out of order}
    reply: {error: {code: ModelErrorException, message: The model is out of order.}}
  - match: {text: break off}
    reply: {cut: {after: 3, code: ModelStreamErrorException}}
`

// TestRules: the simulator's rules, as the program reads them from a file,
// reach the SDKs as what they stand for.
func TestRules(t *testing.T) {
	t.Parallel()
	need(t, "")
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range sdks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "--rules", file)
			p := c.start(t, nil)
			p.configure(t, signed(s.url).with("AWS_MAX_ATTEMPTS", "3"))
			r := result[reply](t, p, "converseStream", params{"modelId": modelID, "words": "Be busy twice."})
			if r.Text != "At last." || r.Attempts != 3 {
				t.Errorf("%q after %d attempts", r.Text, r.Attempts)
			}
			if n := s.requests(t); n != 3 {
				t.Errorf("the simulator was asked %d times", n)
			}
			f := refused(t, p, "converse", params{"modelId": modelID, "words": "Be out of order."})
			if checkFailure(t, &f, bedrock.CodeModelError, 424); f.Class != bedrock.CodeModelError || f.Message != "The model is out of order." {
				t.Errorf("%+v", f)
			}
			f = refused(t, p, "converseStream", params{"modelId": modelID, "words": "Please break off."})
			if f.Class != c.inBand(bedrock.CodeModelStreamError) || f.Events != 3 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// requests is how many calls the simulator has had.
func (s *served) requests(t *testing.T) int {
	t.Helper()
	response, err := http.Get(s.url + "/outcrop/requests")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var log struct{ Requests []json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&log); err != nil {
		t.Fatal(err)
	}
	return len(log.Requests)
}
