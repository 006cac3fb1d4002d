package local

import (
	"errors"
	"path/filepath"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/tenants"
	"github.com/outcrop-ai/outcrop/usage"
)

// books are who used what, and who may.
type books struct {
	ledger *usage.Ledger
	desk   *tenants.Desk
	prices usage.Prices
}

// UsageDir is where the books of a data directory lie.
func UsageDir(dir string) string { return filepath.Join(dir, "usage") }

// openBooks opens the books of a data directory; without one, they are kept in
// memory.
func openBooks(dir string, c *Config) (*books, error) {
	s := c.Settings
	prices, err := s.PriceTable()
	if err != nil {
		return nil, err
	}
	uc := usage.Config{
		Flush: s.Usage.Flush, RetentionDays: s.Usage.RetentionDays, MaxSeries: s.Usage.MaxSeries,
		Owner: c.Owner, OnError: c.OnUsageError,
	}
	if dir != "" {
		uc.Dir = UsageDir(dir)
	}
	ledger, err := usage.Open(uc)
	if err != nil {
		return nil, err
	}
	desk, err := tenants.New(tenants.Config{Tenants: Tenants(s), Ledger: ledger, Prices: prices, Aliases: s.Aliases, Known: others(c)})
	if err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return &books{ledger, desk, prices}, nil
}

// others tells which tenants there may be beside those of the configuration:
// of a server that has them and no keys file, its own user alone. Jobs outlive
// a restart, and must not outlive their tenant.
func others(c *Config) func(name string) bool {
	if !c.Owner || len(c.Settings.Tenants) == 0 || c.Settings.Server.Keys != "" {
		return nil
	}
	return func(name string) bool { return name == config.OwnerTenant }
}

// metered books every call to a back-end that the desk lets in.
func (b *books) metered(next outcrop.Backend, c *Config) outcrop.Backend {
	return usage.NewMeter(next, usage.MeterConfig{
		Ledger: b.ledger, Prices: b.prices, Gate: b.desk, Observers: c.Observers, Aliases: c.Settings.Aliases,
	})
}

func (b *books) close() error {
	b.desk.Close()
	return b.ledger.Close()
}

// Tenants are those of a configuration.
func Tenants(s *config.Config) []tenants.Tenant {
	list := make([]tenants.Tenant, 0, len(s.Tenants))
	for name, t := range s.Tenants {
		list = append(list, tenants.Tenant{
			Name: name, Weight: t.Weight, Class: classes[t.Class], Models: t.Models, Operator: t.Operator,
			Limits: tenants.Limits(t.Limits), Spending: tenants.Spending(t.Spending),
		})
	}
	return list
}

var classes = map[string]outcrop.Class{
	"interactive": outcrop.Interactive, "batch": outcrop.Batch, "background": outcrop.Background,
}

// Ledger is the books of this process, or nil when a server answers.
func (l *Local) Ledger() *usage.Ledger {
	if l.books == nil {
		return nil
	}
	return l.books.ledger
}

// Desk holds tenants to their limits in this process; nil when a server
// answers.
func (l *Local) Desk() *tenants.Desk {
	if l.books == nil {
		return nil
	}
	return l.books.desk
}
