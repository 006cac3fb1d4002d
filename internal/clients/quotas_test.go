package clients_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestQuotasOfTheCLI runs the AWS CLI's commands of Service Quotas against a
// strict simulator.
func TestQuotasOfTheCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws")
	grants := filepath.Join(t.TempDir(), "grants.yaml")
	if err := os.WriteFile(grants, []byte("grants: [{match: 'amazon.nova-lite*', tpm: 200000, rpm: 100}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveKeys(t, "--quotas", grants)
	e := signed(s.url)
	type named struct {
		QuotaName, QuotaCode, QuotaArn string
		Value                          float64
	}
	var listed struct{ Quotas []named }
	out := aws(t, e, t.TempDir(), "service-quotas", "list-service-quotas", "--service-code", "bedrock")
	out.read(t, &listed)
	i := slices.IndexFunc(listed.Quotas, func(q named) bool {
		return q.QuotaName == "Cross-region model inference tokens per minute for Amazon Nova Lite"
	})
	if i < 0 || listed.Quotas[i].Value != 200_000 || len(listed.Quotas) != 4 {
		t.Fatalf("listed %+v", listed)
	}
	var got struct{ Quota struct{ QuotaArn string } }
	out = aws(t, e, t.TempDir(), "service-quotas", "get-service-quota", "--service-code", "bedrock", "--quota-code", listed.Quotas[i].QuotaCode)
	out.read(t, &got)
	if want := "arn:aws:servicequotas:" + region + ":" + account + ":bedrock/" + listed.Quotas[i].QuotaCode; got.Quota.QuotaArn != want {
		t.Errorf("got %s, want %s", got.Quota.QuotaArn, want)
	}
}
