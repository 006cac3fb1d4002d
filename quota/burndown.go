package quota

import "strings"

// Burndown says how many tokens of quota an output token uses, by model. The
// first entry whose Model is contained in the model id (lower case) wins; no
// entry means 1.
type Burndown []BurndownEntry

// BurndownEntry is one row of the table.
type BurndownEntry struct {
	Model  string
	Factor float64
}

// DefaultBurndown is the table as third parties quoted AWS in November 2026:
// 15 for Claude 4.8; 10 for Sonnet 5, Opus 5 and 5.5; 5 for Claude from 3.7 to
// 4.7; 1 for everything else. Put rows in front of it to correct it.
func DefaultBurndown() Burndown {
	return Burndown{
		{"claude-opus-4-8", 15},
		{"claude-sonnet-4-8", 15},
		{"claude-haiku-4-8", 15},
		{"claude-opus-5", 10}, // 5.5 included
		{"claude-sonnet-5", 10},
		{"claude-3-7", 5},
		{"claude-opus-4", 5},
		{"claude-sonnet-4", 5},
		{"claude-haiku-4", 5},
	}
}

// Of returns the factor for a model.
func (t Burndown) Of(model string) float64 {
	id := strings.ToLower(model)
	for _, e := range t {
		if strings.Contains(id, e.Model) {
			return e.Factor
		}
	}
	return 1
}
