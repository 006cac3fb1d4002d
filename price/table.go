package price

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/pattern"
)

// Entry gives the models that a pattern matches their price.
type Entry struct {
	// Match is a model id, or a pattern in which * is any text. It is held
	// against the id as it was asked for, without its ARN, and without the
	// geography of an inference profile.
	Match string `json:"match"`
	Price
}

// Table is a list of prices. It does not change, so any number of goroutines
// may use it.
type Table struct {
	asOf    string
	source  string
	entries []Entry
	aliases map[string]string

	mu    sync.Mutex
	found map[string]answer // by id, for the ids of the catalogue
}

type answer struct {
	price Price
	ok    bool
}

//go:embed prices.json
var data []byte

// Default is the built-in table: list prices of Amazon Bedrock. It is read at
// the first call.
func Default() *Table { return builtIn() }

// Empty is a table without prices, to put entries into.
func Empty() *Table { return new(Table) }

var builtIn = sync.OnceValue(func() *Table {
	t, err := parse(data)
	if err != nil {
		panic("price: prices.json: " + err.Error())
	}
	return t
})

// AsOf is the month of the built-in prices, as "2026-04".
func (t *Table) AsOf() string { return t.asOf }

// Source says where the built-in prices come from.
func (t *Table) Source() string { return t.source }

// Find is the price of a model, which may lack members. An id is resolved from
// an ARN, and an inference profile to its model unless the profile has a price
// of its own.
func (t *Table) Find(modelID string) (Price, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a, ok := t.found[modelID]; ok {
		return a.price, a.ok
	}
	a := t.search(modelID)
	if _, ok := catalog.Default().Resolve(modelID); ok && t.found != nil { // others are without number
		t.found[modelID] = a
	}
	return a.price, a.ok
}

// Cost is what the tokens of a call to a model come to, in USD, at the batch
// price when batch is true. It is not known when the model has no price, or
// none for a kind of token that was used; usd is then 0, and must not be taken
// for the cost. Cost allocates nothing for a model id or a profile of the
// catalogue that was asked for before.
func (t *Table) Cost(modelID string, usage bedrock.TokenUsage, batch bool) (usd float64, known bool) {
	p, ok := t.Find(modelID)
	if !ok {
		return 0, false
	}
	return p.Cost(usage, batch)
}

// With is the table with entries before its own, and with other names for
// model ids: aliases, or ARNs that AWS gives only to one account.
func (t *Table) With(entries []Entry, aliases map[string]string) (*Table, error) {
	other := &Table{asOf: t.asOf, source: t.source, found: map[string]answer{}}
	for i, e := range entries {
		if e.Match == "" {
			return nil, fmt.Errorf("prices[%d]: match is missing", i)
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("prices[%d]: %w", i, err)
		}
	}
	other.entries = append(slices.Clone(entries), t.entries...)
	other.aliases = maps.Clone(t.aliases)
	if other.aliases == nil {
		other.aliases = map[string]string{}
	}
	maps.Copy(other.aliases, aliases)
	return other, nil
}

// search finds the first entry that matches an id: entries in their order, the
// id's forms within each.
func (t *Table) search(id string) answer {
	for range len(t.aliases) { // one leads to another at most so often
		next, ok := t.aliases[id]
		if !ok {
			break
		}
		id = next
	}
	ids := forms(id)
	for _, e := range t.entries {
		for _, form := range ids {
			if _, ok := pattern.Match(e.Match, form); ok {
				return answer{e.Price, true}
			}
		}
	}
	return answer{}
}

// forms are the ways in which an id is held against a pattern.
func forms(id string) []string {
	list := []string{id}
	if bare := catalog.FromARN(id); bare != id {
		list = append(list, bare)
	}
	if m, ok := catalog.Default().Resolve(id); ok && m.Model.ID != list[len(list)-1] {
		list = append(list, m.Model.ID)
	}
	return list
}

func parse(text []byte) (*Table, error) {
	var file struct {
		AsOf   string  `json:"asOf"`
		Source string  `json:"source"`
		Note   string  `json:"note"`
		Prices []Entry `json:"prices"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.AsOf == "" || file.Source == "" {
		return nil, errors.New("asOf or source is missing")
	}
	return (&Table{asOf: file.AsOf, source: file.Source}).With(file.Prices, nil)
}
