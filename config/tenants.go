package config

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

var tenantForm = regexp.MustCompile(`^[A-Za-z0-9_@-]{1,64}$`)

// OwnerTenant is the name under which the commands of the server's own user
// are known to the server. No other tenant may have it.
const OwnerTenant = "owner"

// minFlush keeps the books from being written all the time.
const minFlush = 100 * time.Millisecond

// checkTenants holds the tenants against what names and numbers can be.
func (c *Config) checkTenants(fail func(path, format string, args ...any)) {
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		t, at := c.Tenants[name], "tenants."+name
		switch {
		case !tenantForm.MatchString(name):
			fail(at, "the name of a tenant has 1 to 64 letters, digits, -, _ or @")
		case name == OwnerTenant:
			fail(at, "%s is the name of the server's own user; choose another", OwnerTenant)
		}
		if t.Account == "" {
			t.Account = accountOf(name)
			c.Tenants[name] = t
		}
		if !accountForm.MatchString(t.Account) {
			fail(at+".account", "expected 12 digits in quotes")
		}
		if t.Weight <= 0 {
			fail(at+".weight", "expected a number above 0")
		}
		for i, pattern := range t.Models {
			if pattern == "" {
				fail(fmt.Sprintf("%s.models[%d]", at, i), "expected a model id, or a pattern such as anthropic.*")
			}
		}
	}
	if c.Usage.Flush < minFlush {
		fail("usage.flush", "expected %v or more", minFlush)
	}
}

// accountOf makes an account of a tenant's name, so that tenants do not share
// one unless somebody says so.
func accountOf(name string) string {
	sum := sha256.Sum256([]byte("outcrop tenant " + name))
	return fmt.Sprintf("%012d", binary.BigEndian.Uint64(sum[:8])%1_000_000_000_000)
}
