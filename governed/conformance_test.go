package governed_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
)

// TestConformance: a governed simulator passes what every back-end passes, and
// whatever was asked, nothing stays booked.
func TestConformance(t *testing.T) {
	for name, r := range map[string]governed.Rule{"plain": {}, "shortened": {Shorten: true}} {
		for _, observe := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r.Match, r.Quota = "*", quota.PoolConfig{TokensPerMinute: 1e12, RequestsPerMinute: 1e9}
				g, err := governed.New(governed.Config{Rules: []governed.Rule{r}, Observe: observe})
				if err != nil {
					t.Fatal(err)
				}
				defer g.Close()
				backendtest.Test(t, func(t *testing.T) outcrop.Backend {
					sim, err := simulator.New(simulator.Config{})
					if err != nil {
						t.Fatal(err)
					}
					return g.Govern(sim, governed.Lane{Name: "simulator"})
				}, backendtest.Options{ModelID: model})
				for _, p := range g.Status().Pools {
					if p.Inflight != 0 || p.Tokens.Held != 0 || p.Stats.Admitted == 0 && p.Stats.Refused == 0 {
						t.Errorf("left over: %+v", p)
					}
				}
			})
		}
	}
}
