package awscli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func parse(t *testing.T, service string, args ...string) *Line {
	t.Helper()
	l, err := Parse(service, args, map[string]bool{"data": true})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The structure of the document's example: two words after a line break, and
// JSON without quotes as a text.
func TestShorthandOverALineBreak(t *testing.T) {
	l := parse(t, "bedrock", "create-model-invocation-job", "--model-id", "m", "--job-name", "my-batch-job-1",
		"--input-data-config", "contentType=application/json,", `text={"a":[1,{"b":"c,d=e"}]}`,
		"--output-data-config", "s3Uri=s3://my-bucket/results/", "--profile", "aws")
	m, err := l.Message()
	if err != nil {
		t.Fatal(err)
	}
	var req bedrock.CreateModelInvocationJobRequest
	if err := bedrock.Unmarshal(m.Body, &req); err != nil {
		t.Fatal(err)
	}
	if req.InputDataConfig.ContentType != "application/json" || req.InputDataConfig.Text != `{"a":[1,{"b":"c,d=e"}]}` ||
		req.OutputDataConfig.S3URI != "s3://my-bucket/results/" || req.JobName != "my-batch-job-1" || req.ModelID != "m" {
		t.Errorf("%s", m.Body)
	}
	if l.Options["profile"] != "aws" {
		t.Errorf("options %v", l.Options)
	}
}

func TestShorthand(t *testing.T) {
	converse := reflect.TypeFor[bedrock.ConverseRequest]()
	for _, c := range []struct{ member, text, want string }{
		{"inferenceConfig", `maxTokens=100,temperature=0.5,stopSequences=a,b`, `{"maxTokens":100,"temperature":0.5,"stopSequences":["a","b"]}`},
		{"inferenceConfig", `stopSequences=[a, b],maxTokens=1`, `{"stopSequences":["a","b"],"maxTokens":1}`},
		{"inferenceConfig", `stopSequences="a,b",maxTokens=1`, `{"stopSequences":["a,b"],"maxTokens":1}`},
		{"requestMetadata", `team=red,name='it\'s'`, `{"team":"red","name":"it's"}`},
		{"messages", `role=user,content=[{text=Hello there},{text="a, b"}]`, `[{"role":"user","content":[{"text":"Hello there"},{"text":"a, b"}]}]`},
		{"messages", `role=user,content=[{"text":"as JSON"}]`, `[{"role":"user","content":[{"text":"as JSON"}]}]`},
		{
			"toolConfig", `tools=[{toolSpec={name=t,inputSchema={json={"type":"object"}}}}],toolChoice={auto={}}`,
			`{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"auto":{}}}`,
		},
		{"system", `text=Be brief.`, `[{"text":"Be brief."}]`},
		{"additionalModelResponseFieldPaths", `/a,/b`, `["/a","/b"]`},
	} {
		typ, _ := fieldType(converse, c.member)
		got, err := shorthand(typ, []string{c.text}, c.member)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(text, &a) != nil || json.Unmarshal([]byte(c.want), &b) != nil || cmp.Diff(b, a) != "" {
			t.Errorf("%s: %s, want %s", c.text, text, c.want)
		}
	}
}

func TestErrorsNameTheOption(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"converse", "required: --model-id"},
		{"converge", "did you mean converse?"},
		{"start-async-invoke", "does not serve StartAsyncInvoke"},
		{"converse --model-id m --mesages x", "did you mean --messages?"},
		{"converse --model-id m --messages", "--messages: expected a value"},
		{"converse --model-id m --inference-config maxTokens=many", `inferenceConfig.maxTokens: "many" is no number`},
		{"converse --model-id m --inference-config maxTokens", "expected a name and ="},
		{"converse --model-id m --inference-config tokens=1", `unknown parameter in inferenceConfig: "tokens"; there are: maxTokens`},
		{`converse --model-id m --messages [{"role":"user","content":[{"txt":"x"}]}]`, `unknown parameter in messages[0].content[0]: "txt"`},
		{`converse --model-id m --messages [{"role":]`, "is not valid JSON"},
		{`converse --model-id m --messages [{"role":"user","content":[]}]]`, "something follows the value"},
		{`converse --model-id m --inference-config {"maxTokens":1}}`, "something follows the value"},
		{"invoke-model --model-id m --body {}", "the file that the reply is written to"},
		{"invoke-model --model-id m --body {} a b", `unknown argument "b"`},
		{"invoke-model --model-id m --body %% --cli-binary-format base64 out", "is no base64"},
		{"invoke-model --model-id m --cli-binary-format hex out", `"hex" is neither`},
		{"invoke-model --model-id m --body file:///nowhere/at/all out", "--body: the file it names cannot be read"},
		{"converse --cli-input-json {\"modelID\":1}", `no member "modelID"`},
		{"--wrong converse", "--wrong stands before the operation"},
	} {
		_, err := Parse("bedrock-runtime", strings.Fields(c.line), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.line, err, c.want)
		}
	}
}

func TestMembersTravelWhereTheyBelong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, body := range map[string]string{"": "eyJhIjoxfQ==", "base64": "eyJhIjoxfQ==", "raw-in-base64-out": `{"a":1}`} {
		args := []string{"--region", "eu-west-1", "invoke-model", "--model-id=m:0", "--body", body, "--accept", "application/json", "--data", "x", "out.json"}
		if format != "" {
			args = append(args, "--cli-binary-format", format)
		}
		l := parse(t, "bedrock-runtime", args...)
		m, err := l.Message()
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Body) != `{"a":1}` || m.Labels["modelId"] != "m:0" || m.Header["Accept"] != "application/json" ||
			l.OutFile != "out.json" || l.Options["data"] != "x" || l.Options["region"] != "eu-west-1" {
			t.Errorf("%s: %+v %s, %v", format, m, m.Body, l)
		}
	}
	for _, prefix := range []string{"file://", "fileb://"} {
		m, err := parse(t, "bedrock-runtime", "invoke-model", "--model-id", "m", "--body", prefix+file, "-").Message()
		if err != nil || string(m.Body) != `{"a":1}` {
			t.Errorf("%s: %s, %v", prefix, m.Body, err)
		}
	}
	m, err := parse(t, "bedrock", "list-model-invocation-jobs", "--max-results", "5", "--status-equals", "Completed").Message()
	if err != nil || m.Query.Encode() != "maxResults=5&statusEquals=Completed" || m.Body != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestInputJSONStandsBelowTheFlags(t *testing.T) {
	l := parse(t, "bedrock-runtime", "converse", "--cli-input-json", `{"modelId":"a","messages":[{"role":"user","content":[{"text":"x"}]}]}`, "--model-id", "b")
	m, err := l.Message()
	if err != nil || m.Labels["modelId"] != "b" || !strings.Contains(string(m.Body), `"text":"x"`) {
		t.Errorf("%+v %s, %v", m, m.Body, err)
	}
}

// Every skeleton is a request that --cli-input-json takes.
func TestSkeletonsAreTaken(t *testing.T) {
	for _, service := range []string{"bedrock", "bedrock-runtime"} {
		for _, c := range Commands(service) {
			form, err := c.Skeleton()
			if err != nil {
				t.Fatal(err)
			}
			args := []string{c.Name, "--cli-input-json", string(form)}
			if c.OutFile {
				args = append(args, "out")
			}
			if _, err := Parse(service, args, nil); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
}

// Every operation that is served has a command, but for those that are there
// for other services' sake.
func TestEveryServedOperationHasACommand(t *testing.T) {
	for _, op := range bedrock.Operations {
		if op.Served && requests[op.Name] == nil {
			t.Errorf("%s has no command", op.Name)
		}
	}
}

func TestOutputs(t *testing.T) {
	const reply = `{"status":"Completed","jobs":[{"name":"b","n":2,"tags":["x","y"]},{"name":"a","n":1.5,"ok":true}]}`
	for _, c := range []struct{ output, query, want string }{
		{"", "", "{\n    \"status\": \"Completed\",\n    \"jobs\": [\n        {\n            \"name\": \"b\",\n            \"n\": 2,\n            \"tags\": [\n                \"x\",\n                \"y\"\n            ]\n        },\n        {\n            \"name\": \"a\",\n            \"n\": 1.5,\n            \"ok\": true\n        }\n    ]\n}\n"},
		{"json", "jobs[0].name", "\"b\"\n"},
		{"json", "jobs[].n", "[\n    2,\n    1.5\n]\n"},
		{"text", "status", "Completed\n"},
		{"text", "", "Completed\nJOBS\t2\tb\nTAGS\tx\ty\nJOBS\t1.5\ta\tTrue\n"},
		{"text", "jobs[].name", "b\ta\n"},
		{"yaml", "jobs[1]", "\"n\": 1.5\nname: a\nok: true\n"},
		{"table", "jobs[].{name:name,n:n}", "+-----+------+\n| n   | name |\n| 2   | b    |\n| 1.5 | a    |\n+-----+------+\n"},
		{"off", "", ""},
	} {
		var b strings.Builder
		if err := CheckOutput(c.output, c.query); err != nil {
			t.Fatal(err)
		}
		if err := Write(&b, []byte(reply), c.output, c.query); err != nil || b.String() != c.want {
			t.Errorf("%s %s: %v\n%s\nwant\n%s", c.output, c.query, err, b.String(), c.want)
		}
	}
	for _, c := range [][2]string{{"xml", ""}, {"", "a["}} {
		if CheckOutput(c[0], c[1]) == nil {
			t.Errorf("%v is taken", c)
		}
	}
}

func TestPagesAreOneReply(t *testing.T) {
	l := parse(t, "bedrock", "list-model-invocation-jobs", "--max-items", "3")
	if !l.Paged() || parse(t, "bedrock", "list-model-invocation-jobs", "--max-results", "1").Paged() || parse(t, "bedrock", "list-foundation-models").Paged() {
		t.Error("which lists have pages")
	}
	p, err := l.NewPages()
	if err != nil {
		t.Fatal(err)
	}
	next, err := p.Add([]byte(`{"jobs":[1,2],"nextToken":"t"}`))
	if err != nil || next != "t" {
		t.Fatalf("%q, %v", next, err)
	}
	if next, err = p.Add([]byte(`{"jobs":[3,4],"nextToken":"u"}`)); err != nil || next != "" {
		t.Fatalf("beyond --max-items: %q, %v", next, err)
	}
	if reply, err := p.Reply(); err != nil || string(reply) != `{"jobs":[1,2,3]}` {
		t.Errorf("%s, %v", reply, err)
	}
}

func FuzzShorthand(f *testing.F) {
	for _, text := range []string{`maxTokens=1,stopSequences=[a,b]`, `tools=[{toolSpec={name="x"}}]`, `role=user,content=[{text='a'}]`, `a={`, `text={"a":1},b=2`} {
		f.Add(text)
	}
	types := []reflect.Type{reflect.TypeFor[bedrock.ConverseRequest](), reflect.TypeFor[[]bedrock.Message](), reflect.TypeFor[bedrock.InferenceConfiguration](), reflect.TypeFor[map[string]string]()}
	f.Fuzz(func(t *testing.T, text string) {
		for _, typ := range types {
			v, err := shorthand(typ, []string{text}, "p")
			if err != nil {
				continue
			}
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}

// TestTablesOfMixedLists: --query can make lists of values of all kinds.
func TestTablesOfMixedLists(t *testing.T) {
	const reply = `{"deep":{"x":{"y":1}},"flat":{"n":2},"word":"w","none":{}}`
	for query, want := range map[string]string{
		"[deep, word]":       "| w |",
		"[none, word, flat]": "| w |",
		"[word, deep]":       "| w |",
		"[flat, word, deep]": "| y | 1 |",
		"[none]":             "",
		"[[deep], word]":     "| w |",
	} {
		var b strings.Builder
		if err := Write(&b, []byte(reply), "table", query); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %q, %v; want %q in it", query, b.String(), err, want)
		}
	}
}
