package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/metrics"
	"github.com/outcrop-ai/outcrop/usage"
)

func scrape(t testing.TB, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	return w.Body.String()
}

func has(t testing.TB, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

func TestMetrics(t *testing.T) {
	m := metrics.New(metrics.Config{Version: "1.2"})
	r := usage.Record{
		Tenant: "a", Model: "m", Method: "stream", Tokens: usage.Tokens{Input: 1, Output: 2, CacheRead: 3, CacheWrite: 4},
		USD: 0.5, Duration: 300 * time.Millisecond,
	}
	m.Observe(&r)
	r.Code = "ThrottlingException"
	m.Observe(&r)
	r.Code = "SomethingNobodyKnows"
	m.Observe(&r)
	const labels = `method="stream",model="m",tenant="a"`
	has(t, scrape(t, m),
		`outcrop_requests_total{`+labels+`} 3`, `outcrop_cost_usd_total{`+labels+`} 1.5`,
		`outcrop_tokens_total{kind="input",`+labels+`} 3`, `outcrop_tokens_total{kind="output",`+labels+`} 6`,
		`outcrop_tokens_total{kind="cache_read",`+labels+`} 9`, `outcrop_tokens_total{kind="cache_write",`+labels+`} 12`,
		`outcrop_errors_total{code="ThrottlingException",`+labels+`} 1`, `outcrop_errors_total{code="other",`+labels+`} 1`,
		`outcrop_request_duration_seconds_bucket{`+labels+`,le="0.25"} 0`, `outcrop_request_duration_seconds_bucket{`+labels+`,le="0.5"} 3`,
		`outcrop_build_info{version="1.2"} 1`,
	)
}

// TestSeriesAreBounded: a thousand models are a thousand requests and few
// series.
func TestSeriesAreBounded(t *testing.T) {
	m := metrics.New(metrics.Config{MaxSeries: 5})
	for i := range 1000 {
		m.Observe(&usage.Record{Tenant: "a", Model: fmt.Sprint("m", i), Method: "sync", Code: "ValidationException"})
	}
	text := scrape(t, m)
	has(t, text, `outcrop_requests_total{method="sync",model="(other)",tenant="a"} 995`,
		`outcrop_errors_total{code="ValidationException",method="sync",model="(other)",tenant="a"} 995`)
	if n := strings.Count(text, "outcrop_requests_total{"); n != 6 {
		t.Errorf("%d series", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := metrics.New(metrics.Config{})
	r := usage.Record{Tenant: "a", Model: "m", Method: "sync"}
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(&r)
	}
}
