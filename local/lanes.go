package local

import (
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
	choices := make([]governed.Choice, len(lanes))
	for i, l := range lanes {
		choices[i] = governed.Choice{Backend: l.Backend, Model: l.Name, Price: l.Price}
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

// LaneQuota is one of a model's lanes, and what is granted there; nil where
// nobody has said.
type LaneQuota struct {
	Backend, Model string
	Rule           *governed.Rule
}

// LanesOf are the lanes that a model's calls are placed among, by these settings;
// none where there are not several.
func LanesOf(s *config.Config, modelID string) []LaneQuota {
	router, err := nobodys(s)
	if err != nil {
		return nil
	}
	lanes, err := router.Lanes(modelID)
	if err != nil {
		return nil
	}
	rules := quotaRules(&s.Quotas)
	var list []LaneQuota
	for _, l := range lanes {
		list = append(list, LaneQuota{Backend: l.Backend, Model: l.Name, Rule: governed.RuleOn(rules, l.Backend, l.Name)})
	}
	return list
}
