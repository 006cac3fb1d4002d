package simulator

import (
	"encoding/json"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// sayJSON puts a tool's JSON into words, member by member in their order:
// {"temperature": 21, "sky": "clear"} becomes "temperature is 21, sky is clear".
func sayJSON(value bedrock.Document) string {
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	var b strings.Builder
	if !say(d, &b, 0) {
		return string(value)
	}
	return b.String()
}

const maxSayDepth = 3

// say reads one value. It gives up on what is nested too deep for a sentence.
func say(d *json.Decoder, b *strings.Builder, depth int) bool {
	token, err := d.Token()
	if err != nil || depth > maxSayDepth {
		return false
	}
	switch v := token.(type) {
	case json.Delim:
		first := true
		for d.More() {
			if !first {
				b.WriteString(", ")
			}
			first = false
			if v == '{' {
				name, err := d.Token()
				if err != nil {
					return false
				}
				b.WriteString(name.(string))
				b.WriteString(" is ")
			}
			if !say(d, b, depth+1) {
				return false
			}
		}
		if first {
			b.WriteString("empty")
		}
		_, err := d.Token()
		return err == nil
	case string:
		b.WriteString(v)
	case json.Number:
		b.WriteString(v.String())
	case bool:
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	default:
		b.WriteString("unknown")
	}
	return true
}
