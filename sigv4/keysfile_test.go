package sigv4

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const keysText = `# who may call
tenants:
  - name: dev
    accessKeys:
      - id: AKIDEXAMPLE
        secret: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
      - {id: AKIDOTHER, secret: 0123}
    bearerTokens:
      - plain-token
      - sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae # foo
  - name: prod
    account: 012345678901
    bearerTokens: ["another:token"]
`

func TestKeysFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(keysText), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, warning, err := LoadKeys(path)
	if err != nil || warning != "" {
		t.Fatalf("%v, warning %q", err, warning)
	}
	dev, prod := Tenant{"dev", DefaultAccount}, Tenant{"prod", "012345678901"}
	if got := keys.Tenants(); len(got) != 2 || got[0] != dev || got[1] != prod {
		t.Errorf("tenants %+v", got)
	}
	for id, want := range map[string]Key{"AKIDEXAMPLE": {exampleSecret, dev}, "AKIDOTHER": {"0123", dev}} {
		if got, ok := keys.Key(id); !ok || got != want {
			t.Errorf("key %s is %+v (%v)", id, got, ok)
		}
	}
	if _, ok := keys.Key("AKIDNOBODY"); ok {
		t.Error("found a key that is not there")
	}
	for token, want := range map[string]Tenant{"plain-token": dev, "foo": dev, "another:token": prod} {
		if got, ok := keys.Token(sha256.Sum256([]byte(token))); !ok || got != want {
			t.Errorf("token %s is of %+v (%v)", token, got, ok)
		}
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, warning, err = LoadKeys(path)
	if err != nil || !strings.Contains(warning, path) || !strings.Contains(warning, "0640") {
		t.Errorf("%v, warning %q", err, warning)
	}
	if _, _, err := LoadKeys(path + ".missing"); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestKeysFileScalars: a value is read as it was meant, however it is written.
func TestKeysFileScalars(t *testing.T) {
	const head = "tenants:\n  - name: dev\n    accessKeys:\n      - id: A\n        secret: "
	for written, want := range map[string]string{
		"abc": "abc", "'abc'": "abc", "\"a\\x62c\"": "abc", "|\n          abc\n": "abc", ">-\n          abc\n": "abc",
		"&x abc": "abc", "0123": "0123", "1e3": "1e3", "true": "true", "0x1F": "0x1F", "1_000": "1_000", "2001-01-01": "2001-01-01",
		"a/b+c=": "a/b+c=", ".inf": ".inf", "-1.50": "-1.50",
	} {
		keys, err := ParseKeys("k.yaml", []byte(head+written+"\n"))
		if err != nil {
			t.Errorf("%q: %v", written, err)
			continue
		}
		if k, _ := keys.Key("A"); k.Secret != want {
			t.Errorf("%q is read as %q, want %q", written, k.Secret, want)
		}
	}
}

// TestKeysFileErrors: an error names file, line and field, and shows no
// secret (which all begin with "hush" here).
func TestKeysFileErrors(t *testing.T) {
	const head = "tenants:\n  - name: dev\n"
	for _, tt := range []struct{ name, text, says string }{
		{"empty", "", "k.yaml:1: tenants: must list at least one"},
		{"no tenants", "tenants: []", "k.yaml:1: tenants: must list at least one"},
		{"not YAML", "tenants: [\n  {secret: \"hush\n", "k.yaml:"},
		{"tab", "tenants:\n\t- name: hush", "k.yaml:2:"},
		{"unknown field", head + "    secretKey: hush\n", "k.yaml:3: unknown field \"secretKey\""},
		{"field twice", head + "    name: dev2\n", "k.yaml:3: mapping key \"name\""},
		{"no list", head + "    accessKeys: hush\n", "k.yaml:3:"},
		{"a list as a secret", head + "    accessKeys:\n    - id: A\n      secret: [hush]\n", "k.yaml:5:"},
		{"no name", "tenants:\n  - account: 000000000001\n", "tenants[0].name: must be 1 to 64"},
		{"name", "tenants:\n  - name: a b\n", "k.yaml:2: tenants[0].name: must be 1 to 64"},
		{"same name", head + "  - name: dev\n", "k.yaml:3: tenants[1].name: there are two tenants \"dev\""},
		{"account", head + "    account: 12\n", "tenants[0].account: must be 12 digits"},
		{"no id", head + "    accessKeys:\n    - secret: hush\n", "tenants[0].accessKeys[0].id: must be 1 to 128"},
		{"id", head + "    accessKeys:\n    - {id: A/B, secret: hush}\n", "k.yaml:4: tenants[0].accessKeys[0].id: must be"},
		{"same id", head + "    accessKeys:\n    - {id: A, secret: hush}\n    - {id: A, secret: hush2}\n", "k.yaml:5: tenants[0].accessKeys[1].id: there are two access keys \"A\""},
		{"no secret", head + "    accessKeys:\n    - id: A\n", "k.yaml:4: tenants[0].accessKeys[0].secret: must be printable"},
		{"secret", head + "    accessKeys:\n    - {id: A, secret: hush hush}\n", "k.yaml:4: tenants[0].accessKeys[0].secret: must be printable"},
		{"hash", head + "    bearerTokens:\n    - good\n    - sha256:hush\n", "k.yaml:5: tenants[0].bearerTokens[1]: sha256: must have 64 hex digits"},
		{"no hex", head + "    bearerTokens:\n    - sha256:" + strings.Repeat("hush", 16) + "\n", "k.yaml:4: tenants[0].bearerTokens[0]: sha256: must have 64 hex digits"},
		{"same token", head + "    bearerTokens: [hush, hush]\n", "k.yaml:3: tenants[0].bearerTokens[1]: the same token"},
		{"a tag on a list", head + "    bearerTokens: !x hush\n", "k.yaml:"},
		{"tag", head + "    accessKeys:\n    - {id: A, secret: !!str hush}\n", "k.yaml:4: "},
		{"alias", head + "    account: *a\n", "k.yaml:3: "},
		{"empty token", head + "    bearerTokens: ['']\n", "k.yaml:3: tenants[0].bearerTokens[0]: must be printable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseKeys("k.yaml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}
