// Package yamlfile reads YAML files of settings, which may hold secrets and
// may be damaged. It stands between Outcrop and the YAML library for two
// reasons: the library's errors show the lines around a mistake, secrets and
// all, and it panics on a few damaged files. The errors made here are one
// line, "file:line: what is wrong", each an [*Error], and never repeat a value.
//
// Start with [Parse], which gives a small tree of [Node]s that know their
// lines; or with [Decode], which fills Go values that do their own reading.
// Both take text; [Read] gets it from a file of bounded size.
package yamlfile
