package clients_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// said is what the AWS CLI left behind.
type said struct {
	stdout, stderr string
	code           int
}

// aws runs the AWS CLI in a directory.
func aws(t *testing.T, e env, dir string, args ...string) said {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "aws", args...)
	cmd.Dir, cmd.Env = dir, e.list(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// read takes the JSON of a command that must have succeeded.
func (s *said) read(t *testing.T, into any) {
	t.Helper()
	if s.code != 0 {
		t.Fatalf("exit code %d: %s", s.code, s.stderr)
	}
	if err := json.Unmarshal([]byte(s.stdout), into); err != nil {
		t.Fatalf("%v in %s", err, s.stdout)
	}
}

// awsMajor is the CLI's major version: 2 takes blobs as base64 unless told
// otherwise, and has another exit code for a service's error.
func awsMajor(t *testing.T) string {
	t.Helper()
	version := aws(t, nil, t.TempDir(), "--version")
	_, rest, ok := strings.Cut(version.stdout+version.stderr, "aws-cli/")
	if !ok {
		t.Fatalf("aws --version says %q", version.stdout)
	}
	return rest[:1]
}

// profile is a configuration that leads one profile to a local server, and
// leaves the others alone.
const profile = `[profile aws]
region = REGION
services = outcrop
aws_access_key_id = ID
aws_secret_access_key = SECRET

[services outcrop]
bedrock_runtime =
  endpoint_url = URL
bedrock =
  endpoint_url = URL
`

// TestCLI runs the AWS CLI's commands as users type them.
func TestCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws")
	s := serveKeys(t)
	e := signed(s.url).with("AWS_MAX_ATTEMPTS", "").with("AWS_RETRY_MODE", "")
	want := expected(t)
	major := awsMajor(t)
	refusedCode := 255
	if major != "1" {
		refusedCode = 254
	}
	messages, err := json.Marshal(converseBody(question).(params)["messages"])
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claudeBody)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("converse", func(t *testing.T) {
		var response bedrock.ConverseResponse
		out := aws(t, e, t.TempDir(), "bedrock-runtime", "converse", "--model-id", profileARN, "--messages", string(messages))
		out.read(t, &response)
		if textOf(&response) != textOf(want) || response.Usage.TotalTokens != want.Usage.TotalTokens {
			t.Errorf("%s; the library says %q", out.stdout, textOf(want))
		}
	})
	t.Run("converse with a profile", func(t *testing.T) {
		config := filepath.Join(t.TempDir(), "config")
		text := strings.NewReplacer("URL", s.url, "ID", accessKeyID, "SECRET", secretKey, "REGION", region).Replace(profile)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := env{"AWS_CONFIG_FILE": config}
		var response bedrock.ConverseResponse
		out := aws(t, e, t.TempDir(), "bedrock-runtime", "converse", "--model-id", modelID, "--messages", string(messages), "--profile", "aws")
		out.read(t, &response)
		if textOf(&response) != textOf(want) {
			t.Errorf("%s; the library says %q", out.stdout, textOf(want))
		}
		var models struct{ ModelSummaries []struct{ ModelID string } }
		out = aws(t, e, t.TempDir(), "bedrock", "list-foundation-models", "--profile", "aws")
		if out.read(t, &models); len(models.ModelSummaries) == 0 {
			t.Error("no models")
		}
	})
	t.Run("invoke-model", func(t *testing.T) {
		dir := t.TempDir()
		args := []string{"bedrock-runtime", "invoke-model", "--model-id", modelID, "--body", string(body)}
		if major != "1" {
			args = append(args, "--cli-binary-format", "raw-in-base64-out")
		}
		var about struct{ ContentType string }
		out := aws(t, e, dir, append(args, "output.json")...)
		if out.read(t, &about); about.ContentType != "application/json" {
			t.Errorf("content type %q", about.ContentType)
		}
		file, err := os.ReadFile(filepath.Join(dir, "output.json"))
		if err != nil {
			t.Fatal(err)
		}
		var r claudeReply
		if err := json.Unmarshal(file, &r); err != nil {
			t.Fatalf("%v in %s", err, file)
		}
		checkClaude(t, &r, want)
	})
	t.Run("list-foundation-models", func(t *testing.T) {
		out := aws(t, e, t.TempDir(), "bedrock", "list-foundation-models", "--by-provider", "anthropic", "--query", "modelSummaries[].modelId", "--output", "text")
		if ids := strings.Fields(out.stdout); out.code != 0 || !slices.Contains(ids, modelID) || slices.ContainsFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "anthropic.") }) {
			t.Errorf("exit code %d, %s%s", out.code, out.stdout, out.stderr)
		}
	})
	t.Run("create-model-invocation-job", func(t *testing.T) {
		input := put(t, s.store(t), "in/cli.jsonl", records(100, func(int) any { return claudeBody }))
		var created, shown jobState
		out := aws(t, e, t.TempDir(), "bedrock", "create-model-invocation-job", "--model-id", modelID, "--job-name", "by-hand",
			"--role-arn", "arn:aws:iam::"+account+":role/batch",
			"--input-data-config", "s3InputDataConfig={s3Uri="+input+"}", "--output-data-config", "s3OutputDataConfig={s3Uri="+bucket+"out/}")
		out.read(t, &created)
		out = aws(t, e, t.TempDir(), "bedrock", "get-model-invocation-job", "--job-identifier", created.JobARN)
		if out.read(t, &shown); shown.JobName != "by-hand" || shown.JobARN != created.JobARN {
			t.Errorf("%s", out.stdout)
		}
	})
	t.Run("errors", func(t *testing.T) {
		for _, test := range []struct {
			args []string
			says string
		}{
			{
				[]string{"bedrock-runtime", "converse", "--model-id", "no.such-model", "--messages", string(messages)},
				"An error occurred (ValidationException) when calling the Converse operation: The provided model identifier is invalid.",
			},
			{
				[]string{"bedrock", "get-foundation-model", "--model-identifier", "no.such-model"},
				"An error occurred (ResourceNotFoundException) when calling the GetFoundationModel operation: modelIdentifier: there is no foundation model 'no.such-model'.",
			},
		} {
			out := aws(t, e, t.TempDir(), test.args...)
			if out.code != refusedCode || out.stdout != "" || !strings.Contains(out.stderr, test.says) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", out.code, out.stdout, out.stderr, refusedCode, test.says)
			}
		}
	})
}
