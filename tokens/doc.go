// Package tokens estimates how many tokens a model will count, before it has
// counted them.
//
// No public tokenizer exists for Claude 3 and later, or for Nova; real ones for
// the others cost hundreds of microseconds per KB. Admission needs an answer in
// a few, so this package classifies runs of bytes instead (scan.go), scales the
// sum by a factor per model family (family.go), adds pictures and documents by
// size (media.go), and learns from the usage that models return how far off it
// is (ratio.go). What it returns is an estimate and should be called one.
//
// Call first:
//
//	est, err := tokens.New(tokens.Config{}) // the defaults
//	m := est.For("anthropic.claude-sonnet-4-6-v1:0")
//	n := m.Text(prompt) + m.Image(width, height) + m.Pages(12)
//	n = m.Input(request).Total // of a whole Converse request
//
// and, where usage comes back:
//
//	ratios := tokens.NewRatios(tokens.RatioConfig{})
//	hold := ratios.Upper(model, tenant, n)        // what to reserve
//	ratios.Observe(model, tenant, n, usage.Input) // what it was
//
// Flow: text → units of runs → × family → × learned ratio. Estimates depend on
// nothing but their input and the configuration: the same text gives the same
// count on every machine and in every process. Only Ratios has a memory.
package tokens
