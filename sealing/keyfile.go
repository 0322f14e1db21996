package sealing

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

const (
	keyFileVersion = 1
	maxKeyFile     = 1 << 20 // bytes; MaxKeys keys take a fifth of it
)

// keyFile is a keyring as JSON. Ids are 8 hexadecimal digits, secrets base64. The
// order of keys is that in which they were added. Keys derived for a namespace
// have fields of their own, so that they are not taken for roots.
type keyFile struct {
	Version   int         `json:"version"`
	Namespace string      `json:"namespace,omitempty"`
	Primary   keyID       `json:"primary"`
	NotBefore time.Time   `json:"not_before,omitzero"`
	NameRoot  secretBytes `json:"name_root,omitempty"`
	// In place of NameRoot, in the key file of a namespace.
	NameKey secretBytes    `json:"name_key,omitempty"`
	Keys    []keyFileEntry `json:"keys"`
}

type keyFileEntry struct {
	ID      keyID     `json:"id"`
	Created time.Time `json:"created,omitzero"`
	State   string    `json:"state"`
	// Only of enabled keys.
	Secret secretBytes `json:"secret,omitempty"`
	// In place of Secret, in the key file of a namespace.
	DataKey secretBytes `json:"data_key,omitempty"`
}

const (
	stateEnabled = "enabled"
	stateRetired = "retired"
)

// ReadKeyFile reads a keyring from a file that WriteFile or cryptomem keygen made.
// It refuses a file that others could have read or put there, with a
// [safefile.ExposedError]: one whose group or others may access it (but see
// [safefile.CheckMode] for secrets that a platform mounts), one that belongs
// neither to this process's user nor to root, and one in a folder that everyone
// may write.
func ReadKeyFile(path string) (*Keyring, error) {
	b, err := safefile.ReadSecret(path, maxKeyFile)
	return parseFile(path, b, err)
}

// ReadKeyFileOfAny is ReadKeyFile for tools that maintain other users' key files: run
// by root, it accepts a file of any owner. Do not seal with the keyring it returns.
func ReadKeyFileOfAny(path string) (*Keyring, error) {
	b, err := safefile.ReadSecretOfAny(path, maxKeyFile)
	return parseFile(path, b, err)
}

// ChangeKeyFile reads a keyring from a file, calls change, and replaces the file
// atomically unless change fails. Run by root, it accepts another user's file, which
// keeps its owner.
func ChangeKeyFile(path string, change func(*Keyring) error) error {
	kr, err := ReadKeyFileOfAny(path)
	if err != nil {
		return err
	}
	if err = change(kr); err == nil {
		err = kr.WriteFile(path)
	}
	return errors.Join(err, kr.Close())
}

// parseFile clears b.
func parseFile(path string, b []byte, err error) (*Keyring, error) {
	defer clear(b)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	kr, err := ParseKeyFile(b)
	if err != nil {
		return nil, fmt.Errorf("sealing: %s: %w", path, err)
	}
	return kr, nil
}

// CreateFile stores the keyring in a new file that only its owner may access. It
// fails with fs.ErrExist where there is one already.
func (kr *Keyring) CreateFile(path string) error {
	b, err := kr.encode()
	defer clear(b)
	if err == nil {
		err = safefile.Create(path, b)
	}
	return written(path, err)
}

// WriteFile is like CreateFile but atomically replaces an existing file, so that no
// reader sees half a keyring. The new file has the owner, the group and the mode of
// the old one.
func (kr *Keyring) WriteFile(path string) error {
	b, err := kr.encode()
	defer clear(b)
	if err == nil {
		err = safefile.Replace(path, safefile.Alike, func(f *os.File) error {
			_, err := f.Write(b)
			return err
		})
	}
	return written(path, err)
}

func written(path string, err error) error {
	if err != nil {
		return fmt.Errorf("sealing: write %s: %w", path, err)
	}
	return nil
}

func (kr *Keyring) encode() ([]byte, error) {
	if !utf8.ValidString(kr.namespace) {
		return nil, errors.New("a namespace that is not UTF-8 cannot stand in a key file")
	}
	file := keyFile{Version: keyFileVersion, Namespace: kr.namespace, Primary: keyID(kr.primary), NotBefore: kr.notBefore.UTC()}
	if kr.nameRoot != nil {
		*file.nameSecret() = kr.nameRoot()
	}
	for _, k := range kr.keys {
		entry := keyFileEntry{ID: keyID(k.id), Created: k.created.UTC(), State: stateRetired}
		if k.secret != nil {
			entry.State = stateEnabled
			*file.keySecret(&entry) = k.secret()
		}
		file.Keys = append(file.Keys, entry)
	}
	b, err := json.MarshalIndent(file, "", "  ")
	return append(b, '\n'), err
}

// withoutContent returns an error of decoding without what was decoded: a file
// that is no key file may be another secret.
func withoutContent(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("it is not JSON, from byte %d on", syntax.Offset)
	}
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		return fmt.Errorf("a value of the wrong type ends at byte %d", kind.Offset)
	}
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("its end is missing")
	}
	return err
}

// ParseKeyFile reads a keyring from the content of a key file, for programs that do
// not keep it in a file. It ignores a leading byte order mark. It copies the secrets;
// the caller should wipe b.
func ParseKeyFile(b []byte) (*Keyring, error) {
	var file keyFile
	defer file.wipe()
	d := json.NewDecoder(bytes.NewReader(safefile.WithoutMark(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("no key file: %w", withoutContent(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("no key file: something follows the closing brace")
	}
	if file.Version != keyFileVersion {
		return nil, fmt.Errorf("key file version %d, want %d", file.Version, keyFileVersion)
	}
	if err := file.checkKind(); err != nil {
		return nil, err
	}
	kr := &Keyring{}
	if err := kr.fill(&file); err != nil {
		return nil, errors.Join(err, kr.Close())
	}
	return kr, nil
}

func (kr *Keyring) fill(file *keyFile) error {
	if len(file.Namespace) > MaxNamespace {
		return errNamespaceSize(file.Namespace)
	}
	kr.namespace, kr.notBefore = file.Namespace, file.NotBefore
	for _, e := range file.Keys {
		if err := kr.insertEntry(e.ID, e.State, e.Created, *file.keySecret(&e)); err != nil {
			return err
		}
	}
	if secret := *file.nameSecret(); secret != nil {
		var err error
		if kr.nameRoot, err = newSecret("name root", secret); err != nil {
			return err
		}
	}
	if err := kr.Promote(uint32(file.Primary)); err != nil {
		return fmt.Errorf("primary: %w", err)
	}
	return nil
}

// keySecret returns where e has its secret in this kind of file.
func (f *keyFile) keySecret(e *keyFileEntry) *secretBytes {
	if f.Namespace != "" {
		return &e.DataKey
	}
	return &e.Secret
}

// nameSecret returns where f has the secret of blind names.
func (f *keyFile) nameSecret() *secretBytes {
	if f.Namespace != "" {
		return &f.NameKey
	}
	return &f.NameRoot
}

// checkKind refuses secrets in the fields of the other kind of file.
func (f *keyFile) checkKind() error {
	derived := f.Namespace != ""
	stray := f.NameKey != nil && !derived || f.NameRoot != nil && derived
	for _, e := range f.Keys {
		stray = stray || e.DataKey != nil && !derived || e.Secret != nil && derived
	}
	switch {
	case stray && derived:
		return errors.New("a key file of a namespace holds data_key and name_key, no secret and no name_root")
	case stray:
		return errors.New("a key file with data_key or name_key must name their namespace")
	}
	return nil
}

// wipe clears the secrets that were decoded into f.
func (f *keyFile) wipe() {
	clear(f.NameRoot)
	clear(f.NameKey)
	for _, e := range f.Keys {
		clear(e.Secret)
		clear(e.DataKey)
	}
}

func (kr *Keyring) insertEntry(id keyID, state string, created time.Time, secret []byte) error {
	k := ringKey{id: uint32(id), created: created}
	switch state {
	case stateEnabled:
		var err error
		if k.secret, err = newSecret("secret", secret); err != nil {
			return fmt.Errorf("key %s: %w", id, err)
		}
	case stateRetired:
		if secret != nil {
			return fmt.Errorf("key %s: a retired key has no secret", id)
		}
	default:
		return fmt.Errorf("key %s: state is %q, must be %q or %q", id, state, stateEnabled, stateRetired)
	}
	return kr.insert(k)
}

// ParseKeyID reads a key id as it is printed: 8 hexadecimal digits.
func ParseKeyID(s string) (uint32, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, fmt.Errorf("sealing: key id %q is not 8 hexadecimal digits", s)
	}
	return binary.BigEndian.Uint32(b), nil
}

type keyID uint32

func (id keyID) String() string               { return fmt.Sprintf("%08x", uint32(id)) }
func (id keyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *keyID) UnmarshalText(b []byte) error {
	n, err := ParseKeyID(string(b))
	*id = keyID(n)
	return err
}

// secretBytes keeps what it holds out of the errors that encoding/json makes.
type secretBytes []byte

func (s secretBytes) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, s), nil
}

func (s *secretBytes) UnmarshalText(b []byte) error {
	secret, err := base64.StdEncoding.Strict().AppendDecode(nil, b)
	if err != nil {
		return errors.New("a secret is not base64")
	}
	*s = secret
	return nil
}
