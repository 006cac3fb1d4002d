package tenants_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/tenants"
	"github.com/outcrop-ai/outcrop/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	plain  = "amazon.nova-lite-v1:0"                     // output counts once
	claude = "anthropic.claude-sonnet-4-5-20250929-v1:0" // output counts five times
)

// prices are a dollar for a thousand tokens of either kind.
type prices struct{}

func (prices) Cost(_ string, u bedrock.TokenUsage, _ bool) (float64, bool) {
	return float64(u.InputTokens+u.OutputTokens) / 1000, true
}

// office is a desk with its books, and a back-end that answers with the tokens
// that the test sets.
type office struct {
	*tenants.Desk
	t      *testing.T
	ledger *usage.Ledger
	meter  *usage.Meter
	used   bedrock.TokenUsage
	block  chan struct{} // when set, calls wait for it
}

// open opens a desk. Call close before the bubble ends.
func open(t *testing.T, list ...tenants.Tenant) *office {
	t.Helper()
	o := &office{t: t}
	var err error
	if o.ledger, err = usage.Open(usage.Config{}); err != nil {
		t.Fatal(err)
	}
	o.desk(list...)
	return o
}

func (o *office) desk(list ...tenants.Tenant) {
	o.t.Helper()
	var err error
	o.Desk, err = tenants.New(tenants.Config{Tenants: list, Ledger: o.ledger, Prices: prices{}, Aliases: map[string]string{"fast": plain}})
	if err != nil {
		o.t.Fatal(err)
	}
	next := outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if o.block != nil {
			<-o.block
		}
		return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{Usage: o.used}), nil
	})
	o.meter = usage.NewMeter(next, usage.MeterConfig{Ledger: o.ledger, Prices: prices{}, Gate: o.Desk})
}

func (o *office) close() {
	o.Desk.Close()
	if err := o.ledger.Close(); err != nil {
		o.t.Error(err)
	}
}

// call makes a call of tenant a with an output limit, 0 for none.
func (o *office) call(model string, limit int) error {
	return o.callAs(context.Background(), outcrop.Interactive, model, limit)
}

func (o *office) callAs(ctx context.Context, class outcrop.Class, model string, limit int) error {
	req := &bedrock.ConverseRequest{ModelID: model, Messages: []bedrock.Message{bedrock.UserText("hi")}}
	if limit > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	call := outcrop.NewConverseCall(bedrock.OpConverse, req)
	call.Caller.Tenant, call.Class = "a", class
	_, err := o.meter.Do(ctx, call)
	return err
}

// wants holds an error against a code and a part of its message.
func (o *office) wants(what string, err error, code, message string) *outcrop.Error {
	o.t.Helper()
	if code == "" {
		if err != nil {
			o.t.Errorf("%s: %v", what, err)
		}
		return nil
	}
	if err == nil {
		o.t.Errorf("%s: no error, want %s", what, code)
		return new(outcrop.Error)
	}
	e := outcrop.AsError(err)
	if e.Code != code || !strings.Contains(e.Message, message) {
		o.t.Errorf("%s: %v, want %s: %s", what, err, code, message)
	}
	return e
}

const (
	tooManyRequests = "Too many requests, please wait before trying again."
	tooManyTokens   = "Too many tokens, please wait before trying again."
	tooManyToday    = "Too many tokens per day, please wait before trying again."
)

func TestRequestsPerMinuteAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{RequestsPerMinute: 3}})
		defer o.close()
		o.used = bedrock.TokenUsage{InputTokens: 1 << 20, OutputTokens: 1 << 20}
		for range 3 {
			o.wants("within", o.call(claude, 1<<20), "", "")
		}
		e := o.wants("the fourth", o.call(claude, 1), bedrock.CodeThrottling, tooManyRequests)
		if !e.Retryable || e.RetryAfter != 20*time.Second {
			t.Errorf("%+v", e)
		}
		time.Sleep(e.RetryAfter)
		o.wants("after RetryAfter", o.call(claude, 1), "", "")
		o.wants("and again", o.call(claude, 1), bedrock.CodeThrottling, tooManyRequests)
	})
}

// The worked example of the sources: 1000 tokens of input, a limit of 2000 and
// 900 tokens of output that count five times reserve 3000 and settle at 5500.
func TestTokensPerMinuteAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{TokensPerMinute: 6000}})
		defer o.close()
		write := 0
		o.used = bedrock.TokenUsage{InputTokens: 1000, OutputTokens: 900, CacheReadInputTokens: ptr(9999), CacheWriteInputTokens: &write}
		o.wants("the first", o.call(claude, 2000), "", "")
		// 500 are left: a call with a limit of 600 does not fit, one of 400 does.
		e := o.wants("the second", o.call(claude, 600), bedrock.CodeThrottling, tooManyTokens)
		if e.RetryAfter <= 0 || e.RetryAfter > 2*time.Second {
			t.Errorf("%v", e.RetryAfter)
		}
		o.used = bedrock.TokenUsage{InputTokens: 100, OutputTokens: 300}
		o.wants("output that counts once", o.call(plain, 400), "", "")
		o.wants("nothing is left", o.call(plain, 200), bedrock.CodeThrottling, tooManyTokens)
		time.Sleep(time.Minute)
		o.wants("a minute later", o.call(plain, 5000), "", "")
	})
}

func ptr(n int) *int { return &n }

// TestALimitThatNoWaitHelps: a call that reserves more than the whole quota is
// refused for good, unless the limit that makes it so large is not its own.
func TestALimitThatNoWaitHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{TokensPerMinute: 1000, Queue: time.Hour}})
		defer o.close()
		e := o.wants("5000", o.call(plain, 5000), bedrock.CodeServiceQuotaExceeded, "more than tenant a has in a whole minute")
		if e.Retryable {
			t.Error("clients are told to try it again")
		}
		o.used = bedrock.TokenUsage{InputTokens: 10, OutputTokens: 10}
		for range 5 {
			o.wants("no limit of its own", o.call(plain, 0), "", "")
		}
		o.wants("a model that nobody knows", o.call("llama", 0), "", "")
	})
}

func TestTokensPerDayAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := tenants.Limits{TokensPerDay: 10_000}
		o := open(t, tenants.Tenant{Name: "a", Limits: limits})
		defer o.close()
		o.used = bedrock.TokenUsage{InputTokens: 1000, OutputTokens: 1000} // 6000 with the factor
		o.wants("the first", o.call(claude, 1000), "", "")
		o.wants("too much for today", o.call(claude, 5000), bedrock.CodeThrottling, tooManyToday)
		o.Desk.Close()

		// A restart does not begin the day anew.
		o.desk(tenants.Tenant{Name: "a", Limits: limits})
		o.wants("after a restart", o.call(claude, 5000), bedrock.CodeThrottling, tooManyToday)
		o.wants("what is left", o.call(plain, 3000), "", "")
		time.Sleep(24 * time.Hour)
		o.wants("the next day", o.call(claude, 9000), "", "")
	})
}

func TestConcurrencyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{Concurrent: 2}})
		defer o.close()
		o.block = make(chan struct{})
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- o.call(plain, 10) }()
		}
		synctest.Wait()
		o.wants("the third", o.call(plain, 10), bedrock.CodeThrottling, tooManyRequests)
		close(o.block)
		for range 2 {
			o.wants("under way", <-done, "", "")
		}
		o.wants("afterwards", o.call(plain, 10), "", "")
	})
}

func TestModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Models: []string{"amazon.nova-*", "anthropic.claude-3-haiku-20240307-v1:0"}})
		defer o.close()
		for model, ok := range map[string]bool{
			plain: true, "us." + plain: true, "fast": true, claude: false, "us." + claude: false, "llama": false,
			"arn:aws:bedrock:us-east-1::foundation-model/" + plain:  true,
			"arn:aws:bedrock:us-east-1::foundation-model/" + claude: false,
			"anthropic.claude-3-haiku-20240307-v1:0":                true,
			"amazon.titan-text-express-v1":                          false,
		} {
			err, checked := o.call(model, 10), o.Check(outcrop.Caller{Tenant: "a"}, model)
			if ok {
				o.wants(model, err, "", "")
				o.wants(model, checked, "", "")
				continue
			}
			o.wants(model, err, bedrock.CodeAccessDenied, "You don't have access to the model with the specified model ID.")
			o.wants(model, checked, bedrock.CodeAccessDenied, "")
		}
		if err := o.Check(outcrop.Caller{Tenant: "stranger"}, claude); err != nil {
			t.Errorf("a tenant that the desk does not know: %v", err)
		}
	})
}

func TestSpendingPerDayAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Spending: tenants.Spending{PerDay: 2}})
		defer o.close()
		o.used = bedrock.TokenUsage{InputTokens: 500, OutputTokens: 1000}
		o.wants("below", o.call(plain, 10), "", "")
		o.wants("still below", o.call(plain, 10), "", "") // 3.00 now: past the cap by one call
		e := o.wants("reached", o.call(plain, 10), bedrock.CodeServiceQuotaExceeded, "spending cap of 2 USD per day; the next day begins at 2000-01-02T00:00:00Z")
		if e.Retryable {
			t.Error("clients are told to try it again")
		}
		o.wants("a job", o.Check(outcrop.Caller{Tenant: "a"}, plain), bedrock.CodeServiceQuotaExceeded, "")
		o.Desk.Close()
		o.desk(tenants.Tenant{Name: "a", Spending: tenants.Spending{PerDay: 2}})
		o.wants("after a restart", o.call(plain, 10), bedrock.CodeServiceQuotaExceeded, "per day")
		o.wants("with a higher cap", o.Set([]tenants.Tenant{{Name: "a", Spending: tenants.Spending{PerDay: 4}}}), "", "")
		o.wants("with a higher cap", o.call(plain, 10), "", "")
		time.Sleep(24 * time.Hour)
		o.wants("the next day", o.call(plain, 10), "", "")
	})
}

func TestSpendingPerMonthAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Spending: tenants.Spending{PerMonth: 2}})
		defer o.close()
		o.used = bedrock.TokenUsage{OutputTokens: 1000}
		o.wants("the first day", o.call(plain, 10), "", "")
		time.Sleep(24 * time.Hour)
		o.wants("the second", o.call(plain, 10), "", "")
		time.Sleep(24 * time.Hour)
		o.wants("the third", o.call(plain, 10), bedrock.CodeServiceQuotaExceeded, "spending cap of 2 USD per month; the next month begins at 2000-02-01T00:00:00Z")
		time.Sleep(29 * 24 * time.Hour)
		o.wants("February", o.call(plain, 10), "", "")
	})
}

// TestSpendingUnderWay: calls at once do not pass the cap together.
func TestSpendingUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Spending: tenants.Spending{PerDay: 3}})
		defer o.close()
		o.used = bedrock.TokenUsage{OutputTokens: 1000}
		o.block = make(chan struct{})
		const calls = 50
		done := make(chan error, calls)
		for range calls {
			go func() { done <- o.call(plain, 1000) }()
		}
		synctest.Wait()
		close(o.block)
		admitted := 0
		for range calls {
			if err := <-done; err == nil {
				admitted++
			} else if e := o.wants("under way", err, bedrock.CodeThrottling, "Requests under way"); !e.Retryable {
				t.Error("what is under way may leave some, so that it is worth another try")
			}
		}
		day, _ := o.ledger.Spent("a", time.Now())
		if admitted < 2 || day > 3+1.1 {
			t.Errorf("%d calls, %v USD", admitted, day)
		}
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{RequestsPerMinute: 2, Queue: 45 * time.Second, BatchQueue: time.Hour}})
		defer o.close()
		begun := time.Now()
		for range 3 {
			o.wants("in turn", o.call(plain, 10), "", "")
		}
		if waited := time.Since(begun).Round(time.Second); waited != 30*time.Second {
			t.Errorf("the third waited %v", waited)
		}
		// Two more: one in 30 s, and then it is certain that the other's turn is
		// later than it may wait.
		begun = time.Now()
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i := range errs {
			both.Go(func() { errs[i] = o.call(plain, 10) })
		}
		both.Wait()
		if errs[0] != nil { // no matter which came first
			slices.Reverse(errs)
		}
		o.wants("the fourth", errs[0], "", "")
		o.wants("the fifth", errs[1], bedrock.CodeThrottling, tooManyRequests)
		if waited := time.Since(begun).Round(time.Second); waited != 30*time.Second {
			t.Errorf("the fifth waited %v", waited)
		}
		// A record of a job is patient.
		for range 3 {
			o.wants("batch", o.callAs(context.Background(), outcrop.Batch, plain, 10), "", "")
		}
		// A caller that goes away while it waits takes nothing.
		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error)
		go func() { gone <- o.callAs(ctx, outcrop.Batch, plain, 10) }()
		synctest.Wait()
		cancel()
		if err := <-gone; outcrop.AsError(err).Code != bedrock.CodeModelTimeout {
			t.Errorf("%v", err)
		}
		begun = time.Now()
		o.wants("after it", o.call(plain, 10), "", "")
		if waited := time.Since(begun).Round(time.Second); waited != 30*time.Second {
			t.Errorf("the next one waited %v", waited)
		}
	})
}

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three := tenants.Tenant{Name: "a", Weight: 2, Class: outcrop.Background, Limits: tenants.Limits{RequestsPerMinute: 3}}
		o := open(t, three)
		defer o.close()
		origin := o.Origin(outcrop.Origin{RequestID: "r", Caller: outcrop.Caller{Tenant: "a", Account: "1"}})
		if origin.Caller.Weight != 2 || origin.Class != outcrop.Background || origin.RequestID != "r" || origin.Caller.Account != "1" {
			t.Errorf("%+v", origin)
		}
		for range 3 {
			o.wants("within", o.call(plain, 10), "", "")
		}
		three.Models = []string{"amazon.*"}
		o.wants("other models", o.Set([]tenants.Tenant{three}), "", "")
		o.wants("the same limits go on", o.call(plain, 10), bedrock.CodeThrottling, tooManyRequests)
		o.wants("but not the models", o.call(claude, 10), bedrock.CodeAccessDenied, "")
		three.Limits.RequestsPerMinute = 4
		o.wants("another limit", o.Set([]tenants.Tenant{three}), "", "")
		o.wants("another limit", o.call(plain, 10), "", "")

		if err := o.Set([]tenants.Tenant{{Name: "a", Limits: tenants.Limits{Concurrent: -1}}}); err == nil || !strings.Contains(err.Error(), "a: limits") {
			t.Errorf("%v", err)
		}
		o.wants("what cannot be changes nothing", o.call(plain, 10), "", "")

		// A call that waits while the limits change is told so.
		three.Limits = tenants.Limits{Concurrent: 1, Queue: time.Hour}
		o.wants("one at a time", o.Set([]tenants.Tenant{three}), "", "")
		o.block = make(chan struct{})
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- o.call(plain, 10) }()
		}
		synctest.Wait()
		o.wants("removed", o.Set(nil), "", "")
		if e := o.wants("waiting", <-done, bedrock.CodeServiceUnavailable, "the limits of tenant a are being changed"); e != nil && !e.Retryable {
			t.Error("it is worth another try")
		}
		close(o.block)
		o.wants("under way", <-done, "", "")
		o.wants("afterwards", o.call(plain, 10), bedrock.CodeAccessDenied, "a is not configured any more")
		if _, ok := o.Tenant("a"); ok || len(o.Tenants()) != 0 {
			t.Error("it is still there")
		}
		three.Limits = tenants.Limits{}
		o.wants("back again", o.Set([]tenants.Tenant{three}), "", "")
		o.wants("back again", o.call(plain, 10), "", "")
	})
}

// TestWhatOutlivesATenant: after a restart nobody remembers a tenant that was
// removed; its jobs do, and have no limits left to be held to.
func TestWhatOutlivesATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, err := usage.Open(usage.Config{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := tenants.New(tenants.Config{
			Tenants: []tenants.Tenant{{Name: "a"}}, Ledger: ledger, Known: func(name string) bool { return name == "owner" },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ledger.Close()
		defer d.Close()
		for name, code := range map[string]string{"": "", "a": "", "owner": "", "removed": bedrock.CodeAccessDenied} {
			caller := outcrop.Caller{Tenant: name}
			call := outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: plain})
			call.Caller = caller
			_, admitted := d.Admit(t.Context(), call)
			for what, err := range map[string]error{"admit": admitted, "check": d.Check(caller, plain)} {
				got := ""
				if err != nil {
					got = outcrop.AsError(err).Code
				}
				if got != code {
					t.Errorf("%s %q: %v, want %q", what, name, err, code)
				}
			}
		}
		if err := d.Set([]tenants.Tenant{{Name: "a"}, {Name: "removed"}}); err != nil {
			t.Fatal(err)
		}
		if err := d.Check(outcrop.Caller{Tenant: "removed"}, plain); err != nil {
			t.Errorf("configured again: %v", err)
		}
	})
}

// TestFailedCallsCostNothing: what no model worked on goes back to the quota,
// except for the request itself.
func TestFailedCallsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, tenants.Tenant{Name: "a", Limits: tenants.Limits{TokensPerMinute: 1000}})
		defer o.close()
		o.meter = usage.NewMeter(outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "no")
		}), usage.MeterConfig{Ledger: o.ledger, Gate: o.Desk})
		for range 20 {
			o.wants("failing", o.call(plain, 900), bedrock.CodeServiceUnavailable, "no")
		}
	})
}

func TestForecasts(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	row := func(hour time.Time, requests, output int64, usd float64) usage.Row {
		return usage.Row{Hour: hour, Key: usage.Key{Tenant: "a", Model: claude}, Counts: usage.Counts{Requests: requests, Output: output, USD: usd}}
	}
	rows := []usage.Row{
		row(now.AddDate(0, 0, -10), 1000, 0, 50), // of the month
		row(now.Add(-5*time.Hour), 10, 2000, 5),  // of the day
		row(now.Add(-time.Hour), 600, 1000, 10),  // of the last hour
		{Hour: now.Add(-time.Hour), Key: usage.Key{Tenant: "b"}, Counts: usage.Counts{USD: 999}},
	}
	list := []tenants.Tenant{{
		Name: "a", Limits: tenants.Limits{RequestsPerMinute: 10, TokensPerMinute: 1000, TokensPerDay: 25_000},
		Spending: tenants.Spending{PerDay: 200, PerMonth: 60},
	}}
	want := []struct {
		limit      string
		used, rate float64
		reached    time.Time
	}{
		{"limits.requestsPerMinute", 10, 600, now},
		{"limits.tokensPerMinute", 5000.0 / 60, 5000, time.Time{}},
		{"limits.tokensPerDay", 15_000, 5000, now.Add(2 * time.Hour)},
		{"spending.perDay", 15, 10, time.Time{}}, // 185 hours away, and the day ends in 12
		{"spending.perMonth", 65, 10, now},
	}
	got := tenants.Forecasts(list, rows, quota.DefaultBurndown(), now)
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		f := got[i]
		if f.Tenant != "a" || f.Limit != w.limit || math.Abs(f.Used-w.used) > 1e-9 || math.Abs(f.PerHour-w.rate) > 1e-9 || !f.Reached.Equal(w.reached) {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
	if since := tenants.Since(now); !since.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v", since)
	}
	if since := tenants.Since(time.Date(2026, 11, 1, 0, 20, 0, 0, time.UTC)); !since.Equal(time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("%v", since)
	}
}
