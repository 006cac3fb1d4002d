// Package config reads Outcrop's settings: flags, environment, the file
// outcrop.yaml, and defaults, in this order, and remembers where each value
// came from.
//
// Call [Load]; it gives a [Config], whose [File] holds every setting with its
// value in force and whose [Config.Origin] tells the origin of each. [File] is
// the one description of the settings: the reader, the environment variables,
// the JSON Schema for editors ([Schema]) and docs/configuration.md all follow
// from its fields, tags and comments.
//
//	outcrop.yaml ── yamlfile ── read.go ──┐
//	environment ─── env.go ───────────────┼── Load ── check.go ── Config
//	flags, --set ── set.go ───────────────┘
//
// A key that is not known is an error that names file, line and the nearest
// known key. Errors never repeat the value of a setting that may be secret.
package config

//go:generate go run ../internal/configref -in . -schema schema.json -doc ../docs/configuration.md
