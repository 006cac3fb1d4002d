package conversations

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/outcrop-ai/outcrop/journal"
)

// The first byte of a record.
const (
	plain  = 0
	sealed = 1 // then nonce and ciphertext of AES-256-GCM
)

// KeySize is how long a key is, in bytes.
const KeySize = 32

// KeyError is the error of a key that is missing or is not the right one.
type KeyError struct{ Reason string }

func (e *KeyError) Error() string { return e.Reason }

var (
	errNoKey    = &KeyError{"the conversations of this data directory are encrypted, and no key is configured"}
	errWrongKey = &KeyError{"the configured key is not the one that the conversations of this data directory are encrypted with"}
)

// sealer encrypts records with a nonce of their own, which is random: 2^32
// records under one key are safe (NIST SP 800-38D, section 8.3).
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	if len(key) != KeySize {
		return nil, &KeyError{fmt.Sprintf("the key of conversations has %d bytes, and needs %d", len(key), KeySize)}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// seal makes what is stored of a record. It is bound to its place, so that
// nobody can move it to another conversation.
func (s *Store) seal(record []byte, at string) ([]byte, error) {
	if s.sealer == nil {
		return append([]byte{plain}, record...), nil
	}
	a := s.sealer.aead
	nonce := make([]byte, a.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 1+len(nonce)+len(record)+a.Overhead())
	out = append(append(out, sealed), nonce...)
	return a.Seal(out, nonce, record, []byte(at)), nil
}

// open is the record that was stored.
func (s *Store) open(data []byte, at string) ([]byte, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("a record of a conversation is empty")
	case data[0] == plain:
		return data[1:], nil
	case data[0] != sealed:
		return nil, fmt.Errorf("a record of a conversation begins with byte %d, which this program does not know", data[0])
	case s.sealer == nil:
		return nil, errNoKey
	}
	a := s.sealer.aead
	if len(data) < 1+a.NonceSize() {
		return nil, errors.New("a record of a conversation is cut short")
	}
	record, err := a.Open(nil, data[1:1+a.NonceSize()], data[1+a.NonceSize():], []byte(at))
	if err != nil {
		return nil, &KeyError{"a record of a conversation cannot be decrypted: it was changed, or written with another key"}
	}
	return record, nil
}

const checkKey = "key"

// checkKey holds the key against the one that the store was encrypted with, and
// notes it when it is the first.
func (s *Store) checkKey(ctx context.Context) error {
	m, err := s.heads.Get(ctx, checkKey)
	if errors.Is(err, journal.ErrNotFound) {
		if s.sealer == nil {
			return nil
		}
		check, err := s.seal([]byte("outcrop"), checkKey)
		if err != nil {
			return err
		}
		_, err = s.heads.Create(ctx, checkKey, check)
		return err
	}
	if err != nil {
		return err
	}
	if s.sealer == nil {
		return errNoKey
	}
	if _, err := s.open(m.Data, checkKey); err != nil {
		return errWrongKey
	}
	return nil
}
