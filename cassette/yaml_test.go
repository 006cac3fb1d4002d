package cassette

import (
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestYAML: a library for YAML reads a file as this package does.
func TestYAML(t *testing.T) {
	for _, text := range []string{`{"a":[1,"x: y # z"],"b":{"c":"\n\t|"}}`, "plain", "true", "12", "- a\n- b\n", "a: b\n", "# x\n", "'", " two\n  lines\n", "ends: ", "\u2028\u0085\ufeff", "é ✓\n"} {
		e := &exchange{
			file: "x.yaml", request: request{Operation: "InvokeModel", Model: "a:b", Params: map[string]string{"yes": text, "a b": "off"}, Body: []byte(text)},
			err: outcrop.Errorf(bedrock.CodeThrottling, "%s", text),
		}
		written, err := write(e)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Request struct {
				Operation, Model, Body, Text string
				Params                       map[string]string
			}
			Error struct{ Code, Message string }
		}
		if err := yaml.Unmarshal(written, &file); err != nil {
			t.Errorf("%v\n%s", err, written)
			continue
		}
		if file.Request.Operation != "InvokeModel" || file.Request.Model != "a:b" || file.Error.Message != text || file.Request.Params["yes"] != text || file.Request.Params["a b"] != "off" {
			t.Errorf("the library reads %+v of\n%s", file, written)
		}
		if got := file.Request.Body + file.Request.Text; got != text && file.Request.Body == "" {
			t.Errorf("the library reads the text %q of\n%s", got, written)
		}
	}
}
