package main

import (
	"bytes"
	"encoding/json"
)

// orderedMembers keeps the order in which the model declares members, since
// it is the order that readers of the API know and that encoded JSON follows.
type orderedMembers []namedRef

type namedRef struct {
	Name string
	Ref
}

// UnmarshalJSON reads the object member by member.
func (m *orderedMembers) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		member := namedRef{Name: name.(string)}
		if err := d.Decode(&member.Ref); err != nil {
			return err
		}
		*m = append(*m, member)
	}
	return nil
}
