package local

import (
	"cmp"
	"context"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/route"
)

// placer lets the quota books tell the router which of a model's lanes to ask
// first. The router decides, and the lane's back-end books.
type placer struct{ governor *governed.Governor }

var _ route.Placer = placer{}

func (p placer) Place(ctx context.Context, call *outcrop.Call, lanes []route.Lane, order []int) (context.Context, []int) {
	var few [8]governed.Choice
	choices := few[:0]
	for _, l := range lanes {
		choices = append(choices, governed.Choice{Backend: l.Backend, Model: l.Name, Price: l.Price})
	}
	return p.governor.Place(ctx, call, choices, order)
}

// laneSets are the lanes of the configuration, where a model has several.
func laneSets(s *config.Config) []governed.ChoiceSet {
	if s.Only {
		return nil
	}
	var sets []governed.ChoiceSet
	for _, m := range s.Models {
		if len(m.Lanes) < 2 {
			continue
		}
		set := governed.ChoiceSet{Match: m.Match}
		for _, l := range m.Lanes {
			set.Choices = append(set.Choices, governed.Choice{Backend: l.Backend, Model: l.Name, Price: l.Price})
		}
		sets = append(sets, set)
	}
	return sets
}

// learnedRules are for lanes that no quota is set for: what nobody has said is
// found out. They come after the rules of the configuration.
func learnedRules(s *config.Config, sets []governed.ChoiceSet) []governed.Rule {
	var rules []governed.Rule
	seen := map[governed.Choice]bool{}
	for _, set := range sets {
		for _, c := range set.Choices {
			match := cmp.Or(c.Model, s.Backends[c.Backend].Model, set.Match)
			if of := (governed.Choice{Backend: c.Backend, Model: match}); !seen[of] {
				seen[of] = true
				rules = append(rules, governed.Rule{Match: match, Backend: c.Backend, Learn: true})
			}
		}
	}
	return rules
}
