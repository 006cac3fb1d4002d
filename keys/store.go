package keys

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
	"github.com/outcrop-ai/outcrop/owner"
)

// maxFile bounds what is read of a key store, in bytes.
const maxFile = 16 << 20

// Store is the file of keys. A file that is not there is one without keys.
type Store struct {
	Path   string
	Master *Master // nil: secrets are not sealed
}

// Read reads the keys, and opens their secrets.
func (s Store) Read() (*File, error) {
	text, err := readFile(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Format: Format, Sealed: s.Master != nil}, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := s.parse(text)
	if err != nil {
		return nil, fmt.Errorf("the key store %s: %w", s.Path, err)
	}
	return f, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text, err
}

var errSealed = errors.New("it is sealed: set OUTCROP_MASTER_KEY to its master key, or server.masterKeyFile to the file that holds it")

// parse reads the text of a key store. Its errors show nothing of it.
func (s Store) parse(text []byte) (*File, error) {
	f := new(File)
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(f); err != nil {
		return nil, errors.New("it is damaged: not the JSON of a key store")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is damaged: something follows its JSON")
	}
	switch {
	case f.Format != Format:
		return nil, fmt.Errorf("format: it is %d, and this program reads %d: another version wrote it", f.Format, Format)
	case f.Sealed && s.Master == nil:
		return nil, errSealed
	case !f.Sealed && s.Master != nil:
		return nil, errors.New("it is not sealed, and there is a master key: seal it with `outcrop keys seal`, if you know that nobody has changed it")
	}
	if err := s.unseal(f); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range f.Keys {
		k := &f.Keys[i]
		switch {
		case k.ID == "" || seen[k.ID]:
			return nil, fmt.Errorf("it is damaged: keys[%d].id is empty, or that of another", i)
		case k.Kind != Bearer && k.Kind != SigV4:
			return nil, fmt.Errorf("it is damaged: keys[%d].kind is neither bearer nor sigv4", i)
		case k.Tenant == "":
			return nil, fmt.Errorf("it is damaged: keys[%d].tenant is empty", i)
		}
		seen[k.ID] = true
	}
	return f, nil
}

// unseal checks a file against the master key and opens the secrets.
func (s Store) unseal(f *File) error {
	if s.Master == nil {
		for i := range f.Keys {
			f.Keys[i].plain = f.Keys[i].Secret
		}
		return nil
	}
	if text, err := s.Master.open(f.Check, checkBound); err != nil || text != checkText {
		return errors.New("the master key is not the one that it was sealed with")
	}
	sum, err := s.Master.sum(f)
	if err != nil {
		return err
	}
	if told, err := hex.DecodeString(f.MAC); err != nil || !hmac.Equal(told, sum) {
		return errors.New("it was changed without the master key: put a copy back that you trust")
	}
	for i := range f.Keys {
		k := &f.Keys[i]
		if k.Secret == "" {
			continue
		}
		if k.plain, err = s.Master.open(k.Secret, k.bound()); err != nil {
			return fmt.Errorf("keys[%d].secret: %w", i, err)
		}
	}
	return nil
}

// Update reads the keys, has them changed, and writes them, whole and readable
// by this user only. One process at a time does so. When change fails, nothing
// is written.
func (s Store) Update(change func(*File) error) error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	unlock, err := owner.LockFile(s.Path + ".lock")
	if err != nil {
		return fmt.Errorf("the key store %s: %w", s.Path, err)
	}
	defer unlock.Close()
	f, err := s.Read()
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	return s.write(f)
}

// Seal seals a key store that is not sealed yet. It says whether it was not.
func (s Store) Seal() (done bool, err error) {
	if s.Master == nil {
		return false, errors.New("there is no master key: set OUTCROP_MASTER_KEY, or server.masterKeyFile")
	}
	unlock, err := owner.LockFile(s.Path + ".lock")
	if err != nil {
		return false, fmt.Errorf("the key store %s: %w", s.Path, err)
	}
	defer unlock.Close()
	_, sealed := s.Read()
	if sealed == nil {
		return false, nil
	}
	f, err := Store{Path: s.Path}.Read()
	switch {
	case errors.Is(err, errSealed): // with another key, or it is damaged
		return false, sealed
	case err != nil:
		return false, err
	}
	return true, s.write(f)
}

func (s Store) write(f *File) error {
	f.Format, f.Sealed, f.Check, f.MAC = Format, s.Master != nil, "", ""
	for i := range f.Keys {
		k := &f.Keys[i]
		switch {
		case k.plain == "":
			k.Secret = ""
		case s.Master == nil:
			k.Secret = k.plain
		default: // the expiry it is bound to may have changed
			k.Secret = s.Master.seal(k.plain, k.bound())
		}
	}
	if s.Master != nil {
		f.Check = s.Master.seal(checkText, checkBound)
		sum, err := s.Master.sum(f)
		if err != nil {
			return err
		}
		f.MAC = hex.EncodeToString(sum)
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(s.Path, append(text, '\n'))
}

// Warning says what is unsafe about the file, or is empty. A file without the
// secrets of access keys has nothing to hide.
func (s Store) Warning() string {
	if s.Master != nil {
		return ""
	}
	f, err := s.Read()
	if err != nil || !slices.ContainsFunc(f.Keys, func(k Key) bool { return k.plain != "" }) {
		return ""
	}
	// Windows has no such bits; Go makes some up there.
	if info, err := os.Stat(s.Path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Sprintf("%s holds secrets that are not sealed, and others may read it (mode %04o): chmod 600 %s", s.Path, info.Mode().Perm(), s.Path)
	}
	return fmt.Sprintf("the secrets in %s are not sealed: set OUTCROP_MASTER_KEY and run `outcrop keys seal`", s.Path)
}
