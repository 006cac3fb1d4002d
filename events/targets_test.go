package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) {
	if os.Getenv("EVENTS_TEST_PROGRAM") != "" {
		program()
	}
	goleak.VerifyTestMain(m)
}

const jobARN = "arn:aws:bedrock:us-east-1:000000000000:model-invocation-job/abcdef123456"

func history(statuses ...bedrock.ModelInvocationJobStatus) batch.History {
	now := time.Now()
	h := batch.History{ID: "abcdef123456", ARN: jobARN, Name: "nightly", ModelID: "m", Account: "000000000000", Region: "us-east-1", Submitted: now}
	for i, s := range statuses {
		h.Changes = append(h.Changes, batch.Change{Status: s, Time: now.Add(time.Duration(i))})
	}
	return h
}

const (
	submitted = bedrock.ModelInvocationJobStatusSubmitted
	completed = bedrock.ModelInvocationJobStatusCompleted
	failed    = bedrock.ModelInvocationJobStatusFailed
)

// open makes a dispatcher with one target, whose changes are all new to it.
func open(t *testing.T, target events.Target, c events.Config) *events.Dispatcher {
	t.Helper()
	c.Targets = []events.Subscription{{Name: "one", Target: target}}
	c.Backoff = events.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	d, err := events.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

func read(t *testing.T, text []byte) events.Event {
	t.Helper()
	var e events.Event
	if err := json.Unmarshal(text, &e); err != nil {
		t.Errorf("%q is no event: %v", text, err)
	}
	return e
}

// TestWebhook is refused twice, once by a status that is no 2xx and once by a
// redirect, before it takes anything.
func TestWebhook(t *testing.T) {
	var log strings.Builder
	got := make(chan events.Event, 10)
	answers := []int{http.StatusServiceUnavailable, http.StatusTemporaryRedirect}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signature := r.Header.Get(events.SignatureHeader)
		at, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
		seconds := time.Time{}
		if n, err := time.ParseDuration(at + "s"); err == nil {
			seconds = time.Unix(int64(n.Seconds()), 0)
		}
		if signature != events.Sign("s3cret", seconds, body) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("signature %q of a body of type %q", signature, r.Header.Get("Content-Type"))
		}
		if len(answers) > 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(answers[0])
			answers = answers[1:]
			return
		}
		got <- read(t, body)
	}))
	defer s.Close()
	d := open(t, events.NewWebhook(events.Webhook{URL: s.URL + "/hook?token=hidden", Secret: "s3cret"}),
		events.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	h := history(submitted, completed)
	d.Changed(h)
	first, second := <-got, <-got
	if first.Detail.Status != submitted || second.Detail.Status != completed || first.ID == second.ID {
		t.Errorf("%s, then %s", first.Detail.Status, second.Detail.Status)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.Owes(h.ID) {
		t.Error("something is owed still")
	}
	text := log.String()
	if n := strings.Count(text, "was not delivered"); n != 2 || strings.Contains(text, "hidden") || strings.Contains(text, "s3cret") {
		t.Errorf("the log has %d failures, want 2, and no secrets:\n%s", n, text)
	}
}

func TestWebhookBearer(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	defer s.Close()
	open(t, events.NewWebhook(events.Webhook{URL: s.URL, Bearer: "token"}), events.Config{}).Changed(history(completed))
	if token := <-got; token != "Bearer token" {
		t.Errorf("authorization %q", token)
	}
}

// program is what TestCommand runs: it appends what it reads to a file, after
// it has failed once.
func program() {
	dir := os.Args[1]
	if err := os.Mkdir(filepath.Join(dir, "failed"), 0o700); err == nil {
		fmt.Fprintln(os.Stderr, "first words\nnot yet")
		os.Exit(3)
	}
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, string(rune('a'+len(glob(dir))))+".json"), text, 0o600)
	}
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func glob(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	return files
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("EVENTS_TEST_PROGRAM", "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	target := events.NewCommand([]string{program, dir})
	err = target.Deliver(t.Context(), &events.Event{}, []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "exit status 3: not yet") {
		t.Errorf("error %v, want the exit code and the last words", err)
	}
	if err := events.NewCommand(nil).Deliver(t.Context(), &events.Event{}, []byte("{}")); err == nil || !strings.Contains(err.Error(), "no program is named") {
		t.Errorf("without a program: error %v", err)
	}
	d := open(t, target, events.Config{Grace: time.Minute, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	d.Changed(history(submitted, failed))
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []bedrock.ModelInvocationJobStatus
	for _, file := range glob(dir) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, read(t, text).Detail.Status)
	}
	if !slices.Equal(got, []bedrock.ModelInvocationJobStatus{submitted, failed}) {
		t.Errorf("the program was told of %v", got)
	}
}

// TestCommandTimeout: a program that does not end is ended.
func TestCommandTimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := events.NewCommand([]string{"sleep", "3600"}).Deliver(ctx, &events.Event{}, nil)
	if err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("error %v", err)
	}
}

const snsKeys = `
tenants:
  - name: sns
    accessKeys: [{id: AKIDEXAMPLE, secret: a-secret}]
`

// TestSNS publishes to a service that checks signatures as AWS does.
func TestSNS(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
	keys, err := sigv4.ParseKeys("keys.yaml", []byte(snsKeys))
	if err != nil {
		t.Fatal(err)
	}
	verifier := &sigv4.Verifier{Keys: keys, Services: []string{"sns"}}
	got := make(chan url.Values, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req, err := sigv4.Parse(r)
		if err == nil {
			_, err = verifier.Verify(req, body)
		}
		if err == nil && req.Scope.Region != "eu-central-1" {
			err = fmt.Errorf("region %s", req.Scope.Region)
		}
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>%v</Message></Error></ErrorResponse>", err)
			return
		}
		form, _ := url.ParseQuery(string(body))
		got <- form
	}))
	defer s.Close()
	sign, err := amazon.Signer(t.Context(), amazon.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const topic = "arn:aws:sns:eu-central-1:123456789012:jobs.fifo"
	target, err := events.NewSNS(events.SNS{TopicARN: topic, Sign: sign, Endpoint: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	open(t, target, events.Config{}).Changed(history(completed))
	form := <-got
	e := read(t, []byte(form.Get("Message")))
	if e.Detail.Status != completed || form.Get("Action") != "Publish" || form.Get("TopicArn") != topic {
		t.Errorf("published %v", form)
	}
	if form.Get("MessageDeduplicationId") != e.ID || form.Get("MessageGroupId") != "abcdef123456" {
		t.Errorf("a FIFO topic got %v", form)
	}

	wrong := func(ctx context.Context, r *http.Request, _ []byte, service, region string) error {
		return sign(ctx, r, []byte("another body"), service, region)
	}
	target, _ = events.NewSNS(events.SNS{TopicARN: topic, Sign: wrong, Endpoint: s.URL})
	err = target.Deliver(t.Context(), &e, []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden: SignatureDoesNotMatch") {
		t.Errorf("a wrong signature: error %v", err)
	}
	if _, err := events.NewSNS(events.SNS{TopicARN: "jobs", Sign: sign}); err == nil {
		t.Error("jobs is taken for the ARN of a topic")
	}
	_ = target.Close()
}

func TestNATS(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sub, err := conn.SubscribeSync("jobs.>")
	if err != nil || conn.Flush() != nil {
		t.Fatal(err)
	}
	open(t, events.NewNATS(events.NATS{URL: s.ClientURL(), Subject: "jobs.changed"}), events.Config{}).Changed(history(submitted, completed))
	for _, want := range []bedrock.ModelInvocationJobStatus{submitted, completed} {
		m, err := sub.NextMsg(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if e := read(t, m.Data); e.Detail.Status != want || m.Header.Get("Nats-Msg-Id") != e.ID {
			t.Errorf("got %s with id %s, want %s", e.Detail.Status, m.Header.Get("Nats-Msg-Id"), want)
		}
	}

	// With Stream, nothing is taken before there is a stream, and a repeat is
	// kept once.
	target := events.NewNATS(events.NATS{URL: s.ClientURL(), Subject: "kept.jobs", Stream: true})
	defer target.Close()
	e := &events.Event{ID: "an-id"}
	if err := target.Deliver(t.Context(), e, []byte("{}")); err == nil {
		t.Error("an event was taken, and no stream is there")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := target.Deliver(t.Context(), e, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("the stream has %+v, error %v; want one message", info.State, err)
	}
}

// What is wrong with a URL is logged without its password, which may be what is
// wrong with it.
func TestNATSShowsNoPassword(t *testing.T) {
	for _, address := range []string{"nats://user:sec%ret@127.0.0.1:4222", "nats://user:sec%25ret@[bad", "nats://user:sec%25ret@127.0.0.1:1"} {
		target := events.NewNATS(events.NATS{URL: address, Subject: "jobs"})
		err := target.Deliver(t.Context(), &events.Event{ID: "an-id"}, []byte("{}"))
		if err == nil || !strings.Contains(err.Error(), "the NATS server cannot be reached") || strings.Contains(err.Error(), "sec%") {
			t.Errorf("%s: error %v", address, err)
		}
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
}

// refusing never takes anything, and tells of each attempt.
type refusing struct{ attempts chan string }

func (r *refusing) Deliver(_ context.Context, e *events.Event, _ []byte) error {
	r.attempts <- e.ID
	return errors.New("no")
}
func (*refusing) Close() error { return nil }

// TestUndelivered: what waits is listed, owed, and left alone by Changed of the
// same.
func TestUndelivered(t *testing.T) {
	target := &refusing{make(chan string, 1000)}
	d := open(t, target, events.Config{})
	h := history(submitted, completed)
	d.Changed(h)
	if a, b := <-target.attempts, <-target.attempts; a != b {
		t.Errorf("the second attempt is of event %s, the first of %s", b, a)
	}
	list := d.Undelivered("000000000000")
	if len(list) != 2 || list[0].Event.Detail.Status != submitted || list[0].Attempts == 0 || list[0].Error != "no" || list[1].Attempts != 0 {
		t.Errorf("undelivered: %+v", list)
	}
	if !d.Owes(h.ID) || d.Owes("another") || len(d.Undelivered("999999999999")) != 0 {
		t.Error("what is owed is wrong")
	}
	d.Forgotten(h.ID)
	if d.Owes(h.ID) {
		t.Error("a job that is forgotten is owed events")
	}
}

// book is a ledger in memory that tells what is done with it, and fails once.
type book struct {
	told    []events.Told
	forgot  chan string
	kept    chan events.Told
	refused bool
}

func (*book) Since(context.Context, string, time.Time) (time.Time, error) { return time.Time{}, nil }

func (b *book) Told(context.Context) iter.Seq2[events.Told, error] {
	return func(yield func(events.Told, error) bool) {
		for _, t := range b.told {
			if !yield(t, nil) {
				return
			}
		}
	}
}

func (b *book) Tell(_ context.Context, t events.Told) error {
	if !b.refused {
		b.refused = true
		return errors.New("the disk is full")
	}
	b.kept <- t
	return nil
}

func (b *book) Forget(_ context.Context, job string) error {
	b.forgot <- job
	return nil
}

// taking takes everything.
type taking struct{ taken chan *events.Event }

func (t *taking) Deliver(_ context.Context, e *events.Event, _ []byte) error {
	t.taken <- e
	return nil
}
func (*taking) Close() error { return nil }

// TestRestart: what the ledger has is not delivered again; what could not be
// noted is, with its id; and jobs that are no more are dropped from it.
func TestRestart(t *testing.T) {
	b := &book{
		told:   []events.Told{{Target: "one", Job: "abcdef123456", Changes: 1}, {Target: "one", Job: "gone", Changes: 3}},
		forgot: make(chan string, 10), kept: make(chan events.Told, 10),
	}
	target := &taking{make(chan *events.Event, 10)}
	d := open(t, target, events.Config{Ledger: b})
	d.Changed(history(submitted, completed))
	d.Loaded()
	first, second := <-target.taken, <-target.taken
	if first.Detail.Status != completed || second.ID != first.ID {
		t.Errorf("taken: %s, then %s; want Completed twice, with one id", first.Detail.Status, second.Detail.Status)
	}
	if got := <-b.kept; got != (events.Told{Target: "one", Job: "abcdef123456", Changes: 2}) {
		t.Errorf("kept %+v", got)
	}
	if got := <-b.forgot; got != "gone" {
		t.Errorf("%s was forgotten, want the job that is no more", got)
	}
}

// TestGivenUpForGood: what was given up is noted, so that the next process does
// not give it up, and say so, again.
func TestGivenUpForGood(t *testing.T) {
	b := &book{kept: make(chan events.Told, 10), forgot: make(chan string, 10), refused: true}
	d := open(t, &refusing{make(chan string, 1000)}, events.Config{Ledger: b, MaxAge: time.Nanosecond})
	d.Changed(history(submitted, completed))
	if got := <-b.kept; got != (events.Told{Target: "one", Job: "abcdef123456", Changes: 2}) {
		t.Errorf("kept %+v", got)
	}
	if d.Owes("abcdef123456") {
		t.Error("what was given up is owed")
	}
}
