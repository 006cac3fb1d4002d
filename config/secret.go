package config

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// maxKeyFile is the size of the largest API key file, in bytes.
const maxKeyFile = 64 << 10

// APIKey is the API key of a back-end, or "" when it has none. It is read when
// it is asked for, and is not kept.
func (c *Config) APIKey(backend string) (string, error) {
	b := c.Backends[backend]
	switch {
	case b.APIKeyEnv != "":
		key, ok := c.lookup(b.APIKeyEnv)
		if !ok || key == "" {
			return "", c.failure("backends."+backend+".apiKeyEnv", "the environment variable %s is not set", b.APIKeyEnv)
		}
		return key, nil
	case b.APIKeyFile != "":
		text, _, err := yamlfile.Read(b.APIKeyFile, maxKeyFile)
		if err != nil {
			return "", c.failure("backends."+backend+".apiKeyFile", "%v", err)
		}
		key := bytes.TrimSpace(text)
		if len(key) == 0 || bytes.ContainsAny(key, "\r\n") {
			return "", c.failure("backends."+backend+".apiKeyFile", "expected one line with the key")
		}
		return string(key), nil
	}
	return "", nil
}
