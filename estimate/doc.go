// Package estimate says what calls may cost, before they are made.
//
// [Converse] and [Native] look at one request, [Records] at the input of a job;
// a [Work] adds them up, and [Work.Cost] prices it.
//
// There is no public tokenizer for most models, so input tokens are an
// estimate, see package tokens, and the upper bound adds a margin for it. How
// much a model will write nobody knows: the upper bound takes the output limit
// of each request, or the model's own where it has none.
//
// The package does no I/O but for reading what it is given.
package estimate
