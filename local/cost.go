package local

import (
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/price"
)

// Cost is what work may cost where it is charged for.
type Cost struct {
	Backend string  // who charges: the dearest of those that may be asked
	USD     float64 // at most; 0 when it is not known
	Known   bool
}

// Cost is what work on a model costs at most, or false when nobody charges for
// it: the simulator does not, and a server of OpenAI's kind only where the
// configuration says so. Of a model with failover the dearest counts. When a
// server answers, it is the server's to know.
func (l *Local) Cost(modelID string, work estimate.Work, batch bool) (Cost, bool, error) {
	if l.router == nil {
		return Cost{}, false, nil
	}
	targets, err := l.router.Targets(modelID)
	if err != nil {
		return Cost{}, false, err
	}
	var dearest Cost
	charged := false
	for _, t := range targets {
		table, err := l.prices(t.Backend)
		if err != nil {
			return Cost{}, false, err
		}
		if table == nil {
			continue
		}
		asked := modelID
		if _, ok := table.Find(t.Name); ok {
			asked = t.Name
		} else if _, ok := table.Find(modelID); !ok && l.opened.settings.Backends[t.Backend].Kind != config.KindAmazon {
			continue
		}
		c := Cost{Backend: t.Backend}
		c.USD, c.Known = work.Cost(table, asked, batch)
		if !charged || dearest.Known && (!c.Known || c.USD > dearest.USD) {
			dearest, charged = c, true
		}
	}
	return dearest, charged, nil
}

// prices are those of a back-end, or nil when it charges nothing.
func (l *Local) prices(backend string) (*price.Table, error) {
	switch l.opened.settings.Backends[backend].Kind {
	case config.KindAmazon:
		return l.opened.settings.PriceTable()
	case config.KindOpenAI:
		return l.opened.settings.OwnPrices()
	}
	return nil, nil
}
