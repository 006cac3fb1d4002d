package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/outcrop-ai/outcrop/internal/benchproc"
)

const (
	benchModel   = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
	benchRequest = `{"messages":[{"role":"user","content":[{"text":"Explain why the sky is blue during the day and red in the evening, for a child who likes physics. Answer in 12 sentences."}]}],"inferenceConfig":{"maxTokens":512,"temperature":0.5},"system":[{"text":"You are brief."}]}`

	benchKeyID  = "AKIDEXAMPLE"
	benchSecret = "an-example-secret"
	benchKeys   = "tenants:\n  - name: dev\n    accessKeys:\n      - id: " + benchKeyID + "\n        secret: " + benchSecret + "\n"
)

// benchWire is a request as an SDK sends it, signed.
func benchWire(b *testing.B, addr, path, body string) []byte {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 api/bedrockruntime#1.63.11")
	r.Header.Set("Amz-Sdk-Invocation-Id", "0c7bba16-a9d3-4d3a-8d0b-b3a5a4f2ba4f")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: benchKeyID, SecretAccessKey: benchSecret}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), "bedrock", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	return benchproc.Wire(b, r)
}

func modelPath(operation string) string {
	return "/model/" + strings.ReplaceAll(benchModel, ":", "%3A") + "/" + operation
}

// answered fails the benchmark unless a reply is whole, with its text and
// with tokens that add up.
func answered(b *testing.B, body []byte) {
	b.Helper()
	var reply struct {
		Output struct {
			Message struct{ Content []struct{ Text string } }
		}
		StopReason string
		Usage      struct{ InputTokens, OutputTokens, TotalTokens int }
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		b.Fatalf("%v: %s", err, body)
	}
	u := reply.Usage
	if len(reply.Output.Message.Content) != 1 || len(reply.Output.Message.Content[0].Text) < 200 || reply.StopReason != "end_turn" ||
		u.InputTokens < 20 || u.OutputTokens < 50 || u.TotalTokens != u.InputTokens+u.OutputTokens {
		b.Fatalf("the reply is %s", body)
	}
}

// BenchmarkServe compares `outcrop serve`, whose simulator answers Converse,
// with a bare net/http handler that returns the same bytes: "bare" in Go's own
// settings, "tuned" with the garbage collector set as serve sets it, and with
// "floor", a net/http handler that does nothing but ask the simulator. All get
// the request of an SDK, signed; "keys" verifies it.
func BenchmarkServe(b *testing.B) {
	dir := b.TempDir()
	keys, reply := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "reply.json")
	if err := os.WriteFile(keys, []byte(benchKeys), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, conns := range []int{1, 32} {
		b.Run(fmt.Sprintf("connections=%d", conns), func(b *testing.B) {
			serve := benchproc.Start(b, "serve")
			body, err := serve.Connect(b).RoundTrip(benchWire(b, serve.Addr, modelPath("converse"), benchRequest))
			if err != nil {
				b.Fatal(err)
			}
			answered(b, body)
			want := bytes.Clone(body)
			if err := os.WriteFile(reply, want, 0o600); err != nil {
				b.Fatal(err)
			}
			var loads []*benchproc.Load
			for _, p := range []*benchproc.Process{
				benchproc.Start(b, "bare", benchReply+"="+reply), benchproc.Start(b, "tuned", benchReply+"="+reply),
				benchproc.Start(b, "floor"), serve, benchproc.Start(b, "keys", benchArgs+"=--keys "+keys),
			} {
				wire := benchWire(b, p.Addr, modelPath("converse"), benchRequest)
				loads = append(loads, benchproc.NewLoad(b, p, conns, wire, func(got []byte) bool { return bytes.Equal(got, want) }))
			}
			benchproc.Compare(b, 2000, loads...)
			benchproc.Report(b, loads[0], loads[0], loads[1])
			for _, l := range loads[2:] {
				b.ReportMetric(l.Result(loads[1]).Ratio, l.Name+"/tuned")
			}
			benchproc.Report(b, loads[0], loads[2:]...)
		})
	}
}

// BenchmarkServeHop measures what a hop costs: Go's reverse proxy in front of
// an upstream, and `outcrop serve` with that upstream as its back-end, which
// signs anew towards Bedrock and translates towards Chat Completions. Both
// have the same settings of the garbage collector, Go's own unless serve sets
// others. Streams have 100 chunks: in "burst" they come as fast as the
// upstream can write, in "paced" one in 4 ms, or in 1 ms on one connection.
func BenchmarkServeHop(b *testing.B) {
	for _, what := range []struct {
		name, operation, pace string
		turn                  int
	}{
		{"whole", "converse", "0s", 1000},
		{"burst", "converse-stream", "0s", 64},
		{"paced", "converse-stream", "4ms", 32},
	} {
		for _, conns := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/connections=%d", what.name, conns), func(b *testing.B) {
				turn, pace := what.turn, what.pace
				if conns == 1 && pace != "0s" {
					turn, pace = 4, "1ms" // or it would take long
				}
				hop(b, what.operation, pace, conns, turn)
			})
		}
	}
}

func hop(b *testing.B, operation, pace string, conns, turn int) {
	b.Helper()
	upstream := func(kind string) *benchproc.Process { return benchproc.Start(b, kind, benchPace+"="+pace) }
	bedrock, engine := upstream("bedrock"), upstream("engine")
	var loads []*benchproc.Load
	add := func(name string, p *benchproc.Process, path, body string) {
		b.Helper()
		wire := benchWire(b, p.Addr, path, body)
		first, err := p.Connect(b).RoundTrip(wire)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		size := len(first)
		l := benchproc.NewLoad(b, p, conns, wire, func(got []byte) bool { return len(got) > size-64 && len(got) < size+64 })
		if l.Name = name; operation == "converse-stream" {
			l.Parts = benchChunks
		}
		loads = append(loads, l)
	}
	converse, chat := modelPath(operation), "/v1/chat/completions"
	add("direct", bedrock, converse, benchRequest)
	proxy := func(to *benchproc.Process) *benchproc.Process {
		return benchproc.Start(b, "proxy", benchTarget+"="+to.Addr)
	}
	add("proxy", proxy(bedrock), converse, benchRequest)
	add("amazon", benchproc.Start(
		b, "amazon", benchArgs+"=--backend amazon=us-east-1", "AWS_ENDPOINT_URL=http://"+bedrock.Addr,
		"AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	), converse, benchRequest)
	question := `{"model":"m","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"Explain why the sky is blue during the day and red in the evening, for a child who likes physics. Answer in 12 sentences."}],"max_tokens":512,"temperature":0.5`
	if operation == "converse-stream" {
		question += `,"stream":true,"stream_options":{"include_usage":true}`
	}
	add("chatproxy", proxy(engine), chat, question+"}")
	add("openai", benchproc.Start(b, "openai", benchArgs+"=--backend openai=http://"+engine.Addr+"/v1"), converse, benchRequest)
	benchproc.Compare(b, turn, loads...)
	benchproc.Report(b, loads[1], loads[:3]...)
	benchproc.Report(b, loads[3], loads[3:]...)
}

// BenchmarkServeOpenStreams measures what 1,000 streams cost that are open and
// wait for their model's next event.
func BenchmarkServeOpenStreams(b *testing.B) {
	const streams = 1000
	for _, tt := range []struct{ kind, args string }{
		{"bare", ""},
		{"serve", "--pace --set simulator.firstToken=1ms --set simulator.tokensPerSecond=0.001"},
	} {
		b.Run(tt.kind, func(b *testing.B) {
			var each, resident, files float64
			for b.Loop() {
				p := benchproc.Start(b, tt.kind, benchArgs+"="+tt.args)
				wire := benchWire(b, p.Addr, modelPath("converse-stream"), benchRequest)
				before := p.Memory(b)
				for range streams {
					c := p.Connect(b)
					if _, err := c.Write(wire); err != nil {
						b.Fatal(err)
					}
					if _, err := c.ReadHeader(); err != nil {
						b.Fatal(err)
					}
				}
				each += (p.Memory(b) - before) / streams
				all, ofFiles := p.Resident()
				resident, files = resident+all, files+ofFiles
			}
			b.ReportMetric(each/float64(b.N), "B/stream")
			b.ReportMetric(resident/float64(b.N)/1e6, "MB-resident")
			b.ReportMetric(files/float64(b.N)/1e6, "MB-of-files")
		})
	}
}
