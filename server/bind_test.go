package server

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// FuzzQuery: whatever the query, its parameters are bound as they mean, or a
// ValidationException names what is wrong.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "maxResults=5", "maxResults=5&maxResults=6", "maxResults=99999999999999999999", "maxResults=-1&sortBy=CreationTime",
		"submitTimeAfter=2026-01-31T12:00:00Z", "submitTimeBefore=2026-01-31T12%3A00%3A00.123%2B01%3A00", "nameContains=%zz", "a;b", "nextToken=&x=y",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/model-invocation-jobs", nil)
		r.URL.RawQuery = query
		x := &exchange{r: r, route: &route{}}
		var req bedrock.ListModelInvocationJobsRequest
		if err := x.bind(&req); err != nil {
			if e := outcrop.AsError(err); e.Code != bedrock.CodeValidation || e.Message == "" {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		sent, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q was accepted: %v", query, err)
		}
		if text := sent.Get("maxResults"); (req.MaxResults == nil) != !sent.Has("maxResults") {
			t.Fatalf("%q: maxResults %v", query, req.MaxResults)
		} else if n, err := strconv.Atoi(text); req.MaxResults != nil && (err != nil || n != *req.MaxResults) {
			t.Fatalf("%q: maxResults %d", query, *req.MaxResults)
		}
		if want, err := time.Parse(time.RFC3339Nano, sent.Get("submitTimeAfter")); err == nil && !want.Equal(req.SubmitTimeAfter) {
			t.Fatalf("%q: submitTimeAfter %v", query, req.SubmitTimeAfter)
		}
		if sent.Get("nameContains") != req.NameContains {
			t.Fatalf("%q: nameContains %q", query, req.NameContains)
		}
	})
}

// FuzzToken: a page's token reads as what it was made of, and no other text
// makes the reader panic or accept what it should not.
func FuzzToken(f *testing.F) {
	f.Add("us.amazon.nova-lite-v1:0")
	f.Add("YWZ0ZXI6")
	f.Fuzz(func(t *testing.T, s string) {
		if last, err := readToken(makeToken(s)); err != nil || last != s {
			t.Fatalf("%q came back as %q, %v", s, last, err)
		}
		if last, err := readToken(s); err == nil && s != "" {
			if again, err := readToken(makeToken(last)); err != nil || again != last {
				t.Fatalf("the token %q means %q", s, last)
			}
		} else if err != nil && outcrop.AsError(err).Field != "nextToken" {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
