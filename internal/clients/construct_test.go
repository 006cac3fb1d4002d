package clients_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// shipped is what users point AWS_DATA_PATH at.
const shipped = "../../clients/botocore"

// TestShippedOverlay: with the directory that is shipped, boto3 has Construct,
// and its failure is an exception of its name.
func TestShippedOverlay(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	data, err := filepath.Abs(shipped)
	if err != nil {
		t.Fatal(err)
	}
	s := serveKeys(t)
	p := boto3(t, nil)
	p.configure(t, signed(s.url).with("AWS_DATA_PATH", data))
	var schema params
	if err := json.Unmarshal([]byte(personSchema), &schema); err != nil {
		t.Fatal(err)
	}
	asked := params{"modelId": modelID, "prompt": "Extract the person: Ada is 36 years old.", "schema": schema}
	ok := result[constructed](t, p, "construct", asked)
	ok.check(t)
	streamed := result[constructed](t, p, "constructStream", asked)
	streamed.check(t)
	schema["properties"].(map[string]any)["name"] = params{"type": "string", "minLength": 9000}
	f := refused(t, p, "construct", params{"modelId": modelID, "prompt": "x", "schema": schema, "inferenceConfig": params{"maxTokens": 20}})
	checkFailure(t, &f, "SchemaValidationException", 422)
	if f.Class != "SchemaValidationException" || !strings.Contains(f.Message, "does not validate") {
		t.Errorf("%s: %s", f.Class, f.Message)
	}
}

// TestOverlayIsTheModel: what botocore is told is what the wire types are
// generated from.
func TestOverlayIsTheModel(t *testing.T) {
	type member struct {
		Type    string
		Enum    []string
		Members map[string]struct {
			Shape        string
			Location     string
			LocationName string
		}
		Required []string
	}
	type api struct {
		Operations map[string]struct {
			HTTP struct{ Method, RequestURI string }
		}
		Shapes map[string]member
	}
	read := func(file string, into any) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var model api
	read("../../bedrock/internal/shapegen/outcrop.api.json", &model)
	var told struct{ Merge api }
	read(filepath.Join(shipped, "bedrock-runtime/2023-09-30/service-2.sdk-extras.json"), &told)
	for name, operation := range model.Operations {
		if told.Merge.Operations[name].HTTP != operation.HTTP {
			t.Errorf("operation %s: %+v", name, told.Merge.Operations[name])
		}
	}
	for name, want := range model.Shapes {
		got := told.Merge.Shapes[name]
		if name == "ConstructStreamOutput" {
			continue // its result is an event there
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("shape %s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	if result := told.Merge.Shapes["ConstructResultEvent"]; !reflect.DeepEqual(result, model.Shapes["ConstructResponse"]) {
		t.Errorf("the result of a stream is %+v", result)
	}
}
