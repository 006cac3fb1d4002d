package config

import (
	"fmt"

	"github.com/outcrop-ai/outcrop/price"
)

// PriceTable is the built-in prices behind those of the configuration. Aliases
// are resolved.
func (c *Config) PriceTable() (*price.Table, error) { return c.prices(price.Default()) }

// OwnPrices are the prices of the configuration alone: for a back-end that is
// not Amazon Bedrock, whose prices the built-in ones are.
func (c *Config) OwnPrices() (*price.Table, error) { return c.prices(price.Empty()) }

func (c *Config) prices(behind *price.Table) (*price.Table, error) {
	entries := make([]price.Entry, 0, len(c.Prices))
	for i, p := range c.Prices {
		// A price of zero is one, if it was given.
		given := func(key string, value float64) *float64 {
			if _, ok := c.origins[fmt.Sprintf("prices[%d].%s", i, key)]; !ok {
				return nil
			}
			return &value
		}
		entries = append(entries, price.Entry{Match: p.Match, Price: price.Price{
			Input: given("input", p.Input), Output: given("output", p.Output),
			CacheRead: given("cacheRead", p.CacheRead), CacheWrite: given("cacheWrite", p.CacheWrite),
			CacheWrite1h: given("cacheWrite1h", p.CacheWrite1h), Batch: given("batch", p.Batch),
		}})
	}
	return behind.With(entries, c.Aliases)
}

// checkPrices refuses entries that can never count.
func (c *Config) checkPrices(fail func(path, format string, args ...any)) {
	seen := map[string]int{}
	for i, p := range c.Prices {
		at := fmt.Sprintf("prices[%d]", i)
		if p.Match == "" {
			fail(at, "match is missing: a model id, or a pattern such as anthropic.*")
			continue
		}
		if first, twice := seen[p.Match]; twice {
			fail(at+".match", "never reached: prices[%d] matches the same", first)
		}
		seen[p.Match] = i
	}
}
