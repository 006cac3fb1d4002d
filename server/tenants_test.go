package server_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go/auth/bearer"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/keys"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
	"github.com/outcrop-ai/outcrop/tenants"
	"github.com/outcrop-ai/outcrop/usage"
)

// TestTenants: the AWS SDK with keys of a key store, both kinds of them, on a
// server that holds their tenant to its limits. Rotation and revocation take
// effect without a restart.
func TestTenants(t *testing.T) {
	master, err := keys.ParseMaster(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	store := keys.Store{Path: filepath.Join(t.TempDir(), "keys.json"), Master: master}
	var access, token keys.Made
	err = store.Update(func(f *keys.File) (err error) {
		if access, err = f.Create(keys.New{Kind: keys.SigV4, Tenant: tenant}, time.Now()); err != nil {
			return err
		}
		token, err = f.Create(keys.New{Kind: keys.Bearer, Tenant: tenant}, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var late atomic.Int64 // how far the ring's clock has been put forward
	clock := func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	ring, err := keys.Open(store, map[string]sigv4.Tenant{tenant: {Name: tenant, Account: account}}, clock)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := usage.Open(usage.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	desk, err := tenants.New(tenants.Config{Ledger: ledger, Tenants: []tenants.Tenant{{
		Name: tenant, Weight: 3, Class: outcrop.Background, Models: []string{"amazon.*"}, Limits: tenants.Limits{RequestsPerMinute: 4},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	var last atomic.Pointer[outcrop.Call]
	model := &echo{do: func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		last.Store(call)
		return nil, nil
	}}
	certificate, pool := selfSigned(t)
	r := start(t, server.Config{
		Manager: manager(t, usage.NewMeter(model, usage.MeterConfig{Ledger: ledger, Gate: desk})),
		Keys:    ring, Origin: desk.Origin, NewID: func() string { return "id-of-the-error" }, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
	})
	sdk := func(k keys.Made) *bedrockruntime.Client {
		return runtimeClient(t, r, func(o *bedrockruntime.Options) {
			o.HTTPClient = client(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
			o.Credentials = credentials(k.ID, k.Secret)
			if k.Kind == keys.Bearer {
				o.Credentials = nil
				o.BearerAuthTokenProvider = bearer.StaticTokenProvider{Token: bearer.Token{Value: k.Token}}
				o.AuthSchemePreference = []string{"httpBearerAuth"}
			}
		})
	}
	ask := func(k keys.Made, modelID string) error {
		_, err := sdk(k).Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("hello")})
		return err
	}
	for _, k := range []keys.Made{access, token} {
		if err := ask(k, modelID); err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		if c := last.Load().Caller; c.Tenant != tenant || c.Account != account || c.Weight != 3 || last.Load().Class != outcrop.Background {
			t.Errorf("%s: %+v, class %d", k, c, last.Load().Class)
		}
	}
	checkError(t, ask(token, "anthropic.claude-3-haiku-20240307-v1:0"), 403, "You don't have access to the model with the specified model ID.", is[*types.AccessDeniedException])

	// The old key of a rotation works for an hour, the new one from now on.
	var next keys.Made
	if err := store.Update(func(f *keys.File) (err error) {
		next, err = f.Rotate(token.ID, time.Hour, time.Time{}, clock())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if changed, err := ring.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	for _, k := range []keys.Made{token, next} {
		if err := ask(k, modelID); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	checkError(t, ask(next, modelID), 429, "Too many requests, please wait before trying again.", is[*types.ThrottlingException])
	late.Store(int64(time.Hour))
	checkError(t, ask(token, modelID), 403, "Authentication failed: Please make sure your API Key is valid.", is[*types.AccessDeniedException])

	// Revoked is revoked, at the next look at the file.
	if err := store.Update(func(f *keys.File) error {
		_, err := f.Revoke(next.ID, clock())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Reload(); err != nil {
		t.Fatal(err)
	}
	checkError(t, ask(next, modelID), 403, "Authentication failed: Please make sure your API Key is valid.", is[*types.AccessDeniedException])

	rows, err := ledger.Rows(time.Now().Add(-time.Hour), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	total := usage.Sum(rows, usage.By{})[0]
	if total.Requests != 6 || total.Refused != 2 || total.Output == 0 || total.Errors["ThrottlingException"] != 1 || total.Errors["AccessDeniedException"] != 1 {
		t.Errorf("%+v", total)
	}
}

// TestRoomOfTenants: a tenant whose long bodies have their half waits, whichever
// key it comes with, and others pass.
func TestRoomOfTenants(t *testing.T) {
	arrived, leave := make(chan struct{}), make(chan struct{})
	config := backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if call.ModelID == "slow" {
			arrived <- struct{}{}
			<-leave
		}
		return nil, nil
	})
	config.NewID = func() string { return "id-of-the-error" }
	config.MaxBody, config.HeldBodies, config.ReadTimeout = 1<<20, 2<<20, time.Second
	ring := keyring(t)
	other, err := ring.AddTenant(sigv4.Tenant{Name: "another"})
	if err == nil {
		err = ring.AddKey(other, "AKIAANOTHER", "secret")
	}
	if err != nil {
		t.Fatal(err)
	}
	config.Keys = ring
	r := start(t, config)
	long := strings.Repeat("or ", 200_000)
	ask := func(model string, change ...func(*bedrockruntime.Options)) error {
		_, err := runtimeClient(t, r, change...).Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(model), Messages: userSays(long)})
		return err
	}
	slow := make(chan error)
	go func() { slow <- ask("slow") }()
	<-arrived
	const noRoom = "The server has no room for another long request body now. Try again."
	checkError(t, ask("m"), 503, noRoom, is[*types.ServiceUnavailableException])
	byToken := map[string]string{"Authorization": "Bearer the-token-of-team-a", "Content-Type": "application/json"}
	a := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/m/converse", strings.Replace(converseBody, "or", long, 1), byToken)
	checkRefused(t, a, 503, "ServiceUnavailableException", noRoom)
	if err := ask("m", func(o *bedrockruntime.Options) { o.Credentials = credentials("AKIAANOTHER", "secret") }); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	close(leave)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if err := ask("m"); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}
