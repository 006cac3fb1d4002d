package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

// serving is `outcrop serve` in this process.
type serving struct {
	url  string
	stop func()
}

// line is a writer that gives away the first line written to it.
type line struct {
	mu    sync.Mutex
	text  bytes.Buffer
	first chan string
}

func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(b)
	if text, _, ok := strings.Cut(l.text.String(), "\n"); ok && l.first != nil {
		l.first <- text
		close(l.first)
		l.first = nil
	}
	return n, err
}

func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, words := &line{first: make(chan string, 1)}, &line{}
	first := out.first
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...), strings.NewReader(""), out, words)
	}()
	select {
	case url := <-first:
		s := &serving{url: url}
		s.stop = sync.OnceFunc(func() { cancel(); <-ended })
		t.Cleanup(s.stop)
		return s
	case code := <-ended:
		cancel()
		t.Fatalf("serve ended with %d: %s", code, words.text.String())
		return nil
	}
}

// grants reads what became of a strict server's calls to a model.
func (s *serving) grants(t *testing.T, model string) (accepted, throttled int64, spent float64) {
	t.Helper()
	response, err := http.Get(s.url + "/outcrop/grants")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var counts struct {
		Pools []struct {
			Model    string  `json:"model"`
			Accepted int64   `json:"accepted"`
			Tokens   int64   `json:"throttledForTokens"`
			Requests int64   `json:"throttledForRequests"`
			Spent    float64 `json:"spent"`
		} `json:"pools"`
	}
	if err := json.NewDecoder(response.Body).Decode(&counts); err != nil {
		t.Fatal(err)
	}
	for _, p := range counts.Pools {
		if p.Model == model {
			return p.Accepted, p.Tokens + p.Requests, p.Spent
		}
	}
	return 0, 0, 0
}

// load asks a server from many goroutines until the time is over, as programs
// with the AWS SDK do that try once. Half of the calls stream. It returns how
// many succeeded, were throttled and failed otherwise.
func load(t *testing.T, url, model string, workers int, lasts time.Duration) (ok, throttled, failed int64) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	defer transport.CloseIdleConnections()
	client := bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
	var n [3]atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(lasts)
	for w := range workers {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				err := askOnce(client, model, fmt.Sprintf("Worker %d asks for the %dth time: %s", w, i, strings.Repeat("tell me of rivers and stones. ", 1+(w*7+i*13)%40)), (w+i)%2 == 0)
				var e smithy.APIError
				switch {
				case err == nil:
					n[0].Add(1)
				case errors.As(err, &e) && e.ErrorCode() == "ThrottlingException":
					n[1].Add(1)
					time.Sleep(20 * time.Millisecond) // who asks at once again would measure only that
				default:
					n[2].Add(1)
					t.Log(err)
				}
			}
		})
	}
	wg.Wait()
	return n[0].Load(), n[1].Load(), n[2].Load()
}

func askOnce(client *bedrockruntime.Client, model, text string, streams bool) error {
	messages := []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}}
	config := &types.InferenceConfiguration{MaxTokens: aws.Int32(300)}
	if !streams {
		_, err := client.Converse(context.Background(), &bedrockruntime.ConverseInput{ModelId: &model, Messages: messages, InferenceConfig: config})
		return err
	}
	out, err := client.ConverseStream(context.Background(), &bedrockruntime.ConverseStreamInput{ModelId: &model, Messages: messages, InferenceConfig: config})
	if err != nil {
		return err
	}
	stream := out.GetStream()
	for range stream.Events() {
	}
	err = stream.Err()
	if closing := stream.Close(); err == nil {
		err = closing
	}
	return err
}

// TestGovernedOverHTTP: in front of a service that throttles, an Outcrop with
// the quota in its configuration is not throttled and spends nearly all of it,
// where clients of the service itself are throttled. OUTCROP_LONG=1 runs it for
// a minute instead of six seconds.
func TestGovernedOverHTTP(t *testing.T) {
	const (
		governed = "anthropic.claude-sonnet-4-5-20250929-v1:0"
		alone    = "anthropic.claude-haiku-4-5-20251001-v1:0"
		workers  = 60
		tpm      = 1_200_000
	)
	lasts, window := 6*time.Second, 2*time.Second
	if os.Getenv("OUTCROP_LONG") != "" {
		lasts, window = time.Minute, 10*time.Second
	} else if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("OUTCROP_ENDPOINT", "")
	grants := write("grants.yaml", fmt.Sprintf("grants: [{match: 'anthropic.*', tpm: %d, rpm: 100000, window: %s, burndown: 5}]\n", tpm, window))
	pace := write("strict.yaml", "simulator: {pace: true, firstToken: 50ms, tokensPerSecond: 400}\n")
	service := startServing(t, "--config", pace, "--quotas", grants)
	front := startServing(t, "--config", write("front.yaml", fmt.Sprintf(`
backends: {bedrock: {kind: amazon, region: us-east-1, endpoint: %q}}
quotas: {models: [{match: "anthropic.*", tpm: %d, rpm: 100000, window: %s, burndown: 5, accounting: bucket}]}
`, service.url, tpm, window)))

	begun := time.Now()
	ok, throttled, failed := load(t, front.url, governed, workers, lasts)
	took := time.Since(begun)
	_, refused, spent := service.grants(t, governed)
	share := spent / (tpm * (took.Minutes() + window.Minutes())) // a bucket begins with a window's worth
	t.Logf("governed: %d answered in %s, %d throttled, %d failed; the service throttled %d, and %.1f %% of the quota was used", ok, took.Round(time.Millisecond), throttled, failed, refused, 100*share)
	if ok == 0 || throttled != 0 || failed != 0 || refused != 0 {
		t.Error("a governed client was throttled, or failed")
	}
	if share < 0.7 && os.Getenv("OUTCROP_LONG") != "" { // in seconds, a busy machine may not keep up
		t.Error("most of the quota should be used")
	}

	begun = time.Now()
	ok, throttled, failed = load(t, service.url, alone, workers, lasts/2)
	took = time.Since(begun)
	_, refused, spent = service.grants(t, alone)
	share = spent / (tpm * (took.Minutes() + window.Minutes()))
	t.Logf("ungoverned: %d answered in %s, %d throttled, %d failed; %.1f %% of the quota was used", ok, took.Round(time.Millisecond), throttled, failed, 100*share)
	if throttled == 0 || refused != throttled || failed != 0 {
		t.Errorf("a client without a governor: %d throttled by its own count, %d by the service's", throttled, refused)
	}
}
