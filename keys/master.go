package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// masterSize is the size of a master key, in bytes.
const masterSize = 32

// Master seals a key store. Its methods are safe for concurrent use.
type Master struct {
	aead cipher.AEAD
	mac  []byte
}

// String hides the key.
func (*Master) String() string { return "master key" }

// GoString does what String does, for %#v.
func (*Master) GoString() string { return "master key" }

// ParseMaster reads a master key: 32 random bytes in base64 or hex, as
// `openssl rand -base64 32` prints them. Words are not taken: they could be
// guessed.
func ParseMaster(text string) (*Master, error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(text); err == nil && len(key) == masterSize {
			return newMaster(key)
		}
	}
	return nil, errors.New("expected 32 random bytes in base64 or hex, as `openssl rand -base64 32` prints them")
}

func newMaster(key []byte) (*Master, error) {
	seal, err := hkdf.Key(sha256.New, key, nil, "outcrop keys: seal", 32)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "outcrop keys: mac", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Master{aead, mac}, nil
}

// seal encrypts a text and binds it to another.
func (m *Master) seal(text, bound string) string {
	nonce := make([]byte, m.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, says its documentation
	return base64.StdEncoding.EncodeToString(m.aead.Seal(nonce, nonce, []byte(text), []byte(bound)))
}

var errSeal = errors.New("the seal is broken")

func (m *Master) open(sealed, bound string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(data) < m.aead.NonceSize() {
		return "", errSeal
	}
	text, err := m.aead.Open(nil, data[:m.aead.NonceSize()], data[m.aead.NonceSize():], []byte(bound))
	if err != nil {
		return "", errSeal
	}
	return string(text), nil
}

// checkText is what File.Check holds, sealed.
const (
	checkText  = "outcrop"
	checkBound = "outcrop keys: check"
)

// bound is what a key's secret is bound to.
func (k *Key) bound() string {
	return strings.Join([]string{"outcrop key", k.ID, string(k.Kind), k.Tenant, k.Expires.Format(time.RFC3339)}, "\n")
}

// sum is the MAC of a file.
func (m *Master) sum(f *File) ([]byte, error) {
	whole := *f
	whole.MAC = ""
	text, err := json.Marshal(whole)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, m.mac)
	mac.Write(text)
	return mac.Sum(nil), nil
}
