// Command configref writes what follows from the settings' Go types: the JSON
// Schema that editors complete and check outcrop.yaml with, and the reference
// in docs/configuration.md. Run it with `go generate ./config`.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	in := flag.String("in", ".", "directory of package config")
	schema := flag.String("schema", "", "file of the JSON Schema to write")
	doc := flag.String("doc", "", "file of the reference to write")
	flag.Parse()
	types, err := parse(filepath.Join(*in, "file.go"))
	if err != nil {
		log.Fatal(err)
	}
	for path, text := range map[string][]byte{*schema: schemaOf(types), *doc: reference(types)} {
		if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // sources are for everybody
			log.Fatal(err)
		}
	}
}
