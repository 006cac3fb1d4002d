package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop/config"
)

const head = `<!-- Written by go generate ./config from config/file.go; change it there. -->
# Configuration
Outcrop needs no configuration: without any, the built-in simulator answers. ` + "`outcrop init`" + ` writes a file to begin with, ` + "`outcrop config check`" + ` says what is wrong with it, and ` + "`outcrop profile`" + ` shows what is in force and why.

Every setting comes from the first of these that has it:

1. a flag of its own (` + "`--region`" + `), or ` + "`--set PATH=VALUE`" + ` for any setting (` + "`--set server.limits.maxBody=50MB`" + `);
2. the environment: the variables in the tables, and ` + "`OUTCROP_`" + ` with the path for every setting that has a fixed one;
3. the file: of ` + "`--config`" + `, else ` + "`$OUTCROP_CONFIG`" + `, else ` + "`outcrop.yaml`" + ` in the working directory, else ` + "`outcrop/outcrop.yaml`" + ` in the user's configuration directory; in it, the section of the profile in force comes before the rest. ` + "`--config none`" + ` reads no file;
4. the default.

An empty environment variable counts as not set. A key that is not known is an error that names the file, the line and the nearest known key. Times are written like ` + "`500ms`, `30s` or `5m`" + `, sizes like ` + "`64KiB` or `25MB`" + `. YAML's anchors, aliases, merges and tags are not read.

Editors complete and check the file with the schema that ` + "`outcrop config schema`" + ` prints, by this line at its top:
` + "```yaml" + `
# yaml-language-server: $schema=./outcrop.schema.json
` + "```" + `
Secrets do not stand in the file. A back-end's API key is named by ` + "`apiKeyEnv` or `apiKeyFile`" + `, and ` + "`${NAME}`" + ` takes a value from the environment where a setting says so below, nowhere else. Keys of the server's own tenants are made by ` + "`outcrop keys`" + ` and lie in the file that ` + "`server.keyStore`" + ` names.

`

// reference is the page of all settings.
func reference(types map[string][]setting) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	section(&b, types, "File", "", true)
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// section writes the table of a struct, then those of the structs in it.
// fixed tells whether its settings have a path of their own.
func section(b *bytes.Buffer, types map[string][]setting, name, path string, fixed bool) {
	title := path
	if title == "" {
		title = "Top level"
	}
	fmt.Fprintf(b, "## %s\n| key | what it is | default |", title)
	if fixed {
		b.WriteString(" environment |\n| --- | --- | --- | --- |\n")
	} else {
		b.WriteString("\n| --- | --- | --- |\n")
	}
	for _, s := range types[name] {
		fmt.Fprintf(b, "| `%s` | %s | %s |", s.key, description(types, s), defaultOf(s))
		if fixed {
			fmt.Fprintf(b, " %s |", variables(types, s, join(path, s.key)))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, s := range types[name] {
		if _, ok := types[inner(s.kind)]; !ok {
			continue
		}
		at := join(path, s.key)
		switch {
		case strings.HasPrefix(s.kind, "map["):
			section(b, types, inner(s.kind), at+".NAME", false)
		case strings.HasPrefix(s.kind, "[]"):
			section(b, types, inner(s.kind), at+"[]", false)
		default:
			section(b, types, s.kind, at, fixed)
		}
	}
}

func description(types map[string][]setting, s setting) string {
	text := strings.ReplaceAll(s.text, "|", "\\|")
	text = strings.ReplaceAll(text, "*", "\\*")
	if known := strings.Fields(s.tag.Get("enum")); len(known) > 0 {
		text += " One of `" + strings.Join(known, "`, `") + "`."
	}
	if kinds := strings.Fields(s.tag.Get("kind")); len(kinds) > 0 {
		text += " For kind " + strings.Join(kinds, " and ") + "."
	}
	if s.tag.Get("expand") != "" {
		text += " `${NAME}` is expanded."
	}
	if _, ok := types[inner(s.kind)]; !ok && strings.HasPrefix(s.kind, "[]") {
		text += " A list; with commas between outside the file."
	}
	return text
}

func defaultOf(s setting) string {
	if value := s.tag.Get("default"); value != "" {
		return "`" + value + "`"
	}
	return ""
}

func variables(types map[string][]setting, s setting, path string) string {
	if _, ok := types[inner(s.kind)]; ok || strings.HasPrefix(s.kind, "map[") {
		return ""
	}
	return "`" + strings.Join(config.EnvNames(path, s.tag.Get("env")), "`, `") + "`"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
