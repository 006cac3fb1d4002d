// Package catalog is what Outcrop knows of Amazon Bedrock's models: their ids,
// modalities and limits, and the inference profiles that carry them.
//
// Start with [Default], and ask it with [Catalog.Resolve], which takes what
// callers write into modelId: a model id, a profile id, or the ARN of either.
//
// The data in models.json are facts as of the date it names, gathered from
// public documentation; AWS adds and retires models every month. What differs
// is overridden in configuration: [Catalog.With] makes a catalogue with models
// added or replaced, and aliases for ids that AWS gives only to one account,
// such as application inference profiles.
//
// The package is a leaf: it does no I/O and knows nothing of Outcrop.
package catalog
