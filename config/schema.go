package config

import _ "embed"

// Schema is the JSON Schema of the configuration file, for editors.
//
//go:embed schema.json
var Schema []byte
