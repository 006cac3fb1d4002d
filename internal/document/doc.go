// Package document walks the overview of the inference methods that Outcrop
// was built after, and shows for each of its statements that it is true here.
//
// [Read] takes the document (testdata/document.md) apart into items: the
// paragraphs, the list of the methods, every "when to use", every quota
// consideration, every best practice, every row of the tables and every block
// of code. TestDocument holds each of them against a table of checks. A check
// runs something, a command of the built program, a call of the manager, or a
// snippet under Python, and asserts what the item says. An item without a
// check fails the test, and so does a check without an item, or one that runs
// or asserts nothing.
//
//	document.md ── Read ── items ── checks ── what ran, what it printed, what held
//
// scripts/document.sh prints the walk.
package document
