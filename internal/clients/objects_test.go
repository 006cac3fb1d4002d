package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stored is what the programs show of S3's replies.
type stored struct {
	Status      int
	Text        string
	ContentType string
	Metadata    map[string]string
	ETag        string
	IDs         []string
	Prefixes    []string
	Pages       int
	Same        bool
	Size        int
	Removed     int
}

// lines are n records as people write them: one of them cannot be answered.
func lines(n, bad int) string {
	var b strings.Builder
	for i := range n {
		body := any(claudeBody)
		if i == bad {
			body = params{"messages": "not a list"}
		}
		line, err := json.Marshal(params{"recordId": fmt.Sprintf("record-%04d", i), "modelInput": body})
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// counts are those of a manifest.
type counts struct {
	TotalRecordCount, ProcessedRecordCount, SuccessRecordCount, ErrorRecordCount int
}

// checkResults holds what a job wrote against its state and its input.
func checkResults(t *testing.T, done *jobState, manifest, results string, n, bad int) {
	t.Helper()
	var got counts
	if err := json.Unmarshal([]byte(manifest), &got); err != nil {
		t.Fatalf("the manifest: %v in %s", err, manifest)
	}
	want := counts{n, n, n - 1, 1}
	if state := (counts{done.TotalRecordCount, done.ProcessedRecordCount, done.SuccessRecordCount, done.ErrorRecordCount}); got != want || state != want || done.Status != "Completed" {
		t.Errorf("the manifest says %+v, the job %s with %+v; want %+v (%s)", got, done.Status, state, want, done.Message)
	}
	failed := 0
	all := strings.SplitAfter(strings.TrimSuffix(results, "\n"), "\n")
	for i, text := range all {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.RecordID != fmt.Sprintf("record-%04d", i) {
			t.Fatalf("line %d is of %s", i, l.RecordID)
		}
		if l.Error != nil {
			failed++
		}
	}
	if len(all) != n || failed != 1 {
		t.Errorf("%d results of which %d are errors; want %d and 1", len(all), failed, n)
	}
}

// TestObjects: the S3 clients of the SDKs store, list and fetch objects on the
// server's own port, and a job reads what they stored and writes what they
// fetch.
func TestObjects(t *testing.T) {
	t.Parallel()
	need(t, "")
	for _, c := range []sdk{
		{"js", "", func(t *testing.T, e env) *program { return node(t, "s3.mjs", e) }},
		{"boto3", "", func(t *testing.T, e env) *program { return boto3(t, e) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := c.start(t, nil)
			s := serveKeys(t)
			p.configure(t, signed(s.url))
			const b = "client-objects"
			at := func(key string) params { return params{"bucket": b, "key": key} }

			if made := result[stored](t, p, "makeBucket", params{"bucket": b}); !slices.Equal(made.IDs, []string{b}) {
				t.Errorf("buckets %v", made.IDs)
			}
			keys := []string{"a b+c/ünï.txt", "dir/one", "dir/two", "empty", "streamed"}
			for _, key := range keys[:4] {
				text := "text of " + key
				if key == "empty" {
					text = ""
				}
				result[stored](t, p, "putObject", params{"bucket": b, "key": key, "text": text, "ContentType": "text/plain", "Metadata": params{"colour": "red"}})
			}
			streamed := strings.Repeat("streamed ", 2_000)
			result[stored](t, p, "putStream", params{"bucket": b, "key": "streamed", "text": streamed})
			got := result[stored](t, p, "getObject", at("a b+c/ünï.txt"))
			if got.Text != "text of a b+c/ünï.txt" || got.ContentType != "text/plain" || got.Metadata["colour"] != "red" {
				t.Errorf("%+v", got)
			}
			if got := result[stored](t, p, "getObject", at("streamed")); got.Text != streamed {
				t.Errorf("%d bytes that are others", len(got.Text))
			}
			if got := result[stored](t, p, "getObject", at("empty")); got.Text != "" {
				t.Errorf("%q", got.Text)
			}
			if part := result[stored](t, p, "getObject", params{"bucket": b, "key": "dir/one", "Range": "bytes=5-6"}); part.Text != "of" || part.Status != 206 {
				t.Errorf("%+v", part)
			}
			if all := result[stored](t, p, "listObjects", params{"bucket": b}); !slices.Equal(all.IDs, keys) || all.Pages != 3 {
				t.Errorf("%q in %d pages", all.IDs, all.Pages)
			}
			if top := result[stored](t, p, "listObjects", params{"bucket": b, "Delimiter": "/"}); !slices.Equal(top.IDs, []string{"empty", "streamed"}) || !slices.Equal(top.Prefixes, []string{"a b+c/", "dir/"}) {
				t.Errorf("%q and %q", top.IDs, top.Prefixes)
			}
			if big := result[stored](t, p, "uploadParts", params{"bucket": b, "key": "big", "size": 12 << 20}); !big.Same || big.Size != 12<<20 || !strings.Contains(big.ETag, "-") {
				t.Errorf("%+v", big)
			}
			copied := result[stored](t, p, "copyObject", params{"bucket": b, "key": "copy", "source": "a b+c/ünï.txt"})
			if again := result[stored](t, p, "getObject", at("copy")); again.Text != got.Text || again.ETag != copied.ETag || again.Metadata["colour"] != "red" {
				t.Errorf("%+v", again)
			}
			for _, tt := range []struct {
				bucket, key, code string
				status            int
			}{{b, "none", "NoSuchKey", 404}, {"no-such-bucket", "none", "NoSuchBucket", 404}} {
				f := refused(t, p, "getObject", params{"bucket": tt.bucket, "key": tt.key})
				if f.Name != tt.code || f.Status != tt.status || !f.Exception || f.RequestID == "" {
					t.Errorf("%+v, want %s", f, tt.code)
				}
			}
			if c.name == "boto3" {
				if urls := result[stored](t, p, "presigned", at("dir/one")); !slices.Equal(urls.IDs, []string{"text of dir/one", "text of dir/one"}) {
					t.Errorf("%q", urls.IDs)
				}
			}

			const n, bad = 120, 7
			result[stored](t, p, "putObject", params{"bucket": b, "key": "in/records.jsonl", "text": lines(n, bad)})
			created := result[job](t, p, "createJob", params{"name": "end-to-end", "modelId": modelID, "input": "s3://" + b + "/in/records.jsonl", "output": "s3://" + b + "/out/"})
			done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
			_, id, _ := strings.Cut(created.JobARN, "/")
			manifest := result[stored](t, p, "getObject", at("out/"+id+"/manifest.json.out"))
			output := result[stored](t, p, "getObject", at("out/"+id+"/records.jsonl.out"))
			checkResults(t, &done, manifest.Text, output.Text, n, bad)

			if gone := result[stored](t, p, "removeAll", params{"bucket": b}); gone.Removed != 10 {
				t.Errorf("%d objects were removed, want 10", gone.Removed)
			}

			p.configure(t, signed(s.url).with("AWS_SECRET_ACCESS_KEY", "wrong"))
			if f := refused(t, p, "makeBucket", params{"bucket": "never"}); f.Name != "SignatureDoesNotMatch" || f.Status != 403 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestObjectsCLI runs `aws s3` as users type it, and a job between two copies.
func TestObjectsCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws")
	s := serve(t)
	e := signed(s.url).with("AWS_MAX_ATTEMPTS", "").with("AWS_RETRY_MODE", "")
	dir := t.TempDir()
	run := func(want string, args ...string) string {
		t.Helper()
		out := aws(t, e, dir, args...)
		if out.code != 0 || !strings.Contains(out.stdout, want) {
			t.Fatalf("aws %s: exit code %d, %s%s; want %q", strings.Join(args, " "), out.code, out.stdout, out.stderr, want)
		}
		return out.stdout
	}
	const n, bad = 120, 0
	big := strings.Repeat("0123456789abcdef", 9<<20/16)
	for name, text := range map[string]string{"records.jsonl": lines(n, bad), "big.bin": big} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("make_bucket: cli-objects", "s3", "mb", "s3://cli-objects")
	run("upload:", "s3", "cp", "--no-progress", "records.jsonl", "s3://cli-objects/in/")
	run("upload:", "s3", "cp", "--no-progress", "big.bin", "s3://cli-objects/big.bin")
	run("PRE in/", "s3", "ls", "s3://cli-objects")
	run("big.bin", "s3", "ls", "--recursive", "s3://cli-objects")
	run("copy:", "s3", "cp", "--no-progress", "s3://cli-objects/big.bin", "s3://cli-objects/copy of big.bin")
	run("download:", "s3", "cp", "--no-progress", "s3://cli-objects/copy of big.bin", "back.bin")
	if back, err := os.ReadFile(filepath.Join(dir, "back.bin")); err != nil || string(back) != big {
		t.Errorf("%d bytes come back, error %v", len(back), err)
	}
	for _, of := range []string{"us-east-1", "eu-central-1"} { // with a signature of version 2, and of 4
		url := strings.TrimSpace(run("http", "s3", "presign", "--region", of, "s3://cli-objects/big.bin"))
		reply, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != 200 || reply.ContentLength != int64(len(big)) {
			t.Errorf("%s: %s, %d bytes", of, reply.Status, reply.ContentLength)
		}
	}

	var created, done jobState
	out := aws(t, e, dir, "bedrock", "create-model-invocation-job", "--model-id", modelID, "--job-name", "by-cli",
		"--role-arn", "arn:aws:iam::"+account+":role/batch",
		"--input-data-config", "s3InputDataConfig={s3Uri=s3://cli-objects/in/records.jsonl}", "--output-data-config", "s3OutputDataConfig={s3Uri=s3://cli-objects/out/}")
	out.read(t, &created)
	for done.Status == "" || !slices.Contains([]string{"Completed", "Failed", "Stopped", "Expired", "PartiallyCompleted"}, done.Status) {
		out = aws(t, e, dir, "bedrock", "get-model-invocation-job", "--job-identifier", created.JobARN)
		out.read(t, &done)
	}
	_, id, _ := strings.Cut(created.JobARN, "/")
	run("download:", "s3", "cp", "--no-progress", "--recursive", "s3://cli-objects/out/"+id, "results")
	manifest, err := os.ReadFile(filepath.Join(dir, "results", "manifest.json.out"))
	if err != nil {
		t.Fatal(err)
	}
	results, err := os.ReadFile(filepath.Join(dir, "results", "records.jsonl.out"))
	if err != nil {
		t.Fatal(err)
	}
	checkResults(t, &done, string(manifest), string(results), n, bad)

	run("delete:", "s3", "rm", "--recursive", "s3://cli-objects")
	run("remove_bucket: cli-objects", "s3", "rb", "s3://cli-objects")
	if left := run("", "s3", "ls"); left != "" {
		t.Errorf("left: %s", left)
	}
	missing := aws(t, e, dir, "s3", "cp", "s3://cli-objects/big.bin", "never")
	if missing.code == 0 || !strings.Contains(missing.stderr, "404") {
		t.Errorf("exit code %d, %s", missing.code, missing.stderr)
	}
}
