// Package metrics counts what a server does, for Prometheus.
//
//	m := metrics.New(metrics.Config{MaxSeries: 2000})
//	… usage.MeterConfig{Observers: []usage.Observer{m}} …
//	http.Handle("/metrics", m.Handler())
//
// It is told of every call by a usage.Meter, once, and knows numbers and names
// only: no text of a prompt ever comes here. How many combinations of tenant,
// model and method it tells apart is bounded; what comes after them is counted
// under the model (other).
package metrics

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/usage"
)

// DefaultMaxSeries is how many combinations are told apart.
const DefaultMaxSeries = 2000

// Config says what a Metrics works with. The zero value is useful.
type Config struct {
	// MaxSeries bounds the combinations of tenant, model and method; 0 means
	// DefaultMaxSeries.
	MaxSeries int
	// Version of the program, for outcrop_build_info.
	Version string
}

// Metrics are the counters of one server. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	most     int

	requests *prometheus.CounterVec
	errors   *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	cost     *prometheus.CounterVec
	duration *prometheus.HistogramVec

	mu     sync.Mutex
	series map[usage.Key]*series
}

var _ usage.Observer = (*Metrics)(nil)

// series are the counters of one combination, found once.
type series struct {
	key                                  usage.Key
	requests, cost                       prometheus.Counter
	input, output, cacheRead, cacheWrite prometheus.Counter
	duration                             prometheus.Observer
}

// buckets are the bounds of durations, in seconds: from a cached token to a
// long answer.
var buckets = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 120, 300}

// New makes counters that begin at zero, and those of the Go runtime and of the
// process.
func New(c Config) *Metrics {
	if c.MaxSeries <= 0 {
		c.MaxSeries = DefaultMaxSeries
	}
	labels := []string{"tenant", "model", "method"}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append(labels[:3:3], more...))
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), most: c.MaxSeries, series: map[usage.Key]*series{},
		requests: counter("outcrop_requests_total", "Calls that have ended, refused ones too."),
		errors:   counter("outcrop_errors_total", "Calls that ended with an error, by its code.", "code"),
		tokens:   counter("outcrop_tokens_total", "Tokens by kind: input, output, cache_read, cache_write.", "kind"),
		cost:     counter("outcrop_cost_usd_total", "Cost in US dollars by the table of prices."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "outcrop_request_duration_seconds", Help: "Time from a call to the end of its reply.", Buckets: buckets,
		}, labels),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "outcrop_build_info", Help: "1, with the version."}, []string{"version"})
	build.WithLabelValues(c.Version).Set(1)
	m.registry.MustRegister(
		m.requests, m.errors, m.tokens, m.cost, m.duration, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Observe counts a call.
func (m *Metrics) Observe(r *usage.Record) {
	s := m.of(usage.Key{Tenant: r.Tenant, Model: r.Model, Method: r.Method})
	s.requests.Inc()
	s.input.Add(float64(r.Tokens.Input))
	s.output.Add(float64(r.Tokens.Output))
	s.cacheRead.Add(float64(r.Tokens.CacheRead))
	s.cacheWrite.Add(float64(r.Tokens.CacheWrite))
	s.cost.Add(r.USD)
	s.duration.Observe(r.Duration.Seconds())
	if r.Code != "" {
		m.errors.WithLabelValues(s.key.Tenant, s.key.Model, s.key.Method, code(r.Code)).Inc()
	}
}

// code keeps the label to the codes that Outcrop's table has.
func code(code string) string {
	if code == usage.Cancelled || code == bedrock.CodeInternalServer || bedrock.Code(code).Status != http.StatusInternalServerError {
		return code
	}
	return "other"
}

// of finds the counters of a combination, or those that stand for it. There are
// more than most of them by those of usage.Other only.
func (m *Metrics) of(key usage.Key) *series {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.series[key]
	if !ok && len(m.series) >= m.most {
		key.Model = usage.Other
		s, ok = m.series[key]
	}
	if ok {
		return s
	}
	l := []string{key.Tenant, key.Model, key.Method}
	kind := func(name string) prometheus.Counter { return m.tokens.WithLabelValues(append(l[:3:3], name)...) }
	s = &series{
		key: key, requests: m.requests.WithLabelValues(l...), cost: m.cost.WithLabelValues(l...),
		input: kind("input"), output: kind("output"), cacheRead: kind("cache_read"), cacheWrite: kind("cache_write"),
		duration: m.duration.WithLabelValues(l...),
	}
	m.series[key] = s
	return s
}

// Handler shows the counters.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
