package events

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func history(id string, statuses ...bedrock.ModelInvocationJobStatus) batch.History {
	h := batch.History{
		ID: id, ARN: "arn:aws:bedrock:eu-west-1:111122223333:model-invocation-job/" + id, Name: "nightly", ModelID: "m",
		Account: "111122223333", Region: "eu-west-1", Submitted: noon,
	}
	for i, s := range statuses {
		h.Changes = append(h.Changes, batch.Change{Status: s, Time: noon.Add(time.Duration(i) * time.Second)})
	}
	return h
}

const (
	submitted  = bedrock.ModelInvocationJobStatusSubmitted
	validating = bedrock.ModelInvocationJobStatusValidating
	completed  = bedrock.ModelInvocationJobStatusCompleted
)

func newQueue() *queue {
	return &queue{
		backoff: Backoff{Base: time.Second, Max: 8 * time.Second}, maxAge: time.Hour,
		told: map[string]int{}, pending: map[string]*line{},
	}
}

// TestAFailingTargetIsLeftAlone: longer each time, up to a bound, and not any
// more once it has taken an event.
func TestAFailingTargetIsLeftAlone(t *testing.T) {
	q, now := newQueue(), noon
	q.put(history("a", submitted, validating))
	var waits []time.Duration
	for range 5 {
		l, _ := q.due(now)
		if l == nil {
			t.Fatal("nothing is due")
		}
		wait := q.failed(l, now, "refused")
		waits = append(waits, wait)
		if l, left := q.due(now); l != nil || left != wait {
			t.Fatalf("due at once: %v, wait %v; want to wait %v", l, left, wait)
		}
		now = now.Add(wait)
	}
	if want := []time.Duration{1e9, 2e9, 4e9, 8e9, 8e9}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	l, _ := q.due(now)
	q.delivered(l)
	if l, _ := q.due(now); l == nil || l.next != 1 {
		t.Errorf("after a delivery the next event is not due at once: %+v", l)
	}
}

// TestAnEventThatIsNeverTaken holds up its own job, and no other one.
func TestAnEventThatIsNeverTaken(t *testing.T) {
	q, now := newQueue(), noon
	q.put(history("bad", submitted, completed))
	q.put(history("good", submitted, validating, completed))
	var got []string
	for range 200 {
		l, wait := q.due(now)
		switch {
		case l == nil && wait == 0:
		case l == nil:
			now = now.Add(wait)
		case l.history.ID == "bad":
			q.failed(l, now, "no")
		default:
			got = append(got, string(l.history.Changes[l.next].Status))
			q.delivered(l)
		}
	}
	if want := []string{"Submitted", "Validating", "Completed"}; !slices.Equal(got, want) {
		t.Errorf("the other job's events: %v, want %v", got, want)
	}
	if l := q.pending["bad"]; l == nil || l.next != 0 {
		t.Errorf("the bad job's first event is not waiting: %+v", l)
	}
	if given := q.expire(noon.Add(time.Hour)); len(given) != 1 || given[0].event.Detail.Status != submitted {
		t.Errorf("given up after an hour: %v", given)
	}
	if l, _ := q.due(noon.Add(time.Hour)); l == nil || l.next != 1 {
		t.Errorf("the next event is not due after the first was given up")
	}
}

// TestGivenUpOnce: an event that was given up does not come back with the job's
// next change.
func TestGivenUpOnce(t *testing.T) {
	q := newQueue()
	q.put(history("a", submitted))
	if given := q.expire(noon.Add(time.Hour)); len(given) != 1 {
		t.Fatalf("given up: %v", given)
	}
	q.put(history("a", submitted, validating))
	for range 2 {
		for _, g := range q.expire(noon.Add(time.Hour)) {
			t.Errorf("given up again: %+v", g.event)
		}
	}
	q.put(history("a", submitted, validating, completed))
	given := q.expire(noon.Add(48 * time.Hour))
	if len(given) != 2 || given[0].event.Detail.Status != validating || given[1].event.Detail.Status != completed || given[1].told != 3 {
		t.Errorf("given up: %v, want the two others", given)
	}
}

func TestWhatIsWanted(t *testing.T) {
	q := newQueue()
	q.wanted = map[bedrock.ModelInvocationJobStatus]bool{completed: true}
	q.since = noon.Add(time.Second)
	q.put(history("early", completed))
	q.put(history("later", submitted, validating))
	if len(q.pending) != 0 {
		t.Errorf("pending: %v; want none", q.pending)
	}
	q.put(history("later", submitted, validating, completed))
	l, _ := q.due(noon)
	if l == nil || l.next != 2 {
		t.Fatalf("the wanted change is not due: %+v", l)
	}
	q.delivered(l)
	q.put(history("later", submitted, validating, completed))
	if len(q.pending) != 0 || q.told["later"] != 3 {
		t.Errorf("told %d, pending %v", q.told["later"], q.pending)
	}
}

// TestOrder: whatever fails and whenever histories come, each job's events come
// once and in their order.
func TestOrder(t *testing.T) {
	statuses := []bedrock.ModelInvocationJobStatus{submitted, validating, "Scheduled", "InProgress", completed}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test repeats itself
		q, now := newQueue(), noon
		q.maxAge = 1000 * time.Hour
		known := map[string]int{}
		got := map[string][]bedrock.ModelInvocationJobStatus{}
		for step := 0; step < 2000 && (len(q.pending) > 0 || step < 200); step++ {
			if step < 200 {
				id := fmt.Sprint("job", r.IntN(5))
				known[id] = min(known[id]+r.IntN(2), len(statuses))
				q.put(history(id, statuses[:r.IntN(known[id]+1)]...)) // an old one, perhaps
				q.put(history(id, statuses[:known[id]]...))
			}
			l, wait := q.due(now)
			now = now.Add(wait)
			switch {
			case l == nil:
			case r.IntN(3) == 0:
				q.failed(l, now, "no")
			default:
				got[l.history.ID] = append(got[l.history.ID], l.history.Changes[l.next].Status)
				q.delivered(l)
			}
		}
		for id, n := range known {
			if !slices.Equal(got[id], statuses[:n]) {
				t.Fatalf("seed %d: %s got %v, want %v", seed, id, got[id], statuses[:n])
			}
		}
	}
}

func TestEventShape(t *testing.T) {
	h := history("abcdef123456", submitted, completed)
	h.Submitted = time.Date(2024, 8, 28, 22, 47, 53, 0, time.FixedZone("", 0))
	h.Changes[1].Message = "why"
	e := newEvent(&h, 1)
	if e.ID != newEvent(&h, 1).ID || e.ID == newEvent(&h, 0).ID {
		t.Error("the id does not follow from the change")
	}
	want := Event{
		Version: "0", ID: e.ID, DetailType: "Batch Inference Job State Change", Source: "aws.bedrock", Account: "111122223333",
		Time: "2026-11-22T12:00:01Z", Region: "eu-west-1", Resources: []string{h.ARN},
		Detail: Detail{
			Version: "0.0", AccountID: "111122223333", BatchJobName: "nightly", BatchJobARN: h.ARN, BatchModelID: "m",
			Status: completed, FailureMessage: "why", CreationTime: "Aug 28, 2024, 10:47:53 PM",
		},
	}
	if fmt.Sprint(*e) != fmt.Sprint(want) {
		t.Errorf("event %+v\nwant  %+v", *e, want)
	}
	h.Changes[1].Counts = &batch.Counts{TotalRecordCount: 7, ProcessedRecordCount: 5, SuccessRecordCount: 4, ErrorRecordCount: 1, OutputTokenCount: 9}
	text, err := json.Marshal(newEvent(&h, 1).Detail)
	if err != nil || !strings.HasSuffix(string(text), `"creationTime":"Aug 28, 2024, 10:47:53 PM","totalRecordCount":7,"processedRecordCount":5,"successRecordCount":4,"errorRecordCount":1,"inputTokenCount":0,"outputTokenCount":9}`) {
		t.Errorf("the detail is %s, %v", text, err)
	}
	if text, _ := json.Marshal(newEvent(&h, 0).Detail); strings.Contains(string(text), "Count") {
		t.Errorf("without counts the detail is %s", text)
	}
}
