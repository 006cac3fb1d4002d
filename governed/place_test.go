package governed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/route"
)

// books lets a governor place the calls of a router, as package local does.
type books struct{ *governed.Governor }

func (b books) Place(ctx context.Context, call *outcrop.Call, lanes []route.Lane, order []int) (context.Context, []int) {
	choices := make([]governed.Choice, len(lanes))
	for i, l := range lanes {
		choices[i] = governed.Choice{Backend: l.Backend, Model: l.Name, Price: l.Price}
	}
	return b.Governor.Place(ctx, call, choices, order)
}

// lanes is a router over back-ends that are lanes of every model, in the order
// of names.
func lanes(t *testing.T, c governed.Config, breaker route.Breaker, names []string, backends ...outcrop.Backend) (*governed.Governor, *route.Router) {
	t.Helper()
	g, err := governed.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	all := route.Route{Match: "*"}
	rc := route.Config{Backends: map[string]route.Backend{}, Placer: books{g}, Breaker: breaker}
	for i, name := range names {
		rc.Backends[name] = route.Backend{Backend: g.Govern(backends[i], governed.Lane{Name: name}), Native: true}
		all.Lanes = append(all.Lanes, route.Lane{Backend: name})
	}
	rc.Routes = []route.Route{all}
	r, err := route.New(rc)
	if err != nil {
		t.Fatal(err)
	}
	return g, r
}

// pooled is the books of a back-end's only pool.
func pooled(t *testing.T, g *governed.Governor, backend string) governed.PoolStatus {
	t.Helper()
	for _, p := range g.Status().Pools {
		if p.Backend == backend {
			return p
		}
	}
	t.Fatalf("no pool of %s", backend)
	return governed.PoolStatus{}
}

// TestLanesShareTheLoad: two strict services of different quotas, saturated in
// virtual time, are both used up, each by its own account, and throttle nobody.
func TestLanesShareTheLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const big, small = 1_200_000, 400_000
	for _, c := range []struct {
		policy     string
		accounting quota.Accounting
		used       float64
	}{
		{"bucket", quota.Bucket, 0.95},
		{"strict", quota.Window, 0.70},
		{"fixed-window", quota.Window, 0.70},
	} {
		t.Run(c.policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				grant := func(tpm int) string {
					return fmt.Sprintf("grants: [{match: '*', tpm: %d, rpm: 100000, policy: %s}]", tpm, c.policy)
				}
				one, two := strictly(t, grant(small)), strictly(t, grant(big))
				rule := func(name string, tpm int64) governed.Rule {
					return governed.Rule{Match: "*", Backend: name, Quota: quota.PoolConfig{TokensPerMinute: tpm, Accounting: c.accounting}}
				}
				_, r := lanes(t, governed.Config{Rules: []governed.Rule{rule("one", small), rule("two", big)}, MaxWait: 5 * time.Minute},
					route.Breaker{}, []string{"one", "two"}, one, two)
				const lasts = 3 * time.Minute
				saturate(t, r, 120, lasts)
				for i, service := range []*strict.Backend{one, two} {
					n, tpm := service.Counts()[0], []float64{small, big}[i]
					used, throttled := float64(n.Spent)/(tpm*(lasts.Minutes()+1)), n.Tokens+n.Requests
					t.Logf("lane %d: %.1f %% used, %d throttled", i, 100*used, throttled)
					if used < c.used || throttled > 0 {
						t.Errorf("lane %d: %.1f %% used and %d throttled, want %.0f %% and none", i, 100*used, throttled, 100*c.used)
					}
				}
			})
		})
	}
}

// busy is a lane's service that is at work for ten seconds.
func busy() *service { return newService(says("ho", usage(10, 10), 10*time.Second)) }

// went asks and tells which lane answered.
func went(t *testing.T, r *route.Router, call *outcrop.Call) string {
	t.Helper()
	reply, err := r.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	lane := reply.Meta.Header[route.HeaderLane]
	if lane != reply.Meta.Backend+"/"+call.ModelID {
		t.Errorf("the lane is %q and the back-end %q", lane, reply.Meta.Backend)
	}
	return reply.Meta.Backend
}

// TestConversationsStay: what had to go to the second lane stays there when the
// first is free again, by the conversation's name or by its cached prefix; of
// another tenant, or with another prefix, it goes to the first.
func TestConversationsStay(t *testing.T) {
	named := func(name string) *outcrop.Call {
		call := ask(bedrock.OpConverse, "hi", 10)
		req, _ := call.Converse()
		req.RequestMetadata = map[string]string{outcrop.KeyConversation: name}
		return call
	}
	native := func(name string) *outcrop.Call {
		call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":10}}`))
		call.Header = map[string]string{"X-Amzn-Bedrock-Request-Metadata": `{"outcrop:conversation":"` + name + `"}`}
		return call
	}
	cached := func(system string) *outcrop.Call {
		call := ask(bedrock.OpConverse, "hi", 10)
		req, _ := call.Converse()
		req.System = []bedrock.SystemContentBlock{{Text: &system}, {CachePoint: &bedrock.CachePointBlock{}}}
		return call
	}
	grown := func(first string) *outcrop.Call { // the cache point moves with the last message
		call := ask(bedrock.OpConverse, first, 10)
		req, _ := call.Converse()
		req.Messages = append(req.Messages, bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: bedrock.UserText("ho").Content}, bedrock.UserText("go on"))
		last := &req.Messages[len(req.Messages)-1]
		last.Content = append(last.Content, bedrock.ContentBlock{CachePoint: &bedrock.CachePointBlock{}})
		return call
	}
	for _, c := range []struct {
		name string
		make func(string) *outcrop.Call
	}{{"named", named}, {"native", native}, {"cached", cached}, {"grown", grown}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := says("ho", usage(10, 10), 0)
				g, r := lanes(t, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1})}, route.Breaker{}, []string{"one", "two"}, busy(), newService(answer))
				go func() { _, _ = r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 10)) }()
				synctest.Wait()
				if lane := went(t, r, c.make("talk")); lane != "two" {
					t.Fatalf("beside a full lane: %s", lane)
				}
				time.Sleep(20 * time.Second)
				if lane := went(t, r, c.make("talk")); lane != "two" {
					t.Errorf("its next turn went to %s", lane)
				}
				if p := pooled(t, g, "two"); p.Stats.Placed != 2 || p.Stats.Kept != 1 {
					t.Errorf("counted %+v", p.Stats)
				}
				if lane := went(t, r, c.make("another")); lane != "one" {
					t.Errorf("another went to %s", lane)
				}
				foreign := c.make("talk")
				foreign.Caller.Tenant = "somebody"
				if lane := went(t, r, foreign); lane != "one" {
					t.Errorf("somebody else's went to %s", lane)
				}
			})
		})
	}
}

// TestTheCheaperLaneIsFirst, while it has room.
func TestTheCheaperLaneIsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := governed.New(governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1})})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		backends := map[string]route.Backend{}
		for _, name := range []string{"dear", "cheap"} {
			backends[name] = route.Backend{Backend: g.Govern(busy(), governed.Lane{Name: name}), Native: true}
		}
		r, err := route.New(route.Config{Backends: backends, Placer: books{g}, Routes: []route.Route{{Match: "*", Lanes: []route.Lane{{Backend: "dear", Price: 2}, {Backend: "cheap", Price: 1}}}}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		done := make(chan string, 2)
		for range 2 {
			go func() { done <- went(t, r, ask(bedrock.OpConverse, "hi", 10)) }()
			synctest.Wait()
		}
		got = append(got, <-done, <-done)
		slices.Sort(got)
		if a, b := pooled(t, g, "cheap"), pooled(t, g, "dear"); a.Stats.Placed != 1 || b.Stats.Placed != 1 || strings.Join(got, " ") != "cheap dear" {
			t.Errorf("went to %v; cheap %+v, dear %+v", got, a.Stats, b.Stats)
		}
		if went(t, r, ask(bedrock.OpConverse, "hi", 10)) != "cheap" {
			t.Error("the dear lane was asked although both were free")
		}
	})
}

// TestAWaitIsForOneLane: a call that all lanes are full for waits its whole time
// in one, and is refused then; it does not begin again in the next.
func TestAWaitIsForOneLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := newService(says("ho", usage(10, 10), 5*time.Minute))
		_, r := lanes(t, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1}), MaxWait: 30 * time.Second}, route.Breaker{}, []string{"one", "two"}, stuck, stuck)
		for range 2 {
			go func() { _, _ = r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 10)) }()
			synctest.Wait()
		}
		begun := time.Now()
		_, err := r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 10))
		if e := outcrop.AsError(err); e.Code != bedrock.CodeThrottling || time.Since(begun) != 30*time.Second || len(stuck.asked()) != 2 {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// TestALaneThatIsTooLateIsPassedOver: a call goes to the lane where its turn may
// come in time, though nobody knows when, and not to the one that is sure to be
// too late; where all are, it is refused at once.
func TestALaneThatIsTooLateIsPassedOver(t *testing.T) {
	for name, c := range map[string]struct {
		second quota.PoolConfig
		after  time.Duration
		code   string
	}{
		"one is late":   {quota.PoolConfig{Concurrent: 1}, 5 * time.Second, ""},
		"both are late": {quota.PoolConfig{RequestsPerMinute: 1}, 0, bedrock.CodeThrottling},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rules := []governed.Rule{
					{Match: "*", Backend: "a", Quota: quota.PoolConfig{RequestsPerMinute: 1}},
					{Match: "*", Backend: "b", Quota: c.second},
				}
				one, two := busy(), busy()
				_, r := lanes(t, governed.Config{Rules: rules}, route.Breaker{}, []string{"a", "b"}, one, two)
				for range 2 {
					go r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9))
					synctest.Wait()
				}
				time.Sleep(5 * time.Second)
				begun := time.Now()
				_, err := r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9))
				code := ""
				if err != nil {
					code = outcrop.AsError(err).Code
				} else {
					begun = begun.Add(10 * time.Second) // that it was answered in
				}
				if after := time.Since(begun); code != c.code || after != c.after {
					t.Errorf("after %s: %v; want %q after %s", after, err, c.code, c.after)
				}
				if len(one.asked()) != 1 {
					t.Errorf("the first was asked %d times", len(one.asked()))
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestALaneThatFailsIsLeftAlone: the next one answers, and once the circuit is
// open the first is not asked, although its books have room, until it is tried.
func TestALaneThatFailsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := newService(fails(bedrock.CodeInternalServer, "down"))
		up := newService(says("ho", usage(10, 10), 0))
		g, r := lanes(t, governed.Config{Rules: rule(quota.PoolConfig{RequestsPerMinute: 1000})}, route.Breaker{Failures: 2, Open: time.Minute}, []string{"down", "up"}, down, up)
		for range 5 {
			if lane := went(t, r, ask(bedrock.OpConverse, "hi", 10)); lane != "up" {
				t.Errorf("%s answered", lane)
			}
		}
		if len(down.asked()) != 2 || len(up.asked()) != 5 {
			t.Errorf("asked %d and %d times, want 2 and 5", len(down.asked()), len(up.asked()))
		}
		if p := pooled(t, g, "down"); p.Stats.Admitted != 2 || p.Stats.Failed != 2 || p.Inflight != 0 {
			t.Errorf("booked %+v", p)
		}
		time.Sleep(61 * time.Second)
		if lane := went(t, r, ask(bedrock.OpConverse, "hi", 10)); lane != "up" || len(down.asked()) != 3 {
			t.Errorf("half open: %s answered, %d asked", lane, len(down.asked()))
		}
	})
}

// TestObservingPlacesNobody: calls go to the first lane, and the books tell where
// they would have gone.
func TestObservingPlacesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := lanes(t, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1}), Observe: true}, route.Breaker{}, []string{"one", "two"}, busy(), busy())
		done := make(chan string, 2)
		for range 2 {
			go func() { done <- went(t, r, ask(bedrock.OpConverse, "hi", 10)) }()
			synctest.Wait()
		}
		if a, b := <-done, <-done; a != "one" || b != "one" {
			t.Errorf("went to %s and %s", a, b)
		}
		one, two := pooled(t, g, "one"), pooled(t, g, "two")
		if one.Stats.Admitted != 2 || one.Stats.Placed != 1 || two.Stats.Admitted != 0 || two.Stats.Placed != 1 {
			t.Errorf("one %+v, two %+v", one.Stats, two.Stats)
		}
	})
}

// TestOneLaneIsAsBefore: a route of one lane answers, books and reports what one
// of one target does, byte for byte.
func TestOneLaneIsAsBefore(t *testing.T) {
	see := func(of func(route.Target) route.Route) (seen string) {
		synctest.Test(t, func(t *testing.T) {
			s := newService(says("ho", usage(10, 10), time.Second))
			g, err := governed.New(governed.Config{Rules: rule(quota.PoolConfig{RequestsPerMinute: 60, Concurrent: 1}), MaxWait: 1500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			r, err := route.New(route.Config{
				Backends: map[string]route.Backend{"b": {Backend: g.Govern(s, governed.Lane{Name: "b"}), Native: true}},
				Routes:   []route.Route{of(route.Target{Backend: "b", Name: model})}, Placer: books{g},
			})
			if err != nil {
				t.Fatal(err)
			}
			results := make([]string, 4)
			done := make(chan struct{})
			for i := range results {
				go func() {
					reply, err := r.Do(t.Context(), ask(bedrock.OpConverse, "hi", 0))
					if err == nil {
						body, _ := reply.Body()
						results[i] = fmt.Sprintf("%+v %s", reply.Meta, body)
					} else {
						results[i] = fmt.Sprintf("%+v", outcrop.AsError(err))
					}
					done <- struct{}{}
				}()
				synctest.Wait()
			}
			for range results {
				<-done
			}
			for _, call := range s.asked() {
				body, _ := call.Body()
				results = append(results, string(body))
			}
			status, err := json.Marshal(g.Status())
			if err != nil {
				t.Fatal(err)
			}
			seen = strings.Join(append(results, string(status)), "\n")
		})
		return seen
	}
	target := see(func(t route.Target) route.Route { return route.Route{Match: "*", Targets: []route.Target{t}} })
	lane := see(func(t route.Target) route.Route {
		return route.Route{Match: "*", Lanes: []route.Lane{{Backend: t.Backend, Name: t.Name, Price: 3}}}
	})
	if target != lane {
		t.Errorf("with a target:\n%s\nwith a lane:\n%s", target, lane)
	}
	if !strings.Contains(target, "Too many") || !strings.Contains(target, "X-Outcrop-Queued-Ms") {
		t.Errorf("nobody waited or was refused, so nothing was compared:\n%s", target)
	}
}

// BenchmarkPlace is what placing a call over two lanes costs before it is asked,
// without and with a conversation. The call has 100 words.
func BenchmarkPlace(b *testing.B) {
	g, err := governed.New(governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1 << 50})})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	choices := []governed.Choice{{Backend: "one", Model: model}, {Backend: "two", Model: model}}
	for _, c := range choices {
		g.Govern(newService(nil), governed.Lane{Name: c.Backend})
	}
	for _, conversation := range []string{"", "talk"} {
		b.Run(fmt.Sprintf("conversation=%t", conversation != ""), func(b *testing.B) {
			call := ask(bedrock.OpConverse, strings.Repeat("word ", 100), 100)
			if conversation != "" {
				req, _ := call.Converse()
				req.RequestMetadata = map[string]string{outcrop.KeyConversation: conversation}
			}
			order := make([]int, 0, 2)
			b.ReportAllocs()
			for b.Loop() {
				_, order = g.Place(b.Context(), call, choices, order[:0])
			}
		})
	}
}

// BenchmarkLanes is a whole call of 100 words through a router to a back-end that
// answers at once: what a second lane adds is the cost of placing it.
func BenchmarkLanes(b *testing.B) {
	for n := 1; n <= 3; n++ {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, err := governed.New(governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1 << 50})})
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			c := route.Config{Backends: map[string]route.Backend{}, Placer: books{g}, Routes: []route.Route{{Match: "*"}}}
			for i := range n {
				name := fmt.Sprint("lane", i)
				c.Backends[name] = route.Backend{Backend: g.Govern(says("ho", usage(100, 10), 0), governed.Lane{Name: name}), Native: true}
				c.Routes[0].Lanes = append(c.Routes[0].Lanes, route.Lane{Backend: name})
			}
			r, err := route.New(c)
			if err != nil {
				b.Fatal(err)
			}
			call := ask(bedrock.OpConverse, strings.Repeat("word ", 100), 100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Do(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
