package clients_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shapes are part of an API model, in the form that botocore reads.
type shapes map[string]map[string]any

// overlay writes, from Outcrop's own API model, the files from which botocore
// learns what AWS has not: Construct, and jobs whose input is in the request.
// They lie where a user would put them, in the directory that AWS_DATA_PATH
// names.
func overlay(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../bedrock/internal/shapegen/outcrop.api.json")
	if err != nil {
		t.Fatal(err)
	}
	var model struct{ Operations, Shapes, Merge shapes }
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	// botocore wants a stream as the payload of a response, and its events
	// marked as such.
	model.Operations["ConstructStream"]["output"] = params{"shape": "ConstructStreamResponse"}
	model.Shapes["ConstructStreamResponse"] = params{
		"type": "structure", "members": params{"stream": params{"shape": "ConstructStreamOutput"}}, "payload": "stream",
	}
	model.Shapes["ConstructPartialEvent"]["event"] = true
	model.Shapes["ConstructResponse"]["event"] = true
	model.Shapes["Document"] = params{"type": "structure", "members": params{}, "document": true}
	model.Merge["MimeType"] = params{"type": "string"}
	model.Merge["String"] = params{"type": "string"}

	dir := t.TempDir()
	for path, merge := range map[string]params{
		"bedrock-runtime/2023-09-30": {"operations": model.Operations, "shapes": model.Shapes},
		"bedrock/2023-04-20":         {"shapes": model.Merge},
	} {
		text, err := json.Marshal(params{"version": 1, "merge": merge})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, path, "service-2.sdk-extras.json")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const personSchema = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`

// constructed is what the programs show of Construct's response.
type constructed struct {
	Output     json.RawMessage
	Text       string
	StopReason string
	Strategy   string
	Attempts   int
	Events     []string
}

func (c *constructed) check(t *testing.T) {
	t.Helper()
	var person struct {
		Name string
		Age  int
	}
	if err := json.Unmarshal(c.Output, &person); err != nil || person.Name != "Ada" || person.Age != 36 {
		t.Errorf("%s, error %v", c.Output, err)
	}
	if c.Attempts != 1 || c.Strategy == "" || c.Text == "" {
		t.Errorf("%+v", c)
	}
}

// TestOverlay: with data files alone, unmodified boto3 and the AWS CLI have
// Construct, and create a job from a text in the request.
func TestOverlay(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	s := serveKeys(t)
	e := signed(s.url).with("AWS_DATA_PATH", overlay(t))
	p := boto3(t, nil)
	p.configure(t, e)
	var schema params
	if err := json.Unmarshal([]byte(personSchema), &schema); err != nil {
		t.Fatal(err)
	}
	ada := params{"modelId": modelID, "prompt": "Extract the person: Ada is 36 years old.", "schema": schema}

	t.Run("construct", func(t *testing.T) {
		r := result[constructed](t, p, "construct", ada)
		r.check(t)
	})
	t.Run("construct-stream", func(t *testing.T) {
		r := result[constructed](t, p, "constructStream", ada)
		r.check(t)
		if n := len(r.Events); n < 2 || r.Events[n-1] != "result" || slices.Contains(r.Events[:n-1], "result") {
			t.Errorf("events %v", r.Events)
		}
	})
	t.Run("construct with a bad schema", func(t *testing.T) {
		f := refused(t, p, "construct", params{"modelId": modelID, "prompt": "Extract.", "schema": params{"type": "no-such-type"}})
		checkFailure(t, &f, "ValidationException", 400)
		if !strings.Contains(f.Message, "schema") || !strings.Contains(f.Message, "type") {
			t.Errorf("message %q", f.Message)
		}
	})
	t.Run("job from text", func(t *testing.T) {
		body, err := json.Marshal(claudeBody)
		if err != nil {
			t.Fatal(err)
		}
		created := result[job](t, p, "createTextJob", params{"name": "inference-job-1", "modelId": modelID, "text": string(body), "output": bucket + "text"})
		done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
		if done.Status != "Completed" || done.SuccessRecordCount != 1 {
			t.Errorf("%+v", done)
		}
		_, id, _ := strings.Cut(created.JobARN, "/")
		lines := results(t, s.store(t), bucket+"text/"+id+"/inline.jsonl.out")
		if len(lines) != 1 || lines[0].Error != nil {
			t.Fatalf("%+v", lines)
		}
		var r claudeReply
		if err := json.Unmarshal(lines[0].ModelOutput, &r); err != nil {
			t.Fatal(err)
		}
		checkClaude(t, &r, expected(t))
	})
	t.Run("aws construct", func(t *testing.T) {
		need(t, "aws")
		var r struct{ Output json.RawMessage }
		out := aws(t, e, t.TempDir(), "bedrock-runtime", "construct", "--model-id", modelID, "--prompt", ada["prompt"].(string), "--schema", personSchema)
		out.read(t, &r)
		if string(r.Output) == "" || !strings.Contains(string(r.Output), "Ada") {
			t.Errorf("%s", out.stdout)
		}
	})
}
