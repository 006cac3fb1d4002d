package local

import (
	"testing"

	"github.com/outcrop-ai/outcrop/config"
)

// TestOthers: only a server that knows all its tenants by name may take a name
// that it does not know for one that was removed.
func TestOthers(t *testing.T) {
	with := func(owner bool, keys string, tenants ...string) func(string) bool {
		s := new(config.Config)
		s.Tenants = map[string]config.Tenant{}
		for _, name := range tenants {
			s.Tenants[name] = config.Tenant{}
		}
		s.Server.Keys = keys
		return others(&Config{Settings: s, Owner: owner})
	}
	known := with(true, "", "a")
	if known == nil || known("removed") || !known(config.OwnerTenant) {
		t.Error("a server with tenants knows a stranger")
	}
	if with(true, "keys.yaml", "a") != nil || with(true, "") != nil || with(false, "", "a") != nil {
		t.Error("who cannot know refuses")
	}
}
