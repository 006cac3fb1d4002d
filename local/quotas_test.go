package local_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
)

// TestQuotasGovern: entries of the configuration reach the back-ends, with the
// names of lanes; what none fits is left alone.
func TestQuotasGovern(t *testing.T) {
	m, err := open(t, settings(t, "quotas: {tokensPerDay: 100000, models: [{match: 'amazon.*', backend: simulator, rpm: 100, maxTokens: 50, concurrentJobs: 1}]}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"us.amazon.nova-lite-v1:0", "meta.llama3-8b-instruct-v1:0"} {
		if _, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: id, Messages: []bedrock.Message{bedrock.UserText("hi")}}); err != nil {
			t.Fatal(err)
		}
	}
	pools := m.Quotas().Status().Pools
	if len(pools) != 1 || pools[0].Backend != "simulator" || pools[0].Scope != "geo" || pools[0].Stats.Filled != 1 ||
		pools[0].Requests.Limit != 100 || pools[0].Day.Limit != 100_000 || pools[0].Day.Used == 0 {
		t.Errorf("booked %+v", pools)
	}
	if m, err := open(t, settings(t, "")); err != nil || m.Quotas() != nil {
		t.Errorf("without quotas: %v, %v", m.Quotas(), err)
	}
}

// TestLanesOfTheConfiguration: a model's lanes are back-ends and ids that have
// quotas of their own, the cheaper one first; a lane without quotas is learned,
// and a model of one lane is not governed for it.
func TestLanesOfTheConfiguration(t *testing.T) {
	m, err := open(t, settings(t, `
backends: {sim: {kind: simulator}, other: {kind: simulator}}
models:
  - match: amazon.nova-*
    lanes:
      - {backend: sim, price: 2}
      - {backend: sim, name: us.amazon.nova-*, price: 1}
      - {backend: other, price: 3}
  - {match: meta.*, lanes: [{backend: other}]}
  - {match: "*", backend: sim}
quotas: {models: [{match: amazon.*, backend: sim, rpm: 1, concurrent: 1}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: "amazon.nova-lite-v1:0", Messages: []bedrock.Message{bedrock.UserText("hi")}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: "meta.llama3-8b-instruct-v1:0", Messages: []bedrock.Message{bedrock.UserText("hi")}}); err != nil {
		t.Fatal(err)
	}
	status := m.Quotas().Status()
	if len(status.Lanes) != 3 || status.Lanes[1] != (governed.LaneStatus{Match: "amazon.nova-*", Backend: "sim", Model: "us.amazon.nova-*", Price: 1}) {
		t.Errorf("lanes %+v", status.Lanes)
	}
	seen := map[string]governed.PoolStatus{}
	for _, p := range status.Pools {
		seen[p.Backend+" "+p.Scope] = p
		if p.Stats.Placed != 1 || p.Stats.Admitted != 1 || p.Stats.Waited != 0 {
			t.Errorf("%s, %s: %+v", p.Backend, p.Scope, p.Stats)
		}
	}
	if len(seen) != 3 || seen["other in-region"].Share != 0.5 || seen["sim geo"].Requests.Limit != 1 {
		t.Errorf("booked %+v", seen)
	}
}
