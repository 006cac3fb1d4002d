// Package price is what tokens cost: USD per million, by model, and what a
// call's usage comes to.
//
// Start with [Default], and ask it with [Table.Cost], which takes what callers
// write into modelId: a model id, a profile id, or the ARN of either. A price
// that is not known is not zero: Cost then says so.
//
// The data in prices.json are list prices as of the month that it names
// ([Table.AsOf]); they differ by Region and change. [Table.With] puts the
// prices of a configuration before them.
//
// The package is a leaf: it does no I/O and knows nothing of who asks.
package price
