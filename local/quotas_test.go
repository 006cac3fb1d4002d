package local_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
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
