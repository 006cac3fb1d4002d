package batch

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// task is what a valid request asks for, in one form for all ways of asking.
type task struct {
	modelID  string
	converse bool   // modelInput is a Converse request
	object   string // the URI of one .jsonl object; or
	folder   string // the URI of many, with a slash at the end; or
	inline   []byte // one body, on one line
	output   string // URI without a slash at the end

	reads, writes outcrop.ObjectScope // what is asked of the buckets of input and output
}

// scope is what is asked of a bucket, on behalf of the job's caller.
func (j *job) scope(s outcrop.ObjectScope) outcrop.ObjectScope {
	s.Account = j.caller.Account
	return s
}

const (
	recordsSuffix = ".jsonl"
	resultSuffix  = ".out"
	inlineName    = "inline" + recordsSuffix
	manifestName  = "manifest.json" + resultSuffix
)

// readRequest checks what can be told of a request alone. Whether objects
// exist is found out when the job is validated.
func readRequest(req *bedrock.CreateModelInvocationJobRequest, limits func(modelID string) Limits) (task, error) {
	if err := bedrock.Validate(req); err != nil {
		return task{}, outcrop.AsError(err)
	}
	t := task{modelID: req.ModelID, converse: req.ModelInvocationType == bedrock.ModelInvocationTypeConverse}
	if err := t.readInput(&req.InputDataConfig, limits(req.ModelID)); err != nil {
		return task{}, err
	}
	if err := t.readOutput(&req.OutputDataConfig); err != nil {
		return task{}, err
	}
	return t, nil
}

func (t *task) readInput(in *bedrock.ModelInvocationJobInputDataConfig, limits Limits) error {
	switch s3 := in.S3InputDataConfig; {
	case s3 != nil && (in.Text != "" || in.ContentType != ""):
		return outcrop.Invalid("inputDataConfig", "give s3InputDataConfig, or contentType and text, not both")
	case s3 != nil && strings.HasSuffix(s3.S3URI, recordsSuffix):
		t.object, t.reads.BucketOwner = s3.S3URI, s3.S3BucketOwner
		return nil
	case s3 != nil:
		t.reads.BucketOwner = s3.S3BucketOwner
		t.folder = strings.TrimRight(s3.S3URI, "/") + "/"
		return nil
	case in.Text == "":
		return outcrop.Invalid("inputDataConfig", "give s3InputDataConfig, or contentType and text")
	}
	media, _, err := mime.ParseMediaType(in.ContentType)
	if err != nil && in.ContentType != "" || media != "" && media != "application/json" {
		return outcrop.Invalid("inputDataConfig.contentType", "must be application/json")
	}
	if len(in.Text) > limits.MaxLineBytes {
		return outcrop.Invalid("inputDataConfig.text", "has %d bytes, more than %d", len(in.Text), limits.MaxLineBytes)
	}
	var body bedrock.Document
	if err := bedrock.Unmarshal([]byte(in.Text), &body); err != nil {
		return outcrop.Invalid("inputDataConfig.text", "%w", err)
	}
	if body.Kind() != '{' {
		return outcrop.Invalid("inputDataConfig.text", "must be a JSON object, the body of one request")
	}
	var line bytes.Buffer
	if err := json.Compact(&line, body); err != nil {
		return outcrop.Invalid("inputDataConfig.text", "%w", err)
	}
	t.inline = line.Bytes()
	return nil
}

func (t *task) readOutput(out *bedrock.ModelInvocationJobOutputDataConfig) error {
	field, uri := "outputDataConfig.s3OutputDataConfig.s3Uri", ""
	switch s3 := out.S3OutputDataConfig; {
	case s3 != nil && out.S3URI != "":
		return outcrop.Invalid("outputDataConfig", "give s3OutputDataConfig or s3Uri, not both")
	case s3 != nil:
		uri = s3.S3URI
		t.writes = outcrop.ObjectScope{BucketOwner: s3.S3BucketOwner, EncryptionKeyID: s3.S3EncryptionKeyID}
	case out.S3URI != "":
		field, uri = "outputDataConfig.s3Uri", out.S3URI
		same := bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: uri}
		if err := bedrock.Validate(&same); err != nil {
			return outcrop.Invalid(field, "%w", err)
		}
	default:
		return outcrop.Invalid("outputDataConfig", "give s3OutputDataConfig or s3Uri")
	}
	t.output = strings.TrimRight(uri, "/")
	if t.folder != "" && strings.HasPrefix(t.output+"/", t.folder) {
		return outcrop.Invalid(field, "%s lies inside the input %s; results must go elsewhere", t.output, t.folder)
	}
	return nil
}
