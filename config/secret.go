package config

import (
	"bytes"
	"encoding/base64"

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

// ConversationKeySize is how long the key of conversations is, in bytes.
const ConversationKeySize = 32

// ConversationKey is the key with which conversations are encrypted, or nil. It
// is read when it is asked for, and is not kept.
func (c *Config) ConversationKey() ([]byte, error) {
	var text []byte
	path := "conversations.encryptionKeyEnv"
	switch set := &c.Conversations; {
	case set.EncryptionKeyEnv != "":
		value, ok := c.lookup(set.EncryptionKeyEnv)
		if !ok || value == "" {
			return nil, c.failure(path, "the environment variable %s is not set", set.EncryptionKeyEnv)
		}
		text = []byte(value)
	case set.EncryptionKeyFile != "":
		path = "conversations.encryptionKeyFile"
		var err error
		if text, _, err = yamlfile.Read(set.EncryptionKeyFile, maxKeyFile); err != nil {
			return nil, c.failure(path, "%v", err)
		}
	default:
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != ConversationKeySize {
		return nil, c.failure(path, "expected %d bytes in base64, as openssl rand -base64 %d makes them", ConversationKeySize, ConversationKeySize)
	}
	return key, nil
}
