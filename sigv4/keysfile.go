package sigv4

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// maxKeysFile is the largest keys file that is read, in bytes.
const maxKeysFile = 4 << 20

// LoadKeys reads a keys file:
//
//	tenants:
//	  - name: dev
//	    account: "123456789012"        # of its ARNs; 000000000000 when missing
//	    accessKeys:
//	      - id: AKIDEXAMPLE
//	        secret: …
//	    bearerTokens:
//	      - sha256:…                   # of the token, in hex
//	      - the token itself
//
// The warning is not empty when others than its owner may read the file. An
// error names file, line and field, and never shows a secret.
func LoadKeys(path string) (keys *Keyring, warning string, err error) {
	data, info, err := yamlfile.Read(path, maxKeysFile)
	if err != nil {
		return nil, "", err
	}
	if keys, err = ParseKeys(path, data); err != nil {
		return nil, "", err
	}
	// Windows has no such bits; Go makes some up there.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		warning = fmt.Sprintf("%s holds secrets and others may read it (mode %04o): chmod 600 %s", path, mode, path)
	}
	return keys, warning, nil
}

// ParseKeys reads the text of a keys file, whose name is for errors only.
func ParseKeys(name string, data []byte) (*Keyring, error) {
	var file struct {
		Tenants []struct {
			Name       text `yaml:"name"`
			Account    text `yaml:"account"`
			AccessKeys []struct {
				ID     text `yaml:"id"`
				Secret text `yaml:"secret"`
			} `yaml:"accessKeys"`
			BearerTokens []text `yaml:"bearerTokens"`
		} `yaml:"tenants"`
	}
	if err := yamlfile.Decode(name, "a keys file", data, &file); err != nil {
		return nil, err
	}
	if len(file.Tenants) == 0 {
		return nil, fmt.Errorf("%s:1: tenants: must list at least one", name)
	}
	keys := &Keyring{}
	line := 1 // of the last text that was there, for what is missing after it
	at := func(t text) int {
		if t.line > 0 {
			line = t.line
		}
		return line
	}
	for i, t := range file.Tenants {
		field := fmt.Sprintf("tenants[%d]", i)
		tenant, err := keys.AddTenant(Tenant{Name: t.Name.value, Account: t.Account.value})
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s.%w", name, at(t.Name), field, err)
		}
		at(t.Name)
		for j, k := range t.AccessKeys {
			if err := keys.AddKey(tenant, k.ID.value, k.Secret.value); err != nil {
				return nil, fmt.Errorf("%s:%d: %s.accessKeys[%d].%w", name, at(k.ID), field, j, err)
			}
			at(k.Secret)
		}
		for j, token := range t.BearerTokens {
			if err := keys.AddToken(tenant, token.value); err != nil {
				return nil, fmt.Errorf("%s:%d: %s.bearerTokens[%d]: %w", name, at(token), field, j, err)
			}
		}
	}
	return keys, nil
}

// text is a scalar as it was written, so that an account of digits stays a
// text, with the line it is on.
type text struct {
	value string
	line  int
}

// UnmarshalYAML takes any scalar. Its errors must not show what it was given.
func (t *text) UnmarshalYAML(n ast.Node) error {
	token := n.GetToken()
	t.line = token.Position.Line
	unexpected := &yaml.UnexpectedNodeTypeError{Actual: n.Type(), Expected: ast.StringType, Token: token}
	switch n := n.(type) {
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode: // their token is not the value
		return unexpected
	case *ast.LiteralNode: // a block text ends with a line break
		t.value = string(bytes.TrimSpace([]byte(n.Value.Value)))
	case *ast.NullNode:
	case ast.ScalarNode:
		t.value = token.Value
	default:
		return unexpected
	}
	return nil
}
