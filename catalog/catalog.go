package catalog

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Model is what is known of a model.
type Model struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`     // for people: "Claude Sonnet 4.5"
	Provider  string   `json:"provider"` // "Anthropic"
	Input     []string `json:"input"`    // TEXT, IMAGE, DOCUMENT, VIDEO, SPEECH
	Output    []string `json:"output"`   // TEXT, IMAGE, EMBEDDING, ...
	Streaming bool     `json:"streaming"`
	Context   int      `json:"context"`   // tokens; 0 when not published
	MaxOutput int      `json:"maxOutput"` // tokens; 0 when not published
	Lifecycle string   `json:"lifecycle"` // Active or Legacy
	OnDemand  bool     `json:"onDemand"`  // answers under its own id; otherwise under a profile's only

	Profiles []Profile `json:"profiles"`
}

// The states of a model's life.
const (
	Active = "ACTIVE"
	Legacy = "LEGACY"
)

// Profile is an inference profile that AWS defines for a model.
type Profile struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Regions []string `json:"regions"` // where a call may run
}

// Has tells whether a model gives the modality: TEXT, EMBEDDING, IMAGE.
func (m *Model) Has(output string) bool { return slices.Contains(m.Output, output) }

// Catalog is a set of models. It does not change, so any number of goroutines
// may use it; what its methods return belongs to it and must not be changed.
type Catalog struct {
	asOf   string
	models []*Model
	byID   map[string]Match
}

// Match is what an id stands for.
type Match struct {
	Model   *Model
	Profile *Profile // nil when the id is the model's own
}

//go:embed models.json
var data []byte

// Default is the built-in catalogue. It is read at the first call.
func Default() *Catalog { return builtIn() }

var builtIn = sync.OnceValue(func() *Catalog {
	c, err := parse(data)
	if err != nil {
		panic("catalog: models.json: " + err.Error())
	}
	return c
})

// AsOf is the month of the facts, as "2026-11".
func (c *Catalog) AsOf() string { return c.asOf }

// Models lists the models, by id.
func (c *Catalog) Models() []*Model { return c.models }

// Resolve finds the model that an id, an inference profile's id, or an ARN of
// either names. It costs one look-up and allocates nothing.
func (c *Catalog) Resolve(id string) (Match, bool) {
	if m, ok := c.byID[id]; ok {
		return m, true
	}
	m, ok := c.byID[FromARN(id)]
	return m, ok
}

// FromARN is the model or profile id in an ARN such as
// arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0 or
// arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0,
// and any other text as it is.
func FromARN(id string) string {
	if !strings.HasPrefix(id, "arn:") {
		return id
	}
	kind, name, ok := strings.Cut(id, "/")
	if !ok || !strings.HasSuffix(kind, ":foundation-model") && !strings.HasSuffix(kind, ":inference-profile") {
		return id
	}
	return name
}

// With is the catalogue with models added, or put in the place of those with
// the same id, and with aliases: other ids, or whole ARNs, for ids it has.
func (c *Catalog) With(models []Model, aliases map[string]string) (*Catalog, error) {
	other := &Catalog{asOf: c.asOf}
	for _, m := range c.models {
		if !slices.ContainsFunc(models, func(n Model) bool { return n.ID == m.ID }) {
			other.models = append(other.models, m)
		}
	}
	for i := range models {
		m := models[i]
		other.models = append(other.models, &m)
	}
	if err := other.index(); err != nil {
		return nil, err
	}
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		m, ok := other.Resolve(aliases[alias])
		if !ok {
			return nil, fmt.Errorf("catalog: alias %s: no model has the id %s", alias, aliases[alias])
		}
		other.byID[alias] = m
	}
	return other, nil
}

// index checks the models and builds the look-up.
func (c *Catalog) index() error {
	slices.SortFunc(c.models, func(a, b *Model) int { return strings.Compare(a.ID, b.ID) })
	c.byID = make(map[string]Match, 3*len(c.models))
	add := func(id string, m Match) error {
		if id == "" {
			return errors.New("catalog: a model or a profile has no id")
		}
		if _, ok := c.byID[id]; ok {
			return fmt.Errorf("catalog: two models or profiles have the id %s", id)
		}
		c.byID[id] = m
		return nil
	}
	for _, m := range c.models {
		if err := add(m.ID, Match{Model: m}); err != nil {
			return err
		}
		for i := range m.Profiles {
			if err := add(m.Profiles[i].ID, Match{Model: m, Profile: &m.Profiles[i]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// file is the form of models.json: as [Model], but that profiles are named by
// their scope ("us"), whose Regions are listed once.
type file struct {
	AsOf   string `json:"asOf"`
	Scopes map[string]struct {
		Name    string   `json:"name"`
		Regions []string `json:"regions"`
	} `json:"scopes"`
	Models []struct {
		Model
		Profiles []string            `json:"profiles"`
		Regions  map[string][]string `json:"regions"` // by scope, where they differ
	} `json:"models"`
}

func parse(text []byte) (*Catalog, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	c := &Catalog{asOf: f.AsOf}
	for i := range f.Models {
		entry := &f.Models[i]
		m := entry.Model
		for _, scope := range entry.Profiles {
			s, ok := f.Scopes[scope]
			if !ok {
				return nil, fmt.Errorf("model %s: unknown scope %q", m.ID, scope)
			}
			p := Profile{ID: scope + "." + m.ID, Name: s.Name + " " + m.Name, Regions: s.Regions}
			if own, ok := entry.Regions[scope]; ok {
				p.Regions = own
			}
			m.Profiles = append(m.Profiles, p)
		}
		c.models = append(c.models, &m)
	}
	return c, c.index()
}
