package local_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
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

// TestBackendsOfOneAccount: back-ends that use up one account's quota share its
// books: those that say so, and those that ask Amazon with the same credentials.
func TestBackendsOfOneAccount(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", bedrock.CodeValidation)
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer refuses.Close()
	m, err := open(t, settings(t, strings.ReplaceAll(`
backends:
  first: {kind: simulator, account: acme}
  second: {kind: simulator, account: acme}
  third: {kind: simulator}
  live: {kind: amazon, region: us-east-1, endpoint: URL}
  records: {kind: amazon, region: us-east-1, endpoint: URL, batch: onDemand}
  elsewhere: {kind: amazon, region: us-west-2, endpoint: URL}
models:
  - {match: first, name: amazon.nova-lite-v1:0, backend: first}
  - {match: second, name: amazon.nova-lite-v1:0, backend: second}
  - {match: third, name: amazon.nova-lite-v1:0, backend: third}
  - {match: live, name: amazon.nova-lite-v1:0, backend: live}
  - {match: records, name: amazon.nova-lite-v1:0, backend: records}
  - {match: elsewhere, name: amazon.nova-lite-v1:0, backend: elsewhere}
quotas: {models: [{match: amazon.*, rpm: 100}]}
`, "URL", refuses.URL)))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"first", "second", "third", "live", "records", "elsewhere"} {
		_, _ = m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: id, Messages: []bedrock.Message{bedrock.UserText("hi")}}) // Amazon's refuse
	}
	admitted := map[string]int64{}
	for _, p := range m.Quotas().Status().Pools {
		admitted[p.Account+" "+p.Region] += p.Stats.Admitted
	}
	want := map[string]int64{"acme ": 2, "third ": 1, "elsewhere us-east-1": 2, "elsewhere us-west-2": 1}
	if !maps.Equal(admitted, want) {
		t.Errorf("admitted %v, want %v", admitted, want)
	}
}
